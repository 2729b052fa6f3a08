"""Builds versions of indexes out of kept texts (contract product 5.7). Queries and ingestion go on meanwhile."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.knowledge.errors import KdbNotFoundError, KnowledgeModelFailedError
from clary.features.knowledge.policy.layout import cut_again
from clary.features.knowledge.policy.passages import title_of
from clary.features.knowledge.policy.settings import embedding_of
from clary.features.knowledge.ports import EmbeddingFailedError, IndexKey, IndexLostError, ResolvedEmbedding
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.repository.passages import PassageRepository
from clary.features.knowledge.repository.versions import VersionRepository
from clary.features.knowledge.service.following import IndexFollower
from clary.features.knowledge.service.indexing import PassageIndexing
from clary.features.knowledge.service.models import KnowledgeModels
from clary.features.knowledge.service.questions import QuestionSets
from clary.features.knowledge.service.vectors import VectorBatches
from clary.features.knowledge.service.versions import IndexVersions, reason_of
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeIndexRow
from clary.jobs.job import RetryLaterError
from clary.jobs.queue import JobQueue
from clary.jobs.work import Work

log = structlog.get_logger()

FOLLOW_KIND = "knowledge.follow"
FOLLOW_OWNER = "server"
MAX_ATTEMPTS = 5
WAITS = (5.0, 30.0, 120.0, 300.0)
PORTION = 20
REMOVED_AT_ONCE = 1000
CHECK_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Build:
    """A version that is being built, and for whom."""

    owner_id: str
    index: KnowledgeIndexRow

    @property
    def kdb_id(self) -> str:
        """The base."""
        return self.index.kdb_id

    @property
    def version(self) -> int:
        """The version."""
        return self.index.version


class IndexBuilder:
    """Cuts every text anew, has vectors made, switches, and removes what no longer answers.

    Whatever it does it can do again: a document with passages in the version is done. A build that is given up
    meanwhile ends at its next step, because its row says so.
    """

    def __init__(
        self,
        *,
        database: Database,
        indexing: PassageIndexing,
        batches: VectorBatches,
        questions: QuestionSets,
        files: IndexFollower,
    ) -> None:
        self._database = database
        self._files = files
        self._indexing = indexing
        self._batches = batches
        self._questions = questions

    async def do(self, work: Work) -> Any:
        """The handler of a rebuild.

        Raises:
            RetryLaterError, KnowledgeModelFailedError: the model does not answer; the earlier version goes on.
        """
        kdb_id, version = work.job.payload["kdb_id"], work.job.payload["version"]
        try:
            await self.build(work, kdb_id, version)
        except EmbeddingFailedError as failed:
            problem = KnowledgeModelFailedError(failed.kind)
            if work.job.attempts < MAX_ATTEMPTS:
                raise RetryLaterError(WAITS[min(work.job.attempts, len(WAITS)) - 1], problem) from None
            await self.fail(work, kdb_id, version, problem)
            raise problem from None
        await self.clean(work, kdb_id)

    async def build(self, work: Work, kdb_id: str, version: int) -> None:
        """Builds a version and switches to it; ends early when it is no longer wanted.

        Raises:
            EmbeddingFailedError, JobLostError
        """
        build = await self._find(kdb_id, version)
        while build is not None:
            await self._cut_texts(work, build)
            await self._make_vectors(work, build)
            await self._prepare_files(build)
            if await self._switch(work, build):
                return
            build = await self._find(kdb_id, version)

    async def fail(self, work: Work, kdb_id: str, version: int, problem: ProblemError) -> None:
        """Gives a build up and says why; the earlier version goes on."""
        async with self._database.write() as db:
            await work.require_held(db)
            row = await VersionRepository(db).find(kdb_id, version)
            if row is not None and row.state == "building":
                row.state = "failed"
                row.error = reason_of(problem)
                await BaseRepository(db).save(row)
        await self.clean(work, kdb_id)

    async def clean(self, work: Work, kdb_id: str) -> None:
        """Removes versions that no longer answer, and the passages of those that failed; in portions."""
        async with self._database.read() as db:
            base = await BaseRepository(db).find(kdb_id)
            rows = await BaseRepository(db).list_indexes(kdb_id)
        if base is None:
            return
        for row in rows:
            if row.version != base.index_version and row.state != "building":
                await self._remove(work, kdb_id, row)

    async def _remove(self, work: Work, kdb_id: str, row: KnowledgeIndexRow) -> None:
        gone = REMOVED_AT_ONCE
        while gone == REMOVED_AT_ONCE:
            async with self._database.write() as db:
                await work.require_held(db)
                gone = await VersionRepository(db).remove_passages(kdb_id, row.version, REMOVED_AT_ONCE)
                if gone < REMOVED_AT_ONCE and row.state != "failed":
                    await BaseRepository(db).remove_index(kdb_id, row.version)

    async def _find(self, kdb_id: str, version: int) -> Build | None:
        async with self._database.read() as db:
            base = await BaseRepository(db).find(kdb_id)
            row = await VersionRepository(db).find(kdb_id, version)
        if base is None or row is None or row.state != "building" or base.index_version >= version:
            return None
        return Build(base.owner_id, row)

    async def _cut_texts(self, work: Work, build: Build) -> None:
        after = ""
        while True:
            async with self._database.read() as db:
                portion = await VersionRepository(db).list_unbuilt(
                    build.kdb_id, build.version, after=after, limit=PORTION
                )
            for doc_id in portion:
                if not await self._cut_one(work, build, doc_id):
                    return
            if not portion:
                return
            after = portion[-1]
            await self._report(work, build)

    async def _cut_one(self, work: Work, build: Build, doc_id: str) -> bool:
        """False: the version is no longer wanted."""
        async with self._database.read() as db:
            found = await VersionRepository(db).find_text(doc_id)
        if found is None:
            return True
        cuts = await asyncio.to_thread(cut_again, found[0], found[1], **build.index.chunk)
        title = "" if found[1].get("rows") else title_of(found[2])
        passages = await self._indexing.make(doc_id, cuts, title=title)
        async with self._database.write() as db:
            await work.require_held(db)
            versions = VersionRepository(db)
            row = await versions.find(build.kdb_id, build.version)
            if row is None or row.state != "building":
                return False
            # Whoever read the document anew meanwhile has put it into this version too: theirs is the newer text.
            if await versions.is_unbuilt(build.kdb_id, build.version, doc_id):
                await PassageRepository(db).replace_document(
                    kdb_id=build.kdb_id, version=build.version, doc_id=doc_id, passages=passages
                )
                await self._take_over_vectors(db, row, doc_id)
        return True

    async def _take_over_vectors(self, db: Session, row: KnowledgeIndexRow, doc_id: str) -> None:
        """The vectors of the same texts by the same model are there already, for instance when only words are new."""
        base = await BaseRepository(db).find(row.kdb_id)
        answering = None if base is None else await VersionRepository(db).find(row.kdb_id, base.index_version)
        if answering is not None and answering.embedding == row.embedding:
            await VersionRepository(db).copy_vectors(row.kdb_id, doc_id, source=answering.version, target=row.version)

    async def _make_vectors(self, work: Work, build: Build) -> None:
        if not await self._batches.are_wanted(build.index):
            return
        embedder = await self._batches.find_embedder(build.owner_id, build.index)
        if embedder is None:
            return
        while await self._find(build.kdb_id, build.version) is not None:
            if not await self._batches.make(work, build.index, embedder):
                return
            await self._report(work, build)

    async def _prepare_files(self, build: Build) -> None:
        """The files of a large base take a while: the first question after the switch must not wait for them."""
        async with self._database.read() as db:
            base = await BaseRepository(db).find(build.kdb_id)
        if base is None:
            return
        try:
            await self._files.follow(IndexKey(build.kdb_id, build.version), base.change_number)
        except (IndexLostError, KdbNotFoundError):
            log.info("index_files_not_prepared", kdb_id=build.kdb_id)

    async def _report(self, work: Work, build: Build) -> None:
        """Half of the way is cutting, half is vectors, where there are any. It never falls."""
        has_vectors = ResolvedEmbedding.from_kept(build.index.embedding).mode != "none"
        async with self._database.write() as db:
            await work.require_held(db)
            total, built = await VersionRepository(db).count_texts(build.kdb_id, build.version)
            passages, with_vector = await BaseRepository(db).count_passages(build.kdb_id, build.version)
            cut = built / total if total else 1.0
            filled = with_vector / passages if passages else 0.0
            progress = int(99 * (0.5 * cut + 0.5 * cut * filled if has_vectors else cut))
            row = await VersionRepository(db).find(build.kdb_id, build.version)
            if row is not None and progress > row.progress:
                row.progress = progress
                await BaseRepository(db).save(row)

    async def _switch(self, work: Work, build: Build) -> bool:
        """True: the version answers now, or is no longer wanted. False: more has come in."""
        kdb_id, version = build.kdb_id, build.version
        has_vectors = ResolvedEmbedding.from_kept(build.index.embedding).mode != "none"
        async with self._database.write() as db:
            await work.require_held(db)
            versions = VersionRepository(db)
            base, row = await BaseRepository(db).find_for_change(kdb_id), await versions.find(kdb_id, version)
            if base is None or row is None or row.state != "building":
                return True
            if has_vectors and await versions.list_pending(kdb_id, version, 1):
                if await self._batches.find_embedder(build.owner_id, build.index) is not None:
                    return False
                raise EmbeddingFailedError("provider_unreachable")
            base.index_version = version
            row.state, row.progress = "ready", 100
            await BaseRepository(db).save(base, row)
            await versions.take_over(kdb_id, version, has_vectors=has_vectors)
            await self._questions.begin(db, base, after_task=None)
        log.info("knowledge_index_switched", kdb_id=kdb_id, version=version)
        return True


@dataclass(slots=True)
class _Pass:
    """One look at all bases. `failed`: why the server's model could not be asked; it is asked once."""

    tried: set[str] = field(default_factory=set[str])
    failed: KnowledgeModelFailedError | None = None


