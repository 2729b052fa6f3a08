"""What notes need from those above them."""

from typing import Protocol

from clary.db.session import Session
from clary.features.permissions.service import Identity


class AgentAccess(Protocol):
    """Who may use which agent."""

    async def require_usable(self, db: Session, *, identity: Identity, agent_id: str) -> None:
        """Returns when this person may use the agent now.

        Raises:
            NotFoundError: E-AGENT; unknown, deleted, or not for this person.
        """
        ...

    async def exists(self, db: Session, *, agent_id: str) -> bool:
        """Whether there is such an agent, whoever may use it."""
        ...
