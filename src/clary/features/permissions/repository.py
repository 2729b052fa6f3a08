"""The rule as a condition inside a query, so that what may not be seen is never read; and the rows of grants."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, false, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute

from clary.db.session import Session
from clary.features.permissions.policy import Grant, GranteeKind, Identity, ObjectType, Permission
from clary.features.permissions.tables import GrantRow

MAX_IN = 5000
"""Values of one `IN`; the databases take some 32,000."""


def visible_to(identity: Identity, owner: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Rows that belong to the identity; all rows for an admin."""
    if identity.is_admin:
        return true()
    return owned_by(identity.user_id, owner)


def owned_by(user_id: str, owner: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Rows of exactly this owner; the empty user id matches nothing."""
    return owner == user_id if user_id else false()


def granted_to(
    identity: Identity, object_type: ObjectType, object_id: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """Rows that are granted to the identity, or to a group it belongs to now."""
    if not identity.user_id:
        return false()
    return object_id.in_(
        select(GrantRow.object_id).where(
            GrantRow.object_type == object_type, _is_for(identity.user_id, identity.group_ids)
        )
    )


def _is_for(user_id: str, group_ids: Collection[str]) -> ColumnElement[bool]:
    personally = and_(GrantRow.kind == "user", GrantRow.grantee_id == user_id)
    if not group_ids:
        return personally
    return or_(personally, and_(GrantRow.kind == "group", GrantRow.grantee_id.in_(sorted(group_ids)[:MAX_IN])))


class GrantRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_of(self, object_type: ObjectType, object_id: str) -> list[Grant]:
        """The grants of an object in the order granted."""
        query = select(GrantRow).where(GrantRow.object_type == object_type, GrantRow.object_id == object_id)
        rows = await self._session.scalars(query.order_by(GrantRow.grant_id))
        return [
            Grant(row.kind, row.grantee_id, row.granted_by, row.granted_at, row.permission or "read") for row in rows
        ]

    async def list_shared(self, object_type: ObjectType, object_ids: Collection[str]) -> set[str]:
        """Those of the objects that have a grant."""
        found: set[str] = set()
        for ids in _portions(object_ids):
            query = select(GrantRow.object_id).where(GrantRow.object_type == object_type, GrantRow.object_id.in_(ids))
            found.update(await self._session.scalars(query.distinct()))
        return found

    async def list_granted(self, object_type: ObjectType, user_id: str, group_ids: Collection[str]) -> set[str]:
        """Ids of what is granted to a person or to these groups."""
        query = select(GrantRow.object_id).where(GrantRow.object_type == object_type, _is_for(user_id, group_ids))
        return set(await self._session.scalars(query.distinct()))

    async def list_writable(self, object_type: ObjectType, identity: Identity, ids: Collection[str]) -> set[str]:
        """Those of the objects that are granted to the identity to write."""
        if not identity.user_id:
            return set()
        is_for = _is_for(identity.user_id, identity.group_ids)
        found: set[str] = set()
        for portion in _portions(ids):
            query = select(GrantRow.object_id).where(
                GrantRow.object_type == object_type,
                GrantRow.object_id.in_(portion),
                GrantRow.permission == "write",
                is_for,
            )
            found.update(await self._session.scalars(query.distinct()))
        return found

    async def change_permission(
        self, object_type: ObjectType, object_id: str, kind: GranteeKind, grantee_id: str, permission: Permission
    ) -> None:
        """Says what a grant lets somebody do."""
        await self._session.execute(
            update(GrantRow)
            .where(
                GrantRow.object_type == object_type,
                GrantRow.object_id == object_id,
                GrantRow.kind == kind,
                GrantRow.grantee_id == grantee_id,
            )
            .values(permission=permission)
        )

    async def add(
        self,
        object_type: ObjectType,
        object_id: str,
        kind: GranteeKind,
        grantee_ids: Sequence[str],
        *,
        granted_by: str,
        now: datetime,
    ) -> None:
        """Grants in this order."""
        for grantee_id in grantee_ids:
            self._session.add(
                GrantRow(
                    object_type=object_type,
                    object_id=object_id,
                    kind=kind,
                    grantee_id=grantee_id,
                    granted_by=granted_by,
                    granted_at=now,
                )
            )
            # One by one: the numbers are the order.
            await self._session.flush()

    async def remove(
        self, object_type: ObjectType, object_id: str, kind: GranteeKind, grantee_ids: Collection[str]
    ) -> None:
        """Ends some grants of an object."""
        for ids in _portions(grantee_ids):
            await self._session.execute(
                delete(GrantRow).where(
                    GrantRow.object_type == object_type,
                    GrantRow.object_id == object_id,
                    GrantRow.kind == kind,
                    GrantRow.grantee_id.in_(ids),
                )
            )

    async def forget_object(self, object_type: ObjectType, object_id: str) -> None:
        """Ends every grant of an object."""
        await self._session.execute(
            delete(GrantRow).where(GrantRow.object_type == object_type, GrantRow.object_id == object_id)
        )

    async def forget_grantee(self, kind: GranteeKind, grantee_id: str) -> int:
        """Ends every grant to somebody; returns how many there were."""
        gone = await self._session.scalars(
            delete(GrantRow)
            .where(GrantRow.kind == kind, GrantRow.grantee_id == grantee_id)
            .returning(GrantRow.grant_id)
        )
        return len(gone.all())


def _portions(ids: Collection[str]) -> Iterator[list[str]]:
    whole = list(ids)
    for start in range(0, len(whole), MAX_IN):
        yield whole[start : start + MAX_IN]
