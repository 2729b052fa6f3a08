"""Who else may use a base (contract product 5.1, 5.2)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from clary.db.session import Session
from clary.features.accounts.service import AccountService
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.groups.service import GroupMemberships
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.permissions.service import GranteeKind, Grants, Identity, Permission
from clary.kit.clock import wire_time

Json = dict[str, Any]


class WantedGrant(NamedTuple):
    """Whom the owner wants to let in, and how far."""

    kind: GranteeKind
    id: str
    permission: Permission


class BaseSharing:
    """Owner and admins say who else may use a base; a change counts at the next use."""

    def __init__(
        self,
        *,
        access: KnowledgeAccess,
        grants: Grants,
        accounts: AccountService,
        groups: GroupMemberships,
        audit: AuditLog,
    ) -> None:
        self._access = access
        self._grants = grants
        self._accounts = accounts
        self._groups = groups
        self._audit = audit

    async def list_grants(self, db: Session, *, identity: Identity, kdb_id: str) -> list[Json]:
        """`[{kind, id, name, permission, granted_by, granted_at}]` in the order granted.

        Raises:
            KdbNotFoundError, KdbForbiddenError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="own")
        grants = await self._grants.list_grants(db, object_type="kdb", object_id=base.id)
        people = await self._accounts.list_people(db, user_ids=[each.grantee_id for each in grants])
        names = {user_id: person.username for user_id, person in people.items()}
        groups = [each.grantee_id for each in grants if each.kind == "group"]
        names |= await self._groups.names_of(db, group_ids=groups)
        return [
            {
                "kind": each.kind,
                "id": each.grantee_id,
                "name": names.get(each.grantee_id, ""),
                "permission": each.permission,
                "granted_by": each.granted_by,
                "granted_at": wire_time(each.granted_at),
            }
            for each in grants
        ]

    async def replace(self, db: Session, *, identity: Identity, kdb_id: str, wanted: Sequence[WantedGrant]) -> None:
        """Grants to exactly these; unknown ids and the owner are ignored, of two for one the last one counts.

        Raises:
            KdbNotFoundError, KdbForbiddenError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="own")
        users: dict[str, Permission] = {each.id: each.permission for each in wanted if each.kind == "user"}
        groups: dict[str, Permission] = {each.id: each.permission for each in wanted if each.kind == "group"}
        people = await self._accounts.list_people(db, user_ids=users)
        known = await self._groups.names_of(db, group_ids=groups)
        users = {each: how for each, how in users.items() if each in people and each != base.owner_id}
        detail = await self._put(db, identity, base, "user", users)
        detail |= await self._put(
            db, identity, base, "group", {each: how for each, how in groups.items() if each in known}
        )
        if detail:
            target = AuditObject("kdb", base.id, base.owner_id)
            await self._audit.record(db, Act("kdb.shared", Actor.of(identity), target, detail=detail))

    async def _put(
        self,
        db: Session,
        identity: Identity,
        base: KnowledgeBase,
        kind: GranteeKind,
        permissions: dict[str, Permission],
    ) -> Json:
        added, removed = await self._grants.replace(
            db,
            object_type="kdb",
            object_id=base.id,
            kind=kind,
            grantee_ids=list(permissions),
            granted_by=identity.user_id,
        )
        changed = await self._grants.set_permissions(
            db, object_type="kdb", object_id=base.id, kind=kind, permissions=permissions
        )
        if not (added or removed or changed):
            return {}
        return {f"{kind}s_added": added, f"{kind}s_removed": removed, f"{kind}s_changed": changed}