class ServerFollower:
    """Brings bases to what this server has: one at a time, last queried first.

    Those of mode `server` to the operator's choice of a model, all of them to the words of today's analyzer.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: JobQueue,
        models: KnowledgeModels,
        versions: IndexVersions,
        builder: IndexBuilder,
    ) -> None:
        self._database = database
        self._queue = queue
        self._models = models
        self._versions = versions
        self._builder = builder

    async def begin(self) -> None:
        """At the start of a process; one job of all of them does it."""
        async with self._database.write() as db:
            await self._queue.add(db, kind=FOLLOW_KIND, owner_id=FOLLOW_OWNER, payload={}, most_open=1)

    async def do(self, work: Work) -> Any:
        """The handler.

        Raises:
            RetryLaterError: the server's model does not answer; what can do without it is done.
        """
        look = _Pass()
        while (next_one := await self._find_next(work, look)) is not None:
            kdb_id, version = next_one
            try:
                await self._builder.build(work, kdb_id, version)
            except EmbeddingFailedError as failed:
                await self._builder.fail(work, kdb_id, version, KnowledgeModelFailedError(failed.kind))
            await self._builder.clean(work, kdb_id)
        if look.failed is not None:
            raise RetryLaterError(CHECK_AGAIN_SECONDS, look.failed)
        return {"bases": len(look.tried)}

    async def _find_next(self, work: Work, look: _Pass) -> tuple[str, int] | None:
        async with self._database.read() as db:
            rows = await VersionRepository(db).list_followers()
        for row in rows:
            if row.id in look.tried:
                continue
            wanted = await self._wanted(row, look)
            if wanted is None and look.failed is not None and _follows(row.settings):
                look.tried.add(row.id)
                await self._note_failure(work, row.id, look.failed)
                continue
            version = await self._ensure(work, row.id, wanted)
            if version is not None:
                look.tried.add(row.id)
                return row.id, version
        return None

    async def _ensure(self, work: Work, kdb_id: str, servers: ResolvedEmbedding | None) -> int | None:
        """The version that has to be built, if any. `servers` None: the base chose its model itself."""
        async with self._database.write() as db:
            await work.require_held(db)
            versions = VersionRepository(db)
            base = await BaseRepository(db).find_for_change(kdb_id)
            if base is None or _follows(base.settings) != (servers is not None):
                return None
            current = await versions.find(kdb_id, base.index_version)
            has_old_words = current is not None and current.analyzer_version < self._versions.analyzer_version
            if servers is None and not has_old_words:
                return None
            wanted = await self._versions.plan_of(db, base, servers)
            task_id = await self._versions.ensure(db, base, wanted, with_job=False) if wanted is not None else None
            built = await versions.find_rebuild(kdb_id, task_id) if task_id else None
            return None if built is None else built.version

    async def _wanted(self, row: KnowledgeBaseRow, look: _Pass) -> ResolvedEmbedding | None:
        if not _follows(row.settings) or look.failed is not None:
            return None
        try:
            return await self._models.resolve_embedding(row.owner_id, embedding_of(row.settings))
        except KnowledgeModelFailedError as failed:
            look.failed = failed
            return None

    async def _note_failure(self, work: Work, kdb_id: str, failed: KnowledgeModelFailedError) -> None:
        """The version that answers goes on and says why nothing follows it."""
        async with self._database.write() as db:
            await work.require_held(db)
            base = await BaseRepository(db).find_for_change(kdb_id)
            if base is not None and _follows(base.settings):
                await self._versions.note_failure(db, base, failed)


def _follows(settings: dict[str, Any]) -> bool:
    return embedding_of(settings)["mode"] == "server"
