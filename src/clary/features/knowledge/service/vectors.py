"""Makes the vectors that passages lack: in portions, behind everything else, one base after the other."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from clary.db.database import Database, UnavailableError
from clary.features.knowledge.errors import KnowledgeModelFailedError
from clary.features.knowledge.ports import REFUSALS, Embedder, EmbeddingFailedError, ResolvedEmbedding
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.repository.versions import Pending, VersionRepository
from clary.features.knowledge.service.models import PROBE, KnowledgeModels
from clary.features.knowledge.tables import KnowledgeIndexRow
from clary.jobs.job import RetryLaterError
from clary.jobs.queue import JobQueue
from clary.jobs.work import Work
from clary.kit.duties import Duty

log = structlog.get_logger()

KIND = "knowledge.vectors"
BATCH = 32
TURN_BATCHES = 8
"""Then other bases have their turn."""
FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 300.0
LOOK_SECONDS = 5.0
MOST_BASES = 200
REFUSED = b""
"""In the place of the vector of such a text: it is found by its words, and no longer asked for."""
ATTEMPTS_ALONE = 2


class VectorBatches:
    """Makes one batch of vectors of a version. The model is asked without a transaction."""

    def __init__(self, *, database: Database, models: KnowledgeModels) -> None:
        self._database = database
        self._models = models

    async def find_embedder(self, owner_id: str, index: KnowledgeIndexRow) -> Embedder | None:
        """The model of a version.

        Raises:
            EmbeddingFailedError
        """
        async with self._database.read() as db:
            return await self._models.embedder_for(db, owner_id=owner_id, embedding=index.embedding)

    async def are_wanted(self, index: KnowledgeIndexRow) -> bool:
        """Whether a passage of this version lacks its vector."""
        async with self._database.read() as db:
            return bool(await VersionRepository(db).list_pending(index.kdb_id, index.version, 1))

    async def make(self, work: Work, index: KnowledgeIndexRow, embedder: Embedder) -> int:
        """Fills one batch; returns how many there were, 0: nothing is pending.

        Raises:
            EmbeddingFailedError, JobLostError
        """
        async with self._database.read() as db:
            pending = await VersionRepository(db).list_pending(index.kdb_id, index.version, BATCH)
        if not pending:
            return 0
        vectors = await self._vectors(embedder, index, pending)
        async with self._database.write() as db:
            await work.require_held(db)
            versions = VersionRepository(db)
            await versions.put_vectors(index.kdb_id, list(zip(pending, vectors, strict=True)))
            documents = sorted({each.doc_id for each in pending})
            base = await BaseRepository(db).find(index.kdb_id)
            if base is not None and base.index_version == index.version:
                await versions.complete_documents(index.kdb_id, index.version, documents)
        return len(pending)

    async def _vectors(self, embedder: Embedder, index: KnowledgeIndexRow, pending: Sequence[Pending]) -> list[bytes]:
        """One for each; where the model refuses them together, those it always refuses are singled out."""
        try:
            return await _embed(embedder, index, pending)
        except EmbeddingFailedError as failed:
            if failed.kind not in REFUSALS:
                raise
            single = await _one_by_one(embedder, index, pending)
            if not any(single) and not await self._has_taken_any(index):
                # It is the model, not the passages.
                raise
        log.warning("passages_without_vectors", kdb_id=index.kdb_id, count=single.count(REFUSED))
        return single

    async def _has_taken_any(self, index: KnowledgeIndexRow) -> bool:
        async with self._database.read() as db:
            return await VersionRepository(db).has_vector(index.kdb_id, index.version)


async def _one_by_one(embedder: Embedder, index: KnowledgeIndexRow, pending: Sequence[Pending]) -> list[bytes]:
    """A passage is refused when the model refuses it twice while it takes another text."""
    vectors: list[bytes] = []
    for each in pending:
        vector = REFUSED
        for _ in range(ATTEMPTS_ALONE):
            await embedder.embed([PROBE], mode="passage")
            try:
                (vector,) = await _embed(embedder, index, [each])
                break
            except EmbeddingFailedError as failed:
                if failed.kind not in REFUSALS:
                    raise
        vectors.append(vector)
    return vectors


async def _embed(embedder: Embedder, index: KnowledgeIndexRow, pending: Sequence[Pending]) -> list[bytes]:
    vectors = await embedder.embed([each.text for each in pending], mode="passage")
    dims = ResolvedEmbedding.from_kept(index.embedding).dims
    if len(vectors) != len(pending) or (dims and any(len(vector) != 2 * dims for vector in vectors)):
        raise EmbeddingFailedError("provider_bad_response")
    return vectors


class VectorFilling:
    """Looks for bases whose documents wait for vectors, and has a job for each: no two processes do the same.

    A model that fails is asked again later, after longer and longer waits; documents are found by words meanwhile.
    """

    def __init__(self, *, database: Database, queue: JobQueue, batches: VectorBatches) -> None:
        self._database = database
        self._queue = queue
        self._batches = batches
        self._failures: dict[str, int] = {}
        self._hopeless: dict[str, Any] = {}
        self._woken = asyncio.Event()
        self._duty = Duty("vectors", self._look, restart_seconds=LOOK_SECONDS)

    def wake(self, _kdb_id: str = "") -> None:
        """A document has come in."""
        self._woken.set()

    async def start(self) -> None:
        """Begins to look."""
        self._duty.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._duty.stop()

    async def do(self, work: Work) -> Any:
        """The handler: some batches of one base."""
        kdb_id = work.job.payload["kdb_id"]
        found = await self._current(kdb_id)
        if found is None:
            return None
        owner_id, index = found
        try:
            embedder = await self._batches.find_embedder(owner_id, index)
            if embedder is None:
                self._hopeless[kdb_id] = index.embedding
                return None
            for _ in range(TURN_BATCHES):
                if not await self._batches.make(work, index, embedder):
                    await self._settle(work, index)
                    self._failures.pop(kdb_id, None)
                    return None
        except EmbeddingFailedError as failed:
            self._failures[kdb_id] = self._failures.get(kdb_id, 0) + 1
            raise RetryLaterError(_wait(self._failures[kdb_id]), KnowledgeModelFailedError(failed.kind)) from None
        raise RetryLaterError(0, KnowledgeModelFailedError("provider_error"))

    async def _settle(self, work: Work, index: KnowledgeIndexRow) -> None:
        """Documents without passages of their own in this version have nothing to wait for."""
        async with self._database.write() as db:
            await work.require_held(db)
            await VersionRepository(db).complete_all(index.kdb_id, index.version)

    async def _current(self, kdb_id: str) -> tuple[str, KnowledgeIndexRow] | None:
        async with self._database.read() as db:
            base = await BaseRepository(db).find(kdb_id)
            index = await VersionRepository(db).find(kdb_id, base.index_version) if base is not None else None
        return None if base is None or index is None else (base.owner_id, index)

    async def _look(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._have_filled()
            except UnavailableError:
                log.warning("vectors_put_off")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _have_filled(self) -> None:
        async with self._database.read() as db:
            waiting = await VersionRepository(db).list_waiting_bases(MOST_BASES)
            busy = await self._queue.list_open_owners(db, kind=KIND) if waiting else set[str]()
        for kdb_id in waiting:
            if job_owner(kdb_id) not in busy and not await self._is_hopeless(kdb_id):
                async with self._database.write() as db:
                    await self._queue.add(
                        db, kind=KIND, owner_id=job_owner(kdb_id), payload={"kdb_id": kdb_id}, most_open=1
                    )

    async def _is_hopeless(self, kdb_id: str) -> bool:
        """Whether there was no model for it, and nothing has changed since."""
        if kdb_id not in self._hopeless:
            return False
        found = await self._current(kdb_id)
        if found is not None and found[1].embedding == self._hopeless[kdb_id]:
            return True
        del self._hopeless[kdb_id]
        return False


def job_owner(kdb_id: str) -> str:
    """Whose a job of a base is: the base's, so that bases take turns and jobs outlive a change of owner."""
    return f"kdb:{kdb_id}"


def _wait(failures: int) -> float:
    return min(FIRST_WAIT_SECONDS * 2.0 ** min(failures, 12), LONGEST_WAIT_SECONDS)
