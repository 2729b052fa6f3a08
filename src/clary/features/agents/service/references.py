"""What agents name, for those whose rows go away."""

from clary.db.session import Session
from clary.features.agents.repository import AgentRepository


class AgentReferences:
    """Fills the port `ProviderReferences` of the providers' slice."""

    async def forget_provider(self, session: Session, *, provider_id: str) -> list[str]:
        """Agents that named the provider fall back to the default order; their versions do not change by it."""
        return await AgentRepository(session).forget_provider(provider_id)
