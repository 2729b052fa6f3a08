"""Wiring of the documents of knowledge bases: what comes in, what is made of it, what goes."""

from collections.abc import Callable
from typing import Any

from clary.adapters.object_store import BucketOfOriginals
from clary.adapters.original_files import FolderOfOriginals
from clary.db.database import Database
from clary.features.knowledge.ports import DocumentParser, OriginalFiles
from clary.features.knowledge.service import (
    ClaimDesk,
    DocumentLimits,
    DocumentReading,
    DocumentService,
    DocumentUploads,
    EndingWriter,
    FilesUnderWay,
    IngestionSignals,
    IngestionWorker,
    KnowledgeAccess,
    KnowledgeRemoval,
    KnowledgeSweep,
    LeaseKeeper,
    PassageIndexing,
    WorkerSettings,
)
from clary.kit.clock import Clock
from clary.settings import Settings
from clary.wiring.objects import bucket_access


class DocumentServices:
    """Uploads, documents, ingestion, removal. `on_vectors` hears of bases whose passages lack vectors."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        process_id: str,
        access: KnowledgeAccess,
        parser: DocumentParser,
        indexing: PassageIndexing,
        on_vectors: Callable[[str], None],
    ) -> None:
        self.files, self.under_way = _originals(settings), FilesUnderWay()
        self.signals = IngestionSignals()
        self.removal = KnowledgeRemoval(
            database=database,
            files=self.files,
            under_way=self.under_way,
            signals=self.signals,
            clock=clock,
            sole_process=database.is_sqlite,
        )
        self.sweep = KnowledgeSweep(self.removal)
        self.documents = DocumentService(
            database=database,
            access=access,
            files=self.files,
            removal=self.removal,
            signals=self.signals,
            clock=clock,
        )
        self.uploads = DocumentUploads(
            database=database,
            access=access,
            files=self.files,
            under_way=self.under_way,
            parser=parser,
            removal=self.removal,
            signals=self.signals,
            limits=DocumentLimits(settings.kb_file_max_mb, settings.kb_user_quota_mb, settings.kb_max_documents),
            clock=clock,
        )
        self.worker = self._worker(
            settings,
            database=database,
            clock=clock,
            process_id=process_id,
            reading=DocumentReading(files=self.files, parser=parser, indexing=indexing),
            on_vectors=on_vectors,
        )

    def _worker(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        process_id: str,
        reading: DocumentReading,
        on_vectors: Callable[[str], None],
    ) -> IngestionWorker:
        lease = float(settings.kb_lease_seconds)
        desk = ClaimDesk(clock=clock, process_id=process_id, lease_seconds=lease)
        return IngestionWorker(
            database=database,
            desk=desk,
            keeper=LeaseKeeper(
                database=database, desk=desk, signals=self.signals, process_id=process_id, lease_seconds=lease
            ),
            reading=reading,
            writer=EndingWriter(clock),
            removal=self.removal,
            signals=self.signals,
            settings=WorkerSettings(process_id, settings.kb_workers, database.is_sqlite),
            on_vectors=on_vectors,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.knowledge_documents = self.documents
        state.knowledge_uploads = self.uploads

    async def start(self) -> None:
        """Begins to ingest and to sweep."""
        await self.worker.start()
        self.sweep.start()

    async def stop(self) -> None:
        """Ends both, and gives back what is under way."""
        await self.sweep.stop()
        await self.worker.stop()


def _originals(settings: Settings) -> OriginalFiles:
    if settings.object_store == "file":
        return FolderOfOriginals(settings.originals)
    return BucketOfOriginals(bucket_access(settings), scratch=settings.originals / "scratch")
