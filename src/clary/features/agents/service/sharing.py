"""Who else may use an agent (product.md 3.3)."""

from collections.abc import Sequence
from typing import Any

from clary.db.session import Session
from clary.features.accounts.service import AccountService
from clary.features.agents.errors import MAY_NOT_SEE_GRANTS, MAY_NOT_SHARE
from clary.features.agents.service.agents import get_for
from clary.features.agents.tables import AgentRow
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.groups.service import GroupMemberships
from clary.features.permissions.service import Grant, GranteeKind, Grants, Identity
from clary.kit.clock import wire_time

Json = dict[str, Any]


class AgentSharing:
    """Owner and admins say who else may use an agent; a change counts at the next use."""

    def __init__(self, *, grants: Grants, accounts: AccountService, groups: GroupMemberships, audit: AuditLog) -> None:
        self._grants = grants
        self._accounts = accounts
        self._groups = groups
        self._audit = audit

    async def list_users(self, session: Session, *, identity: Identity, agent_id: str) -> list[str]:
        """Ids of the people the agent is granted to, in the order granted.

        Raises:
            AgentNotFoundError, AgentForbiddenError
        """
        row = await self._get_for_reading(session, identity, agent_id)
        return [each.grantee_id for each in await self._of(session, row) if each.kind == "user"]

    async def describe(self, session: Session, *, identity: Identity, agent_id: str) -> Json:
        """`{user_ids, group_ids, grants: [{kind, id, name, granted_by, granted_at}]}`.

        Raises:
            AgentNotFoundError, AgentForbiddenError
        """
        row = await self._get_for_reading(session, identity, agent_id)
        grants = await self._of(session, row)
        ids: dict[str, list[str]] = {
            kind: [each.grantee_id for each in grants if each.kind == kind] for kind in ("user", "group")
        }
        people = await self._accounts.list_people(session, user_ids=ids["user"])
        names = {user_id: person.username for user_id, person in people.items()}
        names |= await self._groups.names_of(session, group_ids=ids["group"])
        return {
            "user_ids": ids["user"],
            "group_ids": ids["group"],
            "grants": [
                {
                    "kind": each.kind,
                    "id": each.grantee_id,
                    "name": names.get(each.grantee_id, ""),
                    "granted_by": each.granted_by,
                    "granted_at": wire_time(each.granted_at),
                }
                for each in grants
            ],
        }

    async def replace(
        self,
        session: Session,
        *,
        identity: Identity,
        agent_id: str,
        user_ids: Sequence[str],
        group_ids: Sequence[str] | None,
    ) -> None:
        """Grants to exactly these people, and to exactly these groups if any are named; unknown ids are ignored.

        Raises:
            AgentNotFoundError, AgentForbiddenError
        """
        row = await get_for(session, identity, agent_id, "share", MAY_NOT_SHARE)
        people = await self._accounts.list_people(session, user_ids=dict.fromkeys(user_ids))
        wanted = [each for each in user_ids if each in people and each != row.owner_id]
        detail = await self._put(session, identity, row, "user", wanted)
        if group_ids is not None:
            known = await self._groups.names_of(session, group_ids=dict.fromkeys(group_ids))
            detail |= await self._put(session, identity, row, "group", [each for each in group_ids if each in known])
        if detail:
            target = AuditObject("agent", row.id, row.owner_id)
            await self._audit.record(session, Act("agent.shared", Actor.of(identity), target, detail=detail))

    async def _put(
        self, session: Session, identity: Identity, row: AgentRow, kind: GranteeKind, ids: Sequence[str]
    ) -> Json:
        added, removed = await self._grants.replace(
            session,
            object_type="agent",
            object_id=row.id,
            kind=kind,
            grantee_ids=ids,
            granted_by=identity.user_id,
        )
        return {f"{kind}s_added": added, f"{kind}s_removed": removed} if added or removed else {}

    async def _get_for_reading(self, session: Session, identity: Identity, agent_id: str) -> AgentRow:
        row = await get_for(session, identity, agent_id, "share", MAY_NOT_SEE_GRANTS)
        await self._audit.record_admin_read(identity, AuditObject("agent", row.id, row.owner_id), within=session)
        return row

    async def _of(self, session: Session, row: AgentRow) -> list[Grant]:
        return await self._grants.list_grants(session, object_type="agent", object_id=row.id)
