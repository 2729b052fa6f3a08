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
from clary.features.permissions.service import Identity


class AgentResolver:
    """Finds agents for use. A foreign id is like an unknown one; rights are looked at anew each time."""

    def __init__(self, *, limits: AgentLimits) -> None:
        self._limits = limits

    async def resolve_for_run(self, session: Session, *, identity: Identity, agent_id: str | None) -> AgentSnapshot:
        """The agent of a run: the one named, else the person's default agent, else the built-in one.

        Raises:
            AgentNotFoundError: the named agent is unknown, or not for this person.
        """
        if agent_id == BUILT_IN_ID:
            return self.built_in()
        if not agent_id:
            row = await AgentRepository(session).find_default(identity.user_id)
            return self.built_in() if row is None else _snapshot(row, identity)
        row = await AgentRepository(session).find_visible(agent_id, identity) if is_agent_id(agent_id) else None
        if row is None:
            raise AgentNotFoundError(agent_id)
        return _snapshot(row, identity)

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
