"""Use cases of the agents page: list, read, create, change, delete."""

from collections.abc import Callable
from typing import Any, Literal

from clary.db.session import Session, after_commit
from clary.features.agents.errors import (
    MAY_NOT_CHANGE,
    MAY_NOT_DELETE,
    AgentForbiddenError,
    AgentNotFoundError,
    AgentStaleError,
)
from clary.features.agents.payloads import AgentRequest, AgentResponse, DeletedAgent, SavedAgent
from clary.features.agents.policy import (
    BUILT_IN_ID,
    KEPT_VERSIONS,
    AgentLimits,
    Remark,
    changed_fields,
    is_agent_id,
    may_save,
    merged,
    normalised,
)
from clary.features.agents.repository import AgentRepository, configuration_of, put_configuration
from clary.features.agents.service.checking import ConfigurationCheck
from clary.features.agents.service.describing import describe_built_in, describe_row, warnings_of
from clary.features.agents.service.removal import AgentRemoval
from clary.features.agents.tables import AgentRow, AgentVersionRow
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity, Verb, decide
from clary.http.problems import ObjectLimitError
from clary.kit.clock import Clock
from clary.kit.text import Text

ListScope = Literal["own", "granted", "all"]


class AgentService:
    """Rows of agents."""

    def __init__(
        self,
        *,
        check: ConfigurationCheck,
        removal: AgentRemoval,
        audit: AuditLog,
        limits: AgentLimits,
        clock: Clock,
        new_agent_id: Callable[[], str],
    ) -> None:
        self._check = check
        self._removal = removal
        self._audit = audit
        self._limits = limits
        self._clock = clock
        self._new_agent_id = new_agent_id
        self._watchers: list[Callable[[], None]] = []

    async def count_all(self, db: Session) -> int:
        """How many agents there are on the server."""
        return await AgentRepository(db).count_all()

    def watch(self, changed: Callable[[], None]) -> None:
        """Has this called after each change of agents."""
        self._watchers.append(changed)

    async def list_agents(self, session: Session, *, identity: Identity, scope: ListScope) -> list[AgentResponse]:
        """Agents by name (code point), then id."""
        agents = AgentRepository(session)
        if scope == "granted":
            rows = await agents.list_granted(identity)
        elif scope == "own":
            rows = [row for row in await agents.list_visible(identity) if row.owner_id == identity.user_id]
        else:
            rows = await agents.list_visible(identity)
        # Sorted here: what a database calls alphabetical depends on its collation.
        ordered = sorted(rows, key=lambda row: (row.name, row.id))
        return [await self._describe(session, row, identity) for row in ordered]

    async def get_agent(self, session: Session, *, identity: Identity, agent_id: str) -> AgentResponse:
        """One agent.

        Raises:
            AgentNotFoundError
        """
        if agent_id == BUILT_IN_ID and identity.may_reach_agent(BUILT_IN_ID):
            return describe_built_in(self._limits)
        row = await AgentRepository(session).find_visible(agent_id, identity) if is_agent_id(agent_id) else None
        if row is None:
            raise AgentNotFoundError(agent_id)
        await self._audit.record_admin_read(identity, AuditObject("agent", row.id, row.owner_id), within=session)
        return await self._describe(session, row, identity)

    async def create(self, session: Session, *, identity: Identity, wanted: AgentRequest) -> SavedAgent:
        """Saves version 1 of a new agent of the caller.

        Raises:
            AgentNameEmptyError, AgentExistsError, ObjectLimitError, NamedProviderNotFoundError, ValidationFailedError
        """
        agents = AgentRepository(session)
        agent_id, now = await self._free_id(agents), self._clock.now()
        configuration, remarks = await self._checked(
            session, merged(None, wanted.replaced(), wanted.sent_extras()), identity.user_id, agent_id
        )
        if await agents.count_owned(identity.user_id) >= self._limits.max_agents_per_user:
            raise ObjectLimitError(self._limits.max_agents_per_user)
        row = AgentRow(id=agent_id, owner_id=identity.user_id, version=1, created_at=now, updated_at=now)
        await self._record(session, identity, "agent.created", row, {"name": configuration["name"]})
        return await self._save(session, row, configuration, remarks, changed=[], author_id=identity.user_id)

    async def update(
        self,
        session: Session,
        *,
        identity: Identity,
        agent_id: str,
        wanted: AgentRequest,
        if_match: str | None = None,
    ) -> SavedAgent:
        """Replaces group R, changes what was sent of group X; an identical save makes no version.

        Raises:
            AgentNotFoundError, AgentForbiddenError, AgentStaleError, AgentNameEmptyError, AgentExistsError,
            NamedProviderNotFoundError, ValidationFailedError
        """
        row = await get_for(session, identity, agent_id, "write", MAY_NOT_CHANGE)
        if not may_save(if_match, row.version):
            raise AgentStaleError
        configuration = merged(configuration_of(row), wanted.replaced(), wanted.sent_extras())
        return await self.save_over(session, identity=identity, row=row, configuration=configuration)

    async def save_over(
        self, session: Session, *, identity: Identity, row: AgentRow, configuration: dict[str, Any], **detail: Any
    ) -> SavedAgent:
        """Saves a whole configuration as the next version of a locked row, after all checks; `detail` is written down.

        Raises:
            AgentNameEmptyError, AgentExistsError, NamedProviderNotFoundError, ValidationFailedError
        """
        before = configuration_of(row)
        configuration, remarks = await self._checked(session, configuration, row.owner_id, row.id)
        changed = changed_fields(before, configuration)
        if not changed:
            return await self._saved(session, row, remarks)
        row.version += 1
        row.updated_at = self._clock.now()
        detail = {"fields": changed, "version": row.version, **detail}
        await self._record(session, identity, "agent.updated", row, detail)
        return await self._save(session, row, configuration, remarks, changed=changed, author_id=identity.user_id)

    async def delete(self, session: Session, *, identity: Identity, agent_id: str) -> DeletedAgent:
        """Removes an agent with all that hangs on it; see `AgentRemoval`.

        Raises:
            AgentNotFoundError, AgentForbiddenError
        """
        row = await get_for(session, identity, agent_id, "delete", MAY_NOT_DELETE)
        await self._removal.remove(session, row)
        await self._record(session, identity, "agent.deleted", row, {"name": row.name})
        return DeletedAgent(agent_id=agent_id)

    async def replace_budget(
        self, session: Session, *, identity: Identity, agent_id: str, budget: dict[str, Any] | None
    ) -> None:
        """Changes the budget alone, already in the server's currency; like any save it makes a version.

        Raises:
            AgentNotFoundError, AgentForbiddenError
        """
        row = await get_for(session, identity, agent_id, "write", MAY_NOT_CHANGE)
        configuration = configuration_of(row)
        if configuration["budget"] == budget:
            return
        row.version += 1
        row.updated_at = self._clock.now()
        await self._record(session, identity, "agent.updated", row, {"fields": ["budget"], "version": row.version})
        await self._save(
            session, row, {**configuration, "budget": budget}, [], changed=["budget"], author_id=identity.user_id
        )

    async def _record(
        self, session: Session, identity: Identity, action: str, row: AgentRow, detail: dict[str, Any]
    ) -> None:
        target = AuditObject("agent", row.id, row.owner_id)
        await self._audit.record(session, Act(action, Actor.of(identity), target, detail=detail))
        for watcher in self._watchers:
            after_commit(session, watcher)

    async def _free_id(self, agents: AgentRepository) -> str:
        # Eight hex digits meet again among some ten thousand agents, so a taken id is drawn anew.
        while await agents.exists(agent_id := self._new_agent_id()):
            pass
        return agent_id

    async def _checked(
        self, session: Session, configuration: dict[str, Any], owner_id: str, agent_id: str
    ) -> tuple[dict[str, Any], list[Remark]]:
        saved, remarks = normalised(configuration, self._limits)
        saved = self._check.in_server_currency(saved)
        await self._check.require_allowed(session, saved, owner_id=owner_id)
        saved, removed = await self._check.reachable(session, saved, owner_id=owner_id, agent_id=agent_id)
        return saved, remarks + removed

    async def _save(
        self,
        session: Session,
        row: AgentRow,
        configuration: dict[str, Any],
        remarks: list[Remark],
        *,
        changed: list[str],
        author_id: str,
    ) -> SavedAgent:
        agents = AgentRepository(session)
        put_configuration(row, configuration)
        await agents.save(row)
        if row.is_default:
            await agents.make_only_default(row)
        version = AgentVersionRow(
            agent_id=row.id,
            version=row.version,
            author_id=author_id,
            configuration=configuration,
            changed=changed,
            created_at=row.updated_at,
        )
        await agents.add_version(version, kept=KEPT_VERSIONS)
        return await self._saved(session, row, remarks)

    async def _remarks(self, session: Session, row: AgentRow) -> list[Remark]:
        configuration = configuration_of(row)
        return await self._check.without_effect(session, configuration, owner_id=row.owner_id, agent_id=row.id)

    async def _saved(self, session: Session, row: AgentRow, remarks: list[Remark]) -> SavedAgent:
        lasting = await self._remarks(session, row)
        return SavedAgent(agent_id=row.id, id=row.id, version=row.version, warnings=warnings_of(remarks + lasting))

    async def _describe(self, session: Session, row: AgentRow, identity: Identity) -> AgentResponse:
        remarks = await self._remarks(session, row)
        return describe_row(row, remarks, identity)


async def get_for(
    session: Session, identity: Identity, agent_id: str, verb: Verb, refusal: Text, *, lock: bool = True
) -> AgentRow:
    """A row for what only owner and admins may do; locked until the transaction ends, for a change.

    Raises:
        AgentNotFoundError, AgentForbiddenError: seen, but not the caller's to change.
    """
    if agent_id == BUILT_IN_ID and identity.may_reach_agent(BUILT_IN_ID):
        raise AgentForbiddenError(refusal)
    agents = AgentRepository(session)
    find = agents.find_for_change if lock else agents.find_visible
    row = await find(agent_id, identity) if is_agent_id(agent_id) else None
    if row is None:
        raise AgentNotFoundError(agent_id)
    if not decide(identity, verb, owner_id=row.owner_id).allowed:
        raise AgentForbiddenError(refusal)
    return row
