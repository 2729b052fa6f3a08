"""Every SQL statement about groups; who may see a group is part of the query."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from clary.db.session import Session, add_unless_taken
from clary.features.groups.policy import MAX_MEMBERS_SHOWN, MAX_OPTIONS, MemberRole
from clary.features.groups.tables import GroupMemberRow, GroupRow

BY_NAME = (GroupRow.name_key, GroupRow.id)


class GroupRepository:
    """Reads and writes inside one transaction. `seen_by` None: all groups; else those this person belongs to."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, group_id: str, *, locked: bool = False) -> GroupRow | None:
        """A group; locked, if asked for, until the transaction ends, so that changes of its members take turns."""
        query = select(GroupRow).where(GroupRow.id == group_id)
        return await self._session.scalar(query.with_for_update() if locked else query)

    async def find_by_name(self, key: str) -> GroupRow | None:
        """By the name as compared."""
        return await self._session.scalar(select(GroupRow).where(GroupRow.name_key == key))

    async def list_by_name(self, keys: Collection[str]) -> Sequence[GroupRow]:
        """The groups of these names as compared, by name; locked until the transaction ends."""
        query = select(GroupRow).where(GroupRow.name_key.in_(keys)).order_by(*BY_NAME).with_for_update()
        return (await self._session.scalars(query)).all()

    async def add(self, row: GroupRow) -> bool:
        """Adds a group; False when the name was taken in the same moment."""
        return await add_unless_taken(self._session, row)

    async def save(self, row: GroupRow) -> bool:
        """Sends changes of a group; False when the name was taken in the same moment."""
        try:
            async with self._session.begin_nested():
                await self._session.flush([row])
        except IntegrityError:
            return False
        return True

    async def remove(self, group_id: str) -> None:
        """Deletes a group with its memberships."""
        await self._session.execute(delete(GroupMemberRow).where(GroupMemberRow.group_id == group_id))
        await self._session.execute(delete(GroupRow).where(GroupRow.id == group_id))

    async def list_page(
        self, *, seen_by: str | None, key: str | None, offset: int, limit: int
    ) -> tuple[Sequence[GroupRow], int]:
        """(page, total) by name."""
        query = select(GroupRow)
        if seen_by is not None:
            query = query.where(GroupRow.id.in_(_groups_of(seen_by)))
        if key:
            query = query.where(GroupRow.name_key.contains(key, autoescape=True))
        total = await self._session.scalar(select(func.count()).select_from(query.subquery()))
        rows = await self._session.scalars(query.order_by(*BY_NAME).offset(offset).limit(limit))
        return rows.all(), int(total or 0)

    async def list_options(self, *, seen_by: str | None, key: str | None) -> Sequence[GroupRow]:
        """The first 1000 by name."""
        rows, _ = await self.list_page(seen_by=seen_by, key=key, offset=0, limit=MAX_OPTIONS)
        return rows

    async def count_members(self, group_ids: Collection[str]) -> dict[str, int]:
        """Group id → how many people belong to it; empty groups are left out."""
        members = GroupMemberRow
        found = await self._session.execute(
            select(members.group_id, func.count(members.user_id.distinct()))
            .where(members.group_id.in_(group_ids))
            .group_by(members.group_id)
        )
        return dict(found.all())

    async def roles_of(self, user_id: str, group_ids: Collection[str]) -> dict[str, MemberRole]:
        """Group id → the role of a person there; groups this person does not belong to are left out."""
        members = GroupMemberRow
        found = await self._session.execute(
            select(members.group_id, members.role).where(members.user_id == user_id, members.group_id.in_(group_ids))
        )
        return {group_id: "manager" if role == "manager" else "member" for group_id, role in found}

    async def list_members(self, group_id: str) -> Sequence[GroupMemberRow]:
        """The rows of the first 5000 people, oldest membership first."""
        members = GroupMemberRow
        first = (
            select(members.user_id)
            .where(members.group_id == group_id)
            .group_by(members.user_id)
            .order_by(func.min(members.added_at), members.user_id)
            .limit(MAX_MEMBERS_SHOWN)
        )
        query = (
            select(members)
            .where(members.group_id == group_id, members.user_id.in_(first.subquery().select()))
            .order_by(members.added_at, members.user_id)
        )
        return (await self._session.scalars(query)).all()

    async def find_members(self, group_id: str, user_ids: Collection[str]) -> dict[str, str]:
        """User id → role of those of these people who belong to the group."""
        members = GroupMemberRow
        found = await self._session.execute(
            select(members.user_id, members.role).where(members.group_id == group_id, members.user_id.in_(user_ids))
        )
        return dict(found.all())

    async def add_members(
        self, group_id: str, user_ids: Collection[str], *, role: str, source: str, now: datetime
    ) -> None:
        """Adds memberships that are not there yet."""
        self._session.add_all(
            GroupMemberRow(group_id=group_id, user_id=user_id, source=source, role=role, added_at=now)
            for user_id in user_ids
        )
        await self._session.flush()

    async def set_role(self, group_id: str, user_ids: Collection[str], role: str) -> None:
        """Gives a role to people who belong to the group, whoever says that they do."""
        await self._session.execute(
            update(GroupMemberRow)
            .where(GroupMemberRow.group_id == group_id, GroupMemberRow.user_id.in_(user_ids))
            .values(role=role)
        )

    async def remove_member(self, group_id: str, user_id: str, *, source: str | None = None) -> None:
        """Ends a membership: what one source says, or all of it."""
        statement = delete(GroupMemberRow).where(GroupMemberRow.group_id == group_id, GroupMemberRow.user_id == user_id)
        if source is not None:
            statement = statement.where(GroupMemberRow.source == source)
        await self._session.execute(statement)

    async def list_group_ids(self, user_id: str, *, source: str | None = None) -> Sequence[str]:
        """Ids of the groups a person belongs to; only by what one source says, if one is named."""
        query = _groups_of(user_id).distinct()
        if source is not None:
            query = query.where(GroupMemberRow.source == source)
        return (await self._session.scalars(query)).all()

    async def list_groups_of(self, user_ids: Collection[str]) -> Sequence[tuple[str, str, str]]:
        """(user id, group id, group name) of these people, by name."""
        query = (
            select(GroupMemberRow.user_id, GroupRow.id, GroupRow.name)
            .join(GroupRow, GroupRow.id == GroupMemberRow.group_id)
            .where(GroupMemberRow.user_id.in_(user_ids))
            .group_by(GroupMemberRow.user_id, GroupRow.id, GroupRow.name, GroupRow.name_key)
            .order_by(*BY_NAME)
        )
        return [(user_id, group_id, name) for user_id, group_id, name in await self._session.execute(query)]

    async def list_names(self, group_ids: Collection[str]) -> Sequence[tuple[str, str]]:
        """(id, name) of those of these groups that exist."""
        query = select(GroupRow.id, GroupRow.name).where(GroupRow.id.in_(group_ids))
        return [(group_id, name) for group_id, name in await self._session.execute(query)]

    async def list_budgeted(self) -> Sequence[str]:
        """Ids of the groups that have a budget."""
        return (await self._session.scalars(select(GroupRow.id).where(GroupRow.budget.is_not(None)))).all()

    async def list_by_ids(self, group_ids: Collection[str]) -> Sequence[GroupRow]:
        """Those of these groups that exist."""
        return (await self._session.scalars(select(GroupRow).where(GroupRow.id.in_(group_ids)))).all()

    async def list_people(self, group_ids: Collection[str]) -> Sequence[tuple[str, str]]:
        """(group id, user id) of everybody in these groups."""
        members = GroupMemberRow
        query = select(members.group_id, members.user_id).where(members.group_id.in_(group_ids)).distinct()
        return [(group_id, user_id) for group_id, user_id in await self._session.execute(query)]

    async def list_companions(self, user_id: str) -> Sequence[str]:
        """Ids of all people who share a group with this person, who is one of them if in any group."""
        members = GroupMemberRow
        query = select(members.user_id).where(members.group_id.in_(_groups_of(user_id))).distinct()
        return (await self._session.scalars(query)).all()


def _groups_of(user_id: str) -> Select[str]:
    return select(GroupMemberRow.group_id).where(GroupMemberRow.user_id == user_id)
