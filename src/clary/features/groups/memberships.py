"""Who belongs to which groups, for other slices, and what outside sources say about it (platform.md 5.4, 7.2).

Everything is read anew: a change counts at the next use.
"""

from collections.abc import Callable, Collection, Iterable

from clary.db.session import Session
from clary.features.accounts.ports import GroupName
from clary.features.audit.service import SYSTEM, Act, AuditLog, AuditObject
from clary.features.groups.policy import mapped_names, name_key
from clary.features.groups.repository import GroupRepository
from clary.features.groups.tables import GroupRow
from clary.features.permissions.service import Target
from clary.kit.clock import Clock


class GroupMemberships:
    """See the module. Fills the ports of accounts and of those who grant to groups."""

    def __init__(self, *, audit: AuditLog, clock: Clock, new_id: Callable[[], str]) -> None:
        self._audit = audit
        self._clock = clock
        self._new_id = new_id

    async def groups_of(self, session: Session, *, user_id: str) -> frozenset[str]:
        """Ids of the groups a person belongs to now."""
        return frozenset(await GroupRepository(session).list_group_ids(user_id))

    async def groups_by_user(self, db: Session, *, user_ids: Collection[str]) -> dict[str, list[GroupName]]:
        """User id → groups by name; people without a group are left out. At most 30,000 people."""
        found: dict[str, list[GroupName]] = {}
        for user_id, group_id, name in await GroupRepository(db).list_groups_of(user_ids):
            found.setdefault(user_id, []).append({"id": group_id, "name": name})
        return found

    async def names_of(self, db: Session, *, group_ids: Collection[str]) -> dict[str, str]:
        """Id → name, of those of these groups that exist. At most 30,000."""
        return dict(await GroupRepository(db).list_names(group_ids))

    async def members_of(self, db: Session, *, group_ids: Collection[str]) -> frozenset[str]:
        """Ids of all people who belong to any of these groups now. At most 30,000 groups."""
        return frozenset(await GroupRepository(db).list_people(group_ids)) if group_ids else frozenset()

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a group: its members may read it."""
        if await GroupRepository(db).find(object_id) is None:
            return None
        return Target("group", object_id, granted_groups=frozenset({object_id}))

    async def companions_of(self, db: Session, *, user_id: str) -> frozenset[str]:
        """Ids of all people who share a group with this person."""
        return frozenset(await GroupRepository(db).list_companions(user_id))

    async def replace_memberships(
        self, db: Session, *, user_id: str, source: str, names: Iterable[str], create: bool
    ) -> None:
        """Makes what one source says about a person exactly `names`; what others say stays (5.4).

        `source`: `upstream:<id>` or `trusted_proxy`. `names` are names of groups, already mapped, compared without
        case; unknown ones are ignored, or made with `create`. At most 1000 count. Roles given here by hand stay.
        """
        groups = GroupRepository(db)
        wanted = {row.id for row in await self._named(groups, db, mapped_names(names), source, create=create)}
        before = set(await groups.list_group_ids(user_id))
        said = set(await groups.list_group_ids(user_id, source=source))
        roles = await groups.roles_of(user_id, wanted - said)
        for group_id in sorted(wanted - said):
            role = roles.get(group_id, "member")
            await groups.add_members(group_id, [user_id], role=role, source=source, now=self._clock.now())
        for group_id in sorted(said - wanted):
            await groups.remove_member(group_id, user_id, source=source)
        after = set(await groups.list_group_ids(user_id))
        for group_id in sorted(after - before):
            await self._record(db, "group.member_added", group_id, {"user_id": user_id, "source": source})
        for group_id in sorted(before - after):
            await self._record(db, "group.member_removed", group_id, {"user_id": user_id, "source": source})

    async def _named(
        self, groups: GroupRepository, db: Session, names: dict[str, str], source: str, *, create: bool
    ) -> list[GroupRow]:
        """The groups of these names (key → name); missing ones are made, if they may be."""
        rows = list(await groups.list_by_name(names)) if names else []
        missing = set(names) - {row.name_key for row in rows}
        for key, name in names.items():
            if not create or key not in missing:
                continue
            row = new_group(self._new_id(), name, source=source, clock=self._clock)
            if await groups.add(row):
                await self._record(db, "group.created", row.id, {"name": name, "source": source})
                rows.append(row)
            elif (made := await groups.find_by_name(key)) is not None:
                rows.append(made)
        return rows

    async def _record(self, db: Session, action: str, group_id: str, detail: dict[str, str]) -> None:
        await self._audit.record(db, Act(action, SYSTEM, AuditObject("group", group_id), detail=dict(detail)))


def new_group(group_id: str, name: str, *, source: str, clock: Clock) -> GroupRow:
    """An empty group with a clean name."""
    return GroupRow(
        id=group_id,
        name=name,
        name_key=name_key(name),
        description="",
        source=source,
        budget=None,
        created_at=clock.now(),
    )
