"""Use cases on groups (platform.md 7.2)."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from clary.db.session import Session, after_commit
from clary.features.accounts.errors import UserNotFoundError
from clary.features.accounts.service import AccountService
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.audit.service import changes as audited_changes
from clary.features.groups.errors import GroupExistsError, GroupNotFoundError
from clary.features.groups.memberships import GroupMemberships, new_group
from clary.features.groups.policy import (
    MANUAL,
    MAX_DESCRIPTION,
    MemberRole,
    clean_name,
    may_manage,
    may_see,
    name_key,
    shown_source,
)
from clary.features.groups.ports import CurrencyRates, GroupReferences
from clary.features.groups.repository import GroupRepository
from clary.features.groups.tables import GroupMemberRow, GroupRow
from clary.features.permissions.service import Identity
from clary.http.paging import Page
from clary.http.problems import RoleMissingError, ValidationFailedError
from clary.kit.clock import Clock, wire_time
from clary.kit.text import Text, TextError

__all__ = ["GroupMemberships", "GroupService"]

Json = dict[str, Any]

_LONG_DESCRIPTION = Text(
    "description: 不能超过 {most} 个字符", "description: must not have more than {most} characters"
)


class GroupService:
    """The door of the slice. Members see their group, managers say who belongs, admins do everything."""

    def __init__(
        self,
        *,
        accounts: AccountService,
        rates: CurrencyRates,
        audit: AuditLog,
        clock: Clock,
        directory: Callable[[], Literal["all", "groups", "self"]],
        new_id: Callable[[], str],
    ) -> None:
        self._accounts = accounts
        self._rates = rates
        self._audit = audit
        self._clock = clock
        self._directory = directory
        self._new_id = new_id
        self._references: list[GroupReferences] = []
        self._watchers: list[Callable[[], None]] = []

    def add_references(self, references: GroupReferences) -> None:
        """Makes somebody known who names groups in grants; these go with the group."""
        self._references.append(references)

    def watch(self, changed: Callable[[], None]) -> None:
        """Has this called after each change of groups and of who belongs to them."""
        self._watchers.append(changed)

    async def list_budgeted(self, db: Session) -> Sequence[str]:
        """Ids of the groups that have a budget."""
        return await GroupRepository(db).list_budgeted()

    async def list_by_ids(self, db: Session, *, ids: Collection[str]) -> Sequence[GroupRow]:
        """Those of these groups that exist. At most 30,000."""
        return await GroupRepository(db).list_by_ids(ids)

    async def list_page(self, db: Session, *, identity: Identity, page: Page, text: str | None) -> Json:
        """Groups by name: the caller's own, all for admins."""
        rows, total = await GroupRepository(db).list_page(
            seen_by=None if identity.is_admin else identity.user_id,
            key=name_key(text or ""),
            offset=page.offset,
            limit=page.size,
        )
        return {"items": await self._describe(db, identity, rows), "total": total}

    async def list_options(self, db: Session, *, identity: Identity, text: str | None) -> list[Json]:
        """Names for a selector, as far as the directory is open."""
        sees_all = identity.is_admin or self._directory() == "all"
        rows = await GroupRepository(db).list_options(
            seen_by=None if sees_all else identity.user_id, key=name_key(text or "")
        )
        return [{"label": row.name, "value": row.id} for row in rows]

    async def read(self, db: Session, *, identity: Identity, group_id: str) -> Json:
        """A group with its first 5000 members.

        Raises:
            GroupNotFoundError
        """
        row, _ = await self._seen(db, identity, group_id)
        (described,) = await self._describe(db, identity, [row])
        return {**described, "members": await self._members(db, row.id)}

    async def create(self, db: Session, *, identity: Identity, fields: Json) -> Json:
        """Makes a group without members. `fields`: `name`, `description`, `budget`, already checked one by one.

        Raises:
            GroupExistsError, ValidationFailedError
        """
        fields = {**fields, "budget": self._converted(fields["budget"])}
        groups, name = GroupRepository(db), fields["name"]
        row = new_group(self._new_id(), name, source=MANUAL, clock=self._clock)
        row.description, row.budget = fields["description"], fields["budget"]
        if await groups.find_by_name(row.name_key) is not None or not await groups.add(row):
            raise GroupExistsError
        await self._record(db, identity, "group.created", row.id, {"name": name})
        (described,) = await self._describe(db, identity, [row])
        return described

    async def add(self, db: Session, *, identity: Identity, name: str, description: str) -> str:
        """Makes a group from texts that nobody checked, and returns its id.

        Raises:
            GroupExistsError, ValidationFailedError
        """
        try:
            cleaned = clean_name(name)
        except TextError as fault:
            raise ValidationFailedError(f"name: {fault.text.render()}") from None
        if len(description) > MAX_DESCRIPTION:
            raise ValidationFailedError(_LONG_DESCRIPTION.fill(most=MAX_DESCRIPTION).render())
        fields: Json = {"name": cleaned, "description": description, "budget": None}
        return (await self.create(db, identity=identity, fields=fields))["id"]

    async def update(self, db: Session, *, identity: Identity, group_id: str, fields: Json) -> Json:
        """Changes the fields that are there; managers may change the description only.

        Raises:
            GroupNotFoundError, RoleMissingError, GroupExistsError, ValidationFailedError
        """
        row, role = await self._seen(db, identity, group_id, locked=True)
        if "budget" in fields:
            fields = {**fields, "budget": self._converted(fields["budget"])}
        changes = {field: value for field, value in fields.items() if getattr(row, field) != value}
        if not may_manage(identity, role) or (changes.keys() - {"description"} and not identity.is_admin):
            raise RoleMissingError
        groups = GroupRepository(db)
        if "name" in changes:
            key = name_key(changes["name"])
            same_name = await groups.find_by_name(key)
            if same_name is not None and same_name.id != row.id:
                raise GroupExistsError
        detail = audited_changes({field: getattr(row, field) for field in changes}, changes)
        for field, value in changes.items():
            setattr(row, field, value)
        row.name_key = name_key(row.name)
        if not await groups.save(row):
            raise GroupExistsError
        if changes:
            await self._record(db, identity, "group.updated", row.id, detail)
        (described,) = await self._describe(db, identity, [row])
        return described

    async def delete(self, db: Session, *, identity: Identity, group_id: str) -> None:
        """Deletes a group; memberships and grants that name it go in the same transaction.

        Raises:
            GroupNotFoundError, RoleMissingError
        """
        row, _ = await self._seen(db, identity, group_id, locked=True)
        if not identity.is_admin:
            raise RoleMissingError
        for references in self._references:
            await references.forget_group(db, group_id=row.id)
        await GroupRepository(db).remove(row.id)
        await self._record(db, identity, "group.deleted", row.id, {"name": row.name})

    async def add_members(
        self, db: Session, *, identity: Identity, group_id: str, user_ids: Sequence[str], role: MemberRole | None
    ) -> int:
        """Adds people by hand and returns how many are new; unknown ids are ignored.

        Known members keep their role, or take the one that an admin gives. Only admins make managers.

        Raises:
            GroupNotFoundError, RoleMissingError
        """
        row, own_role = await self._seen(db, identity, group_id, locked=True)
        if not may_manage(identity, own_role) or (role == "manager" and not identity.is_admin):
            raise RoleMissingError
        groups = GroupRepository(db)
        people = await self._accounts.list_people(db, user_ids=dict.fromkeys(user_ids))
        known = await groups.find_members(row.id, people)
        new = sorted(people.keys() - known)
        await groups.add_members(row.id, new, role=role or "member", source=MANUAL, now=self._clock.now())
        for user_id in new:
            detail = {"user_id": user_id, "role": role or "member", "source": MANUAL}
            await self._record(db, identity, "group.member_added", row.id, detail)
        if role is not None and identity.is_admin:
            await self._give_role(db, identity, row.id, known, role)
        return len(new)

    async def remove_member(self, db: Session, *, identity: Identity, group_id: str, user_id: str) -> None:
        """Ends a membership, whoever said so; anybody may leave.

        Raises:
            GroupNotFoundError, UserNotFoundError, RoleMissingError
        """
        row, own_role = await self._seen(db, identity, group_id, locked=True)
        if user_id != identity.user_id and not may_manage(identity, own_role):
            raise RoleMissingError
        groups = GroupRepository(db)
        if not await groups.find_members(row.id, [user_id]):
            raise UserNotFoundError
        await groups.remove_member(row.id, user_id)
        await self._record(db, identity, "group.member_removed", row.id, {"user_id": user_id})

    async def get_id(self, db: Session, *, name: str) -> str:
        """The id of the group with this name, ignoring case.

        Raises:
            GroupNotFoundError
        """
        row = await GroupRepository(db).find_by_name(name_key(name))
        if row is None:
            raise GroupNotFoundError
        return row.id

    async def _seen(
        self, db: Session, identity: Identity, group_id: str, *, locked: bool = False
    ) -> tuple[GroupRow, MemberRole | None]:
        """A group that exists for the caller, with the caller's role in it."""
        groups = GroupRepository(db)
        row = await groups.find(group_id, locked=locked)
        role = (await groups.roles_of(identity.user_id, [group_id])).get(group_id)
        if row is None or not may_see(identity, role):
            raise GroupNotFoundError
        return row, role

    async def _describe(self, db: Session, identity: Identity, rows: Sequence[GroupRow]) -> list[Json]:
        groups, ids = GroupRepository(db), [row.id for row in rows]
        counts, roles = await groups.count_members(ids), await groups.roles_of(identity.user_id, ids)
        return [group_object(row, counts.get(row.id, 0), roles.get(row.id)) for row in rows]

    async def _members(self, db: Session, group_id: str) -> list[Json]:
        by_user: dict[str, list[GroupMemberRow]] = {}
        for row in await GroupRepository(db).list_members(group_id):
            by_user.setdefault(row.user_id, []).append(row)
        people = await self._accounts.list_people(db, user_ids=by_user)
        members = [
            {
                "user_id": person.user_id,
                "username": person.username,
                "nickname": person.nickname,
                "role": by_user[person.user_id][0].role,
                "source": shown_source(row.source for row in by_user[person.user_id]),
                "added_at": wire_time(by_user[person.user_id][0].added_at),
            }
            for person in people.values()
        ]
        return sorted(members, key=lambda member: (str(member["username"]).casefold(), member["user_id"]))

    async def _give_role(
        self, db: Session, identity: Identity, group_id: str, known: dict[str, str], role: MemberRole
    ) -> None:
        others = {user_id: old for user_id, old in known.items() if old != role}
        await GroupRepository(db).set_role(group_id, others, role)
        for user_id, old in sorted(others.items()):
            detail = {"user_id": user_id, "role": {"old": old, "new": role}}
            await self._record(db, identity, "group.updated", group_id, detail)

    def _converted(self, budget: Json | None) -> Json | None:
        return None if budget is None else self._rates.converted(budget)

    async def _record(self, db: Session, identity: Identity, action: str, group_id: str, detail: Json) -> None:
        await self._audit.record(db, Act(action, Actor.of(identity), AuditObject("group", group_id), detail=detail))
        for watcher in self._watchers:
            after_commit(db, watcher)


def group_object(row: GroupRow, member_count: int, my_role: MemberRole | None) -> Json:
    """Group of 7.2."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "source": row.source,
        "member_count": member_count,
        "my_role": my_role,
        "budget": row.budget,
        "created_at": wire_time(row.created_at),
    }
