"""Versions of an index: built beside the one that answers, switched to in one step (contract product 5.7)."""

from typing import Any

from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.knowledge.policy.settings import IndexPlan, chunk_of, embedding_of
from clary.features.knowledge.ports import ResolvedEmbedding
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.repository.versions import VersionRepository
from clary.features.knowledge.service.access import KnowledgeBase
from clary.features.knowledge.service.vectors import job_owner
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeIndexRow
from clary.jobs.job import Job
from clary.jobs.queue import JobQueue
from clary.kit.clock import Clock
from clary.kit.ids import new_hex
from clary.kit.text import Text

Json = dict[str, Any]
KIND = "knowledge.rebuild"


class IndexVersions:
    """Which versions there are and which ones are wanted. Every method works in the caller's transaction."""

    def __init__(self, *, queue: JobQueue, clock: Clock, analyzer_version: int) -> None:
        self.analyzer_version = analyzer_version
        self._queue = queue
        self._clock = clock

    async def plan_of(
        self, db: Session, row: KnowledgeBaseRow, embedding: ResolvedEmbedding | None
    ) -> IndexPlan | None:
        """What is wanted of a base: a model that was just tried, else the last one, with the cutting of now."""
        if embedding is None:
            newest = _newest(await BaseRepository(db).list_indexes(row.id), row.index_version)
            if newest is None:
                return None
            embedding = ResolvedEmbedding.from_kept(newest.embedding)
        return IndexPlan(embedding, chunk_of(row.settings))

    async def has_failed(self, db: Session, base: KnowledgeBase) -> bool:
        """Whether the version that answers has a model that is not the one wanted, since a build came to nothing."""
        indexes = await BaseRepository(db).list_indexes(base.id)
        return any(each.state == "failed" or each.error is not None for each in indexes)

    async def ensure(
        self, db: Session, row: KnowledgeBaseRow, wanted: IndexPlan, *, with_job: bool = True
    ) -> str | None:
        """Makes sure that what is wanted answers or is being built; the base is locked. Returns the task that builds.

        A build of something else is given up.
        """
        bases = BaseRepository(db)
        indexes = await bases.list_indexes(row.id)
        building = _building(indexes, row.index_version)
        if building is not None and self._is_kept_by(building, wanted):
            if with_job and job_owner(row.id) not in await self._queue.list_open_owners(db, kind=KIND):
                # Nobody builds it any more, or only whoever follows the server: two of them do no harm.
                await self._add_job(db, row.id, building.version)
            return building.task_id
        if building is not None:
            building.state = "abandoned"
            await bases.save(building)
        current = next((each for each in indexes if _answers(each, row)), None)
        if current is not None and self._is_kept_by(current, wanted):
            await self._forget_failures(db, row, indexes)
            if building is not None and with_job:
                await self._add_job(db, row.id, building.version)
            return None
        fresh = self._next(row, indexes, wanted)
        await self._forget_failures(db, row, indexes)
        await bases.save(fresh)
        if with_job:
            await self._add_job(db, row.id, fresh.version)
        return fresh.task_id

    async def give_up(self, db: Session, job: Job, error: Json) -> None:
        """Ends the build of a job that has failed, whatever it failed of; the earlier version goes on and says why."""
        kdb_id, version = job.payload["kdb_id"], job.payload["version"]
        row = await VersionRepository(db).find(kdb_id, version)
        if row is None or row.state != "building":
            return
        row.state, row.error = "failed", error
        await BaseRepository(db).save(row)
        # Removes what there is of it by now.
        await self._add_job(db, kdb_id, version)

    def first(self, row: KnowledgeBaseRow, plan: IndexPlan) -> KnowledgeIndexRow:
        """The version a new base begins with: it answers at once."""
        return KnowledgeIndexRow(
            kdb_id=row.id,
            version=row.index_version,
            state="ready",
            progress=100,
            embedding=plan.embedding.kept(),
            chunk=plan.chunk,
            analyzer_version=self.analyzer_version,
            created_at=row.created_at,
        )

    def _is_kept_by(self, index: KnowledgeIndexRow, wanted: IndexPlan) -> bool:
        # Newer words are no fault: while servers are replaced one by one, none builds what the others have built.
        is_current = index.analyzer_version >= self.analyzer_version
        return is_current and wanted.is_kept_by(index.embedding, index.chunk)

    async def describe(self, db: Session, base: KnowledgeBase) -> tuple[int, Json]:
        """(passages of the version that answers, `index` of `info` without the reranker)."""
        bases = BaseRepository(db)
        indexes = await bases.list_indexes(base.id)
        current = next(each for each in indexes if each.version == base.index_version)
        building = _building(indexes, base.index_version)
        error = _error(indexes, current)
        passages, with_vector = await bases.count_passages(base.id, current.version)
        kept = ResolvedEmbedding.from_kept(current.embedding)
        # While something is built, as well: only a provider's model is surely none of the server's.
        follows = kept.mode != "provider" and embedding_of(base.settings)["mode"] == "server"
        index: Json = {
            "version": current.version,
            "state": "ready" if building is None else "building",
            "progress": 100 if building is None else building.progress,
            "embedding": {"mode": "server" if follows else kept.mode, "model": kept.model, "dims": kept.dims},
            "vectors": _vectors(kept, passages, with_vector),
        }
        if building is not None:
            index["reindex_task_id"] = building.task_id
        elif error is not None:
            index["error"] = {"kind": error["slug"], "message": Text(error["zh"], error["en"]).render()}
        return passages, index

    async def note_failure(self, db: Session, row: KnowledgeBaseRow, problem: ProblemError) -> None:
        """Says at the version that answers why there is no other one; the base is locked."""
        current = next((each for each in await BaseRepository(db).list_indexes(row.id) if _answers(each, row)), None)
        if current is not None and current.error != reason_of(problem):
            current.error = reason_of(problem)
            await BaseRepository(db).save(current)

    def _next(self, row: KnowledgeBaseRow, indexes: list[KnowledgeIndexRow], wanted: IndexPlan) -> KnowledgeIndexRow:
        return KnowledgeIndexRow(
            kdb_id=row.id,
            version=max(each.version for each in indexes) + 1,
            state="building",
            progress=0,
            embedding=wanted.embedding.kept(),
            chunk=wanted.chunk,
            analyzer_version=self.analyzer_version,
            task_id=new_hex(32),
            created_at=self._clock.now(),
        )

    async def _forget_failures(self, db: Session, row: KnowledgeBaseRow, indexes: list[KnowledgeIndexRow]) -> None:
        failed = [each for each in indexes if each.state == "failed"]
        for each in failed:
            each.state = "abandoned"
        told = [each for each in indexes if each.error is not None]
        for each in told:
            each.error = None
        await BaseRepository(db).save(*failed, *told)

    async def _add_job(self, db: Session, kdb_id: str, version: int) -> None:
        await self._queue.add(db, kind=KIND, owner_id=job_owner(kdb_id), payload={"kdb_id": kdb_id, "version": version})


def reason_of(problem: ProblemError) -> Json:
    """A refusal as it is kept with a version, for readers of both languages."""
    return {"slug": problem.slug, "zh": problem.message.zh, "en": problem.message.en}


def _answers(index: KnowledgeIndexRow, row: KnowledgeBaseRow) -> bool:
    return index.version == row.index_version


def _error(indexes: list[KnowledgeIndexRow], current: KnowledgeIndexRow) -> Json | None:
    failed = next((each for each in reversed(indexes) if each.state == "failed"), current)
    return failed.error or current.error


def _building(indexes: list[KnowledgeIndexRow], current: int) -> KnowledgeIndexRow | None:
    return next((each for each in indexes if each.state == "building" and each.version > current), None)


def _newest(indexes: list[KnowledgeIndexRow], current: int) -> KnowledgeIndexRow | None:
    answering = next((each for each in indexes if each.version == current), None)
    return _building(indexes, current) or answering


def _vectors(kept: ResolvedEmbedding, passages: int, with_vector: int) -> str:
    if kept.mode == "none":
        return "none"
    if passages == with_vector:
        return "complete"
    return "partial" if with_vector else "none"
