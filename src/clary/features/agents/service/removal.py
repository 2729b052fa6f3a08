"""What goes with an agent (product.md 3.2)."""

from collections.abc import Sequence

from clary.db.session import Session
from clary.features.agents.ports import AgentThings
from clary.features.agents.repository import AgentRepository
from clary.features.agents.tables import AgentRow
from clary.features.permissions.service import Grants


class AgentRemoval:
    """Removes an agent with its versions, grants, its name in other agents, and what others keep for it.

    Conversations stay, and so do active runs, which have their snapshot.
    """

    def __init__(self, *, grants: Grants) -> None:
        self._grants = grants
        self._things: Sequence[AgentThings] = ()

    def set_things(self, things: Sequence[AgentThings]) -> None:
        """Names who keeps things for agents."""
        self._things = things

    async def remove(self, session: Session, row: AgentRow) -> None:
        """Removes a row, in the caller's transaction."""
        await AgentRepository(session).forget_sub_agent(row.id)
        await self._grants.forget_object(session, object_type="agent", object_id=row.id)
        for things in self._things:
            await things.forget_agent(session, agent_id=row.id)
        await AgentRepository(session).remove(row)
