"""Wiring of knowledge bases."""

from typing import Any

from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.db.database import Database
from clary.features.knowledge.service import KnowledgeAccess, PassageIndexing
from clary.kit.clock import Clock
from clary.settings import Settings
from clary.wiring.knowledge_documents import DocumentServices


class KnowledgeServices:
    """Everything about knowledge."""

    def __init__(self, settings: Settings, *, database: Database, clock: Clock, process_id: str) -> None:
        self.access = KnowledgeAccess()
        self.parser = KnowledgeParser()
        self.documents = DocumentServices(
            settings,
            database=database,
            clock=clock,
            process_id=process_id,
            access=self.access,
            parser=self.parser,
            indexing=PassageIndexing(),
            on_vectors=lambda kdb_id: None,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        self.documents.publish(state)

    async def start(self) -> None:
        """Begins what is done in the background."""
        await self.documents.start()

    async def stop(self) -> None:
        """Ends it."""
        await self.documents.stop()
        await self.parser.aclose()
