"""Wiring of knowledge bases."""

from typing import Any

from clary.db.database import Database
from clary.features.knowledge.service import DocumentTargets, KnowledgeAccess
from clary.features.llm_providers.service import ProviderResolver
from clary.kit.clock import Clock
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings
from clary.wiring.background import Background
from clary.wiring.identity import IdentityServices


class KnowledgeServices:
    """Everything about knowledge: bases and who may use them, what comes in, what is found again."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        process_id: str,
        guard: OutboundGuard,
        identity: IdentityServices,
        providers: ProviderResolver,
        background: Background,
    ) -> None:
        self.access = KnowledgeAccess(grants=identity.grants, audit=identity.audit)
        self.document_targets = DocumentTargets(identity.grants)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.knowledge_access = self.access

    async def start(self) -> None:
        """Begins what is done in the background; jobs are not yet."""

    async def stop(self) -> None:
        """Ends it, and gives back what is under way."""
