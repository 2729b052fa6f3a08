"""What people give to others: kept, replaced, ended (product.md 3.3). Who is who is judged by those who ask."""

from collections.abc import Collection, Mapping, Sequence

from clary.db.session import Session
from clary.features.permissions.policy import Grant, GranteeKind, Identity, ObjectType, Permission
from clary.features.permissions.repository import GrantRepository
from clary.kit.clock import Clock


class Grants:
    """Every method works in the caller's transaction; a change counts at the next use."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def list_grants(self, db: Session, *, object_type: ObjectType, object_id: str) -> list[Grant]:
        """The grants of an object in the order granted."""
        return await GrantRepository(db).list_of(object_type, object_id)

    async def set_permissions(
        self,
        db: Session,
        *,
        object_type: ObjectType,
        object_id: str,
        kind: GranteeKind,
        permissions: Mapping[str, Permission],
    ) -> list[str]:
        """What each of the grantees may do; returns those for whom it changed."""
        grants = GrantRepository(db)
        known = {
            each.grantee_id: each.permission
            for each in await grants.list_of(object_type, object_id)
            if each.kind == kind
        }
        changed = [each for each, wanted in permissions.items() if each in known and known[each] != wanted]
        for grantee_id in changed:
            await grants.change_permission(object_type, object_id, kind, grantee_id, permissions[grantee_id])
        return changed

    async def find_writable(
        self, db: Session, *, object_type: ObjectType, identity: Identity, object_ids: Collection[str]
    ) -> frozenset[str]:
        """Those of the objects that the caller was granted to write, in person or by a group."""
        return frozenset(await GrantRepository(db).list_writable(object_type, identity, object_ids))

    async def replace(
        self,
        db: Session,
        *,
        object_type: ObjectType,
        object_id: str,
        kind: GranteeKind,
        grantee_ids: Sequence[str],
        granted_by: str,
    ) -> tuple[list[str], list[str]]:
        """Makes these the only grantees of a kind; known ones keep their place and date.

        Returns (added, removed).
        """
        grants = GrantRepository(db)
        known = [row.grantee_id for row in await grants.list_of(object_type, object_id) if row.kind == kind]
        wanted = list(dict.fromkeys(grantee_ids))
        removed, added = [each for each in known if each not in wanted], [each for each in wanted if each not in known]
        await grants.remove(object_type, object_id, kind, removed)
        await grants.add(object_type, object_id, kind, added, granted_by=granted_by, now=self._clock.now())
        return added, removed

    async def find_shared(self, db: Session, *, object_type: ObjectType, object_ids: Collection[str]) -> frozenset[str]:
        """Those of the objects that are granted to anybody."""
        return frozenset(await GrantRepository(db).list_shared(object_type, object_ids))

    async def find_reachable(
        self, db: Session, *, object_type: ObjectType, user_id: str, group_ids: Collection[str]
    ) -> frozenset[str]:
        """Ids of all objects that are granted to a person, or to one of these groups."""
        return frozenset(await GrantRepository(db).list_granted(object_type, user_id, group_ids))

    async def forget_object(self, db: Session, *, object_type: ObjectType, object_id: str) -> None:
        """Ends every grant of an object."""
        await GrantRepository(db).forget_object(object_type, object_id)

    async def forget_group(self, db: Session, *, group_id: str) -> None:
        """Ends every grant to a group."""
        await GrantRepository(db).forget_grantee("group", group_id)

    async def forget_user(self, db: Session, *, user_id: str) -> int:
        """Ends every grant to a person; returns how many there were."""
        return await GrantRepository(db).forget_grantee("user", user_id)
