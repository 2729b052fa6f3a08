"""Wiring of knowledge bases."""

from typing import Any

from clary.adapters.embeddings import Models
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.adapters.parsers.scans import OcrEngine
from clary.adapters.text_analysis import FoldingAnalyzer
from clary.db.database import Database
from clary.features.knowledge.leaving import KnowledgeLeaving
from clary.features.knowledge.ports import CallMeters, ModelSource
from clary.features.knowledge.service import (
    BaseSharing,
    DocumentTargets,
    IndexBuilder,
    IndexVersions,
    KnowledgeAccess,
    KnowledgeBases,
    KnowledgeModels,
    PassageIndexing,
    QuestionFinder,
    QuestionRuns,
    QuestionSets,
    Retriever,
    RunKnowledge,
    RunPassages,
    ServerFollower,
    VectorBatches,
    VectorFilling,
)
from clary.features.llm_providers.service import ProviderResolver
from clary.kit.clock import Clock
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings
from clary.wiring.background import Background
from clary.wiring.identity import IdentityServices
from clary.wiring.knowledge_documents import DocumentServices
from clary.wiring.knowledge_models import server_models
from clary.wiring.search_index import search_index

REBUILD, FOLLOW, VECTORS, EVALUATE = (f"knowledge.{each}" for each in ("rebuild", "follow", "vectors", "evaluate"))
MAX_ATTEMPTS = 5
PATIENCE = 1_000_000
"""Of jobs that wait for something: each of their attempts is only a look."""


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
        meters: CallMeters,
        source: ModelSource | None = None,
    ) -> None:
        self._is_working = settings.jobs
        self._database = database
        self._clock = clock
        self._identity = identity
        self._queue = background.queue
        self.access = KnowledgeAccess(grants=identity.grants, audit=identity.audit)
        self.document_targets = DocumentTargets(identity.grants)
        self.parser = KnowledgeParser(_limits(settings), parallel=max(settings.kb_workers, 1), ocr=_engine(settings))
        self._analyzer = FoldingAnalyzer()
        self.indexing = PassageIndexing(self._analyzer)
        self._models_inside = Models(guard, weights=settings.embedding_path)
        self.models = KnowledgeModels(
            database=database,
            source=source or self._models_inside,
            providers=providers,
            guard=guard,
            server=server_models(settings),
            meters=meters,
        )
        self._batches = VectorBatches(database=database, models=self.models)
        self.vectors = VectorFilling(database=database, queue=self._queue, batches=self._batches)
        self.documents = DocumentServices(
            settings,
            database=database,
            clock=clock,
            process_id=process_id,
            access=self.access,
            parser=self.parser,
            indexing=self.indexing,
            on_vectors=self.vectors.wake,
        )
        self._add_retrieval(settings)
        self._add_versions()
        self._add_bases(settings)
        self._register(background)

    def _add_retrieval(self, settings: Settings) -> None:
        self.search_index, self.is_index_answering = search_index(settings)
        self.retrieval = Retriever(
            database=self._database,
            access=self.access,
            models=self.models,
            index=self.search_index,
            analyzer=self._analyzer,
            clock=self._clock,
            seconds=settings.kb_query_seconds,
        )
        self.questions = QuestionSets(access=self.access, queue=self._queue, clock=self._clock)
        self.question_runs = QuestionRuns(
            database=self._database, finder=QuestionFinder(database=self._database, retriever=self.retrieval)
        )
        self.for_runs = RunKnowledge(
            database=self._database,
            access=self.access,
            groups=self._identity.memberships,
            passages=RunPassages(self.retrieval),
        )

    def _add_versions(self) -> None:
        self._versions = IndexVersions(queue=self._queue, clock=self._clock, analyzer_version=self._analyzer.version)
        self.builder = IndexBuilder(
            database=self._database,
            indexing=self.indexing,
            batches=self._batches,
            questions=self.questions,
            files=self.retrieval.follower,
        )
        self.follower = ServerFollower(
            database=self._database,
            queue=self._queue,
            models=self.models,
            versions=self._versions,
            builder=self.builder,
        )

    def _add_bases(self, settings: Settings) -> None:
        identity = self._identity
        self.bases = KnowledgeBases(
            database=self._database,
            access=self.access,
            models=self.models,
            versions=self._versions,
            documents=self.documents.documents,
            questions=self.questions,
            removal=self.documents.removal,
            grants=identity.grants,
            audit=identity.audit,
            clock=self._clock,
            most_owned=settings.kb_max_per_user,
        )
        self.sharing = BaseSharing(
            access=self.access,
            grants=identity.grants,
            accounts=identity.accounts,
            groups=identity.memberships,
            audit=identity.audit,
        )
        self.leaving = KnowledgeLeaving(
            database=self._database,
            grants=identity.grants,
            removal=self.documents.removal,
            models=self.models,
            queue=self._queue,
        )

    def _register(self, background: Background) -> None:
        background.register(
            REBUILD, self.builder.do, slots=1, max_attempts=MAX_ATTEMPTS, on_failure=self._versions.give_up
        )
        background.register(FOLLOW, self.follower.do, slots=1, max_attempts=PATIENCE)
        background.register(VECTORS, self.vectors.do, slots=1, max_attempts=PATIENCE)
        background.register(EVALUATE, self.question_runs.do, slots=1, max_attempts=PATIENCE)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.knowledge_retrieval = self.retrieval
        state.knowledge_access = self.access
        state.knowledge_bases = self.bases
        state.knowledge_sharing = self.sharing
        state.knowledge_questions = self.questions
        self.documents.publish(state)

    async def start(self) -> None:
        """Begins what is done in the background; jobs are not yet."""
        if self._is_working:
            await self.documents.start()
            await self.vectors.start()
            await self.follower.begin()

    async def stop(self) -> None:
        """Ends it, and gives back what is under way."""
        if self._is_working:
            await self.documents.stop()
            await self.vectors.stop()
        await self.retrieval.close()
        await self.search_index.close()
        self._models_inside.close()
        await self.parser.aclose()


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_chars=settings.kb_max_chars,
        max_pages=settings.kb_max_pages,
        seconds=settings.kb_parse_seconds,
        memory_bytes=settings.kb_parse_memory_mb * 1024 * 1024,
    )


def _engine(settings: Settings) -> OcrEngine | None:
    program = settings.ocr_program
    if program is None:
        return None
    return OcrEngine(program, settings.ocr_languages, settings.ocr_max_pages, settings.ocr_timeout_seconds)
