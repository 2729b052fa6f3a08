"""What others need of agents: the snapshot of a run, and whether somebody has one."""

from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.policy import (
    BUILT_IN_ID,
    AgentLimits,
    built_in_configuration,
    is_agent_id,
    snapshot_of,
)
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.repository import AgentRepository, configuration_of
from clary.features.agents.service.describing import access_of
from clary.features.agents.tables import AgentRow
from clary.features.permissions.service import Identity, Target


class AgentResolver:
    """Finds agents for use. A foreign id is like an unknown one; rights are looked at anew each time."""

    def __init__(self, *, limits: AgentLimits) -> None:
        self._limits = limits

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
