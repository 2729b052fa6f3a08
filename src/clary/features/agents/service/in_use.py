"""What others need of agents: the snapshot of a run, and whether somebody has one."""

from collections.abc import Collection, Sequence

from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.policy import (
    BUILT_IN_ID,
    MOST_AUTO_SUB_AGENTS,
    AgentLimits,
    built_in_configuration,
    is_agent_id,
    snapshot_of,
)
from clary.features.agents.ports import AgentSnapshot, SubAgents
from clary.features.agents.repository import AgentRepository, configuration_of
from clary.features.agents.service.describing import access_of
from clary.features.agents.service.reach import AgentReach
from clary.features.agents.tables import AgentRow
from clary.features.permissions.service import Identity, Target


class AgentResolver:
    """Finds agents for use. A foreign id is like an unknown one; rights are looked at anew each time."""

    def __init__(self, *, limits: AgentLimits, reach: AgentReach) -> None:
        self._limits = limits
        self._reach = reach

    async def resolve_for_run(self, session: Session, *, identity: Identity, agent_id: str | None) -> AgentSnapshot:
        """The agent of a run: the one named, else the person's default agent, else the built-in one.

        Raises:
            AgentNotFoundError: the named agent is unknown, or not for this person.
        """
        if not agent_id:
            row = await AgentRepository(session).find_default(identity.user_id)
            agent_id = row.id if row is not None else BUILT_IN_ID
        if agent_id == BUILT_IN_ID and identity.may_reach_agent(BUILT_IN_ID):
            return self.built_in()
        row = await AgentRepository(session).find_visible(agent_id, identity) if is_agent_id(agent_id) else None
        if row is None:
            raise AgentNotFoundError(agent_id)
        return _snapshot(row, identity)

    async def resolve_for_conversation(self, session: Session, *, identity: Identity, agent_id: str) -> AgentSnapshot:
        """The agent a conversation was held with; one that was deleted is followed by the default (product.md 3.2).

        Raises:
            AgentNotFoundError: it is there, but no longer for this person.
        """
        is_there = agent_id == BUILT_IN_ID or await AgentRepository(session).exists(agent_id)
        return await self.resolve_for_run(session, identity=identity, agent_id=agent_id if is_there else None)

    async def resolve_sub_agents(
        self, session: Session, *, identity: Identity, agent: AgentSnapshot, agent_ids: Sequence[str] | None = None
    ) -> SubAgents:
        """Whom an agent may hand work to in a run of this person, as they stand now.

        Without `agent_ids` those of its configuration: the listed ones, or with `subAgentSelectionMode: auto` what
        `list_auto_sub_agents` finds. An id that the agent lists is judged by the rights of the agent's owner, any other
        one by those of the caller. What is gone, foreign or the agent itself is not usable.
        """
        if agent_ids is None:
            if agent.sub_agent_selection == "auto":
                return SubAgents(await self.list_auto_sub_agents(session, identity=identity, agent_id=agent.agent_id))
            agent_ids = agent.sub_agent_ids
        wanted = [each for each in dict.fromkeys(agent_ids) if each != agent.agent_id and is_agent_id(each)]
        listed = [each for each in wanted if each in agent.sub_agent_ids]
        reached = await self._reach.find_usable(session, owner_id=agent.owner_id, agent_ids=listed)
        usable = await self._snapshots(session, identity, reached - {BUILT_IN_ID})
        if BUILT_IN_ID in wanted and (BUILT_IN_ID in reached or identity.may_reach_agent(BUILT_IN_ID)):
            usable[BUILT_IN_ID] = self.built_in()
        for each in wanted:
            if each not in usable and each not in listed:
                row = await AgentRepository(session).find_visible(each, identity)
                if row is not None:
                    usable[each] = _snapshot(row, identity)
        found = tuple(usable[each] for each in wanted if each in usable)
        return SubAgents(found, tuple(each for each in dict.fromkeys(agent_ids) if each not in usable))

    async def find_sub_agent(
        self, session: Session, *, identity: Identity, owner_id: str, agent_id: str
    ) -> AgentSnapshot | None:
        """One sub-agent as it stands now: by the rights of this owner of the agent that lists it, else the caller's."""
        if agent_id == BUILT_IN_ID:
            return self.built_in()
        if owner_id:
            reached = await self._reach.find_usable(session, owner_id=owner_id, agent_ids=[agent_id])
            return (await self._snapshots(session, identity, reached)).get(agent_id)
        row = await AgentRepository(session).find_visible(agent_id, identity)
        return _snapshot(row, identity) if row is not None else None

    async def list_auto_sub_agents(
        self, session: Session, *, identity: Identity, agent_id: str
    ) -> tuple[AgentSnapshot, ...]:
        """All agents the caller owns or was granted but this one, at most 20, newest first (product.md 3.1)."""
        rows = await AgentRepository(session).list_reachable(identity, without=agent_id, limit=MOST_AUTO_SUB_AGENTS)
        return tuple(_snapshot(row, identity) for row in rows)

    async def _snapshots(
        self, session: Session, identity: Identity, agent_ids: Collection[str]
    ) -> dict[str, AgentSnapshot]:
        if not agent_ids:
            return {}
        rows = await AgentRepository(session).list_by_id(agent_ids)
        return {row.id: _snapshot(row, identity) for row in rows}

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of an agent."""
        if object_id == BUILT_IN_ID:
            return Target("agent", object_id, is_builtin=True)
        owner = (await AgentRepository(db).find_owners([object_id])).get(object_id)
        return Target("agent", object_id, owner) if owner is not None else None

    async def has_agent(self, session: Session, *, user_id: str) -> bool:
        """Whether the person owns an agent."""
        return await AgentRepository(session).count_owned(user_id) > 0

    def built_in(self) -> AgentSnapshot:
        """`default_agent`: the built-in persona, no tools of its own."""
        return snapshot_of(
            built_in_configuration(self._limits), agent_id=BUILT_IN_ID, owner_id="", access="builtin", version=1
        )


def _snapshot(row: AgentRow, identity: Identity) -> AgentSnapshot:
    return snapshot_of(
        configuration_of(row),
        agent_id=row.id,
        owner_id=row.owner_id,
        access=access_of(row, identity),
        version=row.version,
    )
