"""Wiring of knowledge bases."""

from typing import Any

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.db.database import Database
from clary.features.knowledge.service import DocumentTargets, KnowledgeAccess, NoPassages, PassageIndexing, RunKnowledge
from clary.features.llm_providers.service import ProviderResolver
from clary.kit.clock import Clock
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings
from clary.wiring.background import Background
from clary.wiring.identity import IdentityServices
from clary.wiring.knowledge_documents import DocumentServices


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
        self._is_working = settings.jobs
        self.access = KnowledgeAccess(grants=identity.grants, audit=identity.audit)
        self.document_targets = DocumentTargets(identity.grants)
        self.for_runs = RunKnowledge(
            database=database, access=self.access, groups=identity.memberships, passages=NoPassages()
        )
        self.parser = KnowledgeParser(_limits(settings), parallel=max(settings.kb_workers, 1))
        self.indexing = PassageIndexing()
        self.documents = DocumentServices(
            settings,
            database=database,
            clock=clock,
            process_id=process_id,
            access=self.access,
            parser=self.parser,
            indexing=self.indexing,
            on_vectors=lambda _kdb_id: None,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.knowledge_access = self.access
        self.documents.publish(state)

    async def start(self) -> None:
        """Begins what is done in the background; jobs are not yet."""
        if self._is_working:
            await self.documents.worker.start()

    async def stop(self) -> None:
        """Ends it, and gives back what is under way."""
        if self._is_working:
            await self.documents.worker.stop()
        await self.parser.aclose()


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_chars=settings.kb_max_chars,
        max_pages=settings.kb_max_pages,
        seconds=settings.kb_parse_seconds,
        memory_bytes=settings.kb_parse_memory_mb * 1024 * 1024,
    )
