"""Answers questions out of bases (contract product 5.6).

Words and vectors are searched at the same time; what they find is one order, checked against the rows: what the answer
says was there when the rows were read. Trouble with a model costs a warning, never the answer.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.knowledge.errors import KdbNotFoundError, QueryEmptyError, RetrievalTimeoutError
from clary.features.knowledge.policy.findings import Candidate, Facts, in_order, without_repeats
from clary.features.knowledge.policy.ranking import Evidence, Found, fuse, words_weight
from clary.features.knowledge.policy.settings import reranker_choice, reranker_of
from clary.features.knowledge.ports import (
    Analyzer,
    Embedder,
    EmbeddingFailedError,
    Hit,
    IndexLostError,
    Payer,
    Reranker,
    ResolvedEmbedding,
    SearchIndex,
)
from clary.features.knowledge.repository.findings import FindingRepository
from clary.features.knowledge.repository.versions import VersionRepository
from clary.features.knowledge.service.access import KnowledgeAccess
from clary.features.knowledge.service.asked import (
    MODEL_DOWN,
    NO_VECTORS,
    RERANKER_DOWN,
    RERANKERS_DIFFER,
    Answer,
    Asked,
    Question,
    SearchedBase,
    Source,
    fill,
)
from clary.features.knowledge.service.following import IndexFollower
from clary.features.knowledge.service.models import KnowledgeModels
from clary.features.knowledge.service.presenting import Presenter
from clary.features.knowledge.service.question_vectors import QuestionVectors
from clary.features.knowledge.service.reranking import rerank
from clary.features.permissions.service import Identity
from clary.kit.clock import Clock

log = structlog.get_logger()

Json = dict[str, Any]
_NEAREST: Final = 5
_LOOKS: Final = 3
_AT_ONCE: Final = 4
"""Queries of one person; more of them wait for each other, not in the way of other people's."""
_NOTED_SECONDS: Final = 60


class Retriever:
    """See the module. Opens its own, short transactions: call it without one."""

    def __init__(
        self,
        *,
        database: Database,
        access: KnowledgeAccess,
        models: KnowledgeModels,
        index: SearchIndex,
        analyzer: Analyzer,
        clock: Clock,
        seconds: float,
        vectors: QuestionVectors | None = None,
    ) -> None:
        self.follower = IndexFollower(database=database, index=index)
        self._database = database
        self._access = access
        self._models = models
        self._index = index
        self._analyzer = analyzer
        self._clock = clock
        self._seconds = seconds
        self._vectors = vectors or QuestionVectors()
        self._presenter = Presenter(analyzer)
        self._notes: set[asyncio.Task[None]] = set()
        self._turns: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def retrieve(self, *, identity: Identity, kdb_ids: Sequence[str], question: Question) -> tuple[Answer, str]:
        """The answer out of bases the caller can read, and the owner of the first one.

        Raises:
            KdbNotFoundError, QueryEmptyError, RetrievalTimeoutError
        """
        async with self._database.read() as db:
            bases = await self._access.get_many(db, identity=identity, kdb_ids=kdb_ids, right="read")
        payer = Payer(identity.user_id, identity.key_id, identity.client_id)
        answer = await self.search(bases, question=question, asker=identity.user_id, payer=payer)
        return answer, bases[0].owner_id

    async def search(self, bases: Sequence[SearchedBase], *, question: Question, asker: str, payer: Payer) -> Answer:
        """The answer out of these bases; nobody is asked again whether they may be read.

        `asker`: whose queries take turns; models are asked on the books of `payer`.

        Raises:
            KdbNotFoundError: one is gone. QueryEmptyError, RetrievalTimeoutError
        """
        began = time.monotonic()
        if not question.query.strip():
            raise QueryEmptyError
        try:
            async with asyncio.timeout(self._seconds), self._turn(asker):
                asked, sources = await self._prepare(bases, question, payer)
                results, total = await self._look(asked, sources)
        except TimeoutError:
            raise RetrievalTimeoutError from None
        self._note_soon(sources)
        warnings = [text.render() for text in asked.warnings]
        return Answer(results, total, asked.mode, warnings, round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Ends what goes on in the background."""
        await asyncio.gather(*self._notes, return_exceptions=True)
        await self.follower.close()

    @asynccontextmanager
    async def _turn(self, asker: str) -> AsyncGenerator[None]:
        turns, users = self._turns.get(asker, (asyncio.Semaphore(_AT_ONCE), 0))
        self._turns[asker] = (turns, users + 1)
        try:
            async with turns:
                yield
        finally:
            left = self._turns[asker][1] - 1
            if left:
                self._turns[asker] = (turns, left)
            else:
                del self._turns[asker]

    async def _prepare(
        self, bases: Sequence[SearchedBase], question: Question, payer: Payer
    ) -> tuple[Asked, list[Source]]:
        words = asyncio.create_task(asyncio.to_thread(self._analyzer.analyze, question.query))
        try:
            async with self._database.read() as db:
                now = await FindingRepository(db).find_now([base.id for base in bases])
                if any(base.id not in now for base in bases):
                    raise KdbNotFoundError
                sources = [Source(base, now[base.id]) for base in bases]
                asked = fill(question, sources, payer)
                if asked.mode != "lexical":
                    for source in sources:
                        source.embedder = await self._find_embedder(db, asked, source)
                asked.reranker = await self._find_reranker(db, asked, sources)
        finally:
            asked_words = await words
        asked.words = asked_words
        await self._find_vectors(asked, sources)
        return asked, sources

    async def _find_embedder(self, db: Session, asked: Asked, source: Source) -> Embedder | None:
        try:
            return await self._models.embedder_for(
                db, owner_id=source.base.owner_id, embedding=source.now.embedding, payer=asked.payer
            )
        except EmbeddingFailedError:
            return None

    async def _find_reranker(self, db: Session, asked: Asked, sources: Sequence[Source]) -> Reranker | None:
        """The one that all of the bases have: passages of a base go to nobody that its owner did not choose."""
        if asked.question.rerank is False:
            return None
        chosen = [reranker_choice(source.now.settings, source.base.owner_id) for source in sources]
        if any(each != chosen[0] for each in chosen):
            if asked.question.rerank:
                asked.warn(RERANKERS_DIFFER)
            return None
        try:
            return await self._models.reranker_for(
                db,
                owner_id=sources[0].base.owner_id,
                reranker=reranker_of(sources[0].now.settings),
                payer=asked.payer,
            )
        except EmbeddingFailedError:
            asked.warn(RERANKER_DOWN)
            return None

    async def _find_vectors(self, asked: Asked, sources: Sequence[Source]) -> None:
        """Asks every model at the same time; says so where words have to do."""
        if asked.mode == "lexical":
            return
        await asyncio.gather(*(self._find_vector(asked, source) for source in sources))
        if all(source.vector is None for source in sources):
            asked.mode = "lexical"

    async def _find_vector(self, asked: Asked, source: Source) -> None:
        kept = ResolvedEmbedding.from_kept(source.now.embedding)
        if kept.mode == "none":
            asked.warn(NO_VECTORS)
            return
        if source.embedder is not None:
            whose = source.base.owner_id if kept.mode == "provider" else ""
            source.vector = await self._vectors.find(
                source.embedder, asked.question.query, dims=kept.dims or source.embedder.dims, whose=whose
            )
        if source.vector is None:
            asked.warn(MODEL_DOWN)

    async def _look(self, asked: Asked, sources: Sequence[Source]) -> tuple[list[Json], int]:
        """Looks again when what was found is gone meanwhile, as after the redo of a document."""
        for look in range(_LOOKS):
            has_changed = not look or await self._renew(sources)
            try:
                evidence = await self._find_everywhere(asked, sources)
            except IndexLostError:
                continue
            asked.settle_mode(evidence)
            found = fuse(evidence, mode=asked.mode, words_weight=await self._words_weight(asked, evidence))
            answer = await self._read(asked, sources, found, take_what_is_there=look == _LOOKS - 1)
            if answer is not None:
                return answer
            if not has_changed:
                # Found again though its row is gone: the index is not what it should be.
                await asyncio.gather(*(self._index.drop(source.key) for source in sources))
        raise UnavailableError

    async def _renew(self, sources: Sequence[Source]) -> bool:
        """Looks at the bases anew; whether anything has changed."""
        async with self._database.read() as db:
            now = await FindingRepository(db).find_now([source.base.id for source in sources])
        if any(source.base.id not in now for source in sources):
            raise KdbNotFoundError
        before = [(source.now.version, source.now.change_number) for source in sources]
        for source in sources:
            if now[source.base.id].embedding != source.now.embedding:
                source.vector = None
            source.now = now[source.base.id]
        return before != [(source.now.version, source.now.change_number) for source in sources]

    async def _find_everywhere(self, asked: Asked, sources: Sequence[Source]) -> dict[str, Evidence]:
        found = await asyncio.gather(*(self._find_in(asked, source) for source in sources))
        return {source.base.id: evidence for source, evidence in zip(sources, found, strict=True)}

    async def _find_in(self, asked: Asked, source: Source) -> Evidence:
        key, among = source.key, await self._among(asked, source)
        if among is not None and not among:
            return Evidence((), (), {})
        since = await self.follower.follow(key, source.now.change_number)
        words, vectors = await asyncio.gather(
            self._index.search_words(key, asked.words, since=since, limit=asked.depth, among=among),
            self._search_vectors(asked, source, since, among),
        )
        unseen = [hit.number for hit in words if hit.number not in {each.number for each in vectors}]
        cosines: list[Hit] = []
        if unseen and source.vector is not None:
            cosines = await self._index.search_vectors(key, source.vector, since=since, limit=len(unseen), among=unseen)
        if asked.mode == "vector":
            known = {hit.number for hit in (*vectors, *cosines)}
            words = [hit for hit in words if hit.number not in known]
        return Evidence(words, vectors, {hit.number: hit.score for hit in cosines})

    async def _search_vectors(self, asked: Asked, source: Source, since: int, among: Sequence[int] | None) -> list[Hit]:
        if source.vector is None:
            return []
        return await self._index.search_vectors(source.key, source.vector, since=since, limit=asked.depth, among=among)

    async def _among(self, asked: Asked, source: Source) -> list[int] | None:
        if asked.question.filters.are_empty:
            return None
        async with self._database.read() as db:
            return await FindingRepository(db).list_numbers(
                source.base.id, source.now.version, asked.question.filters, base_type=source.base.type
            )

    async def _words_weight(self, asked: Asked, evidence: Mapping[str, Evidence]) -> float:
        """By the scripts of the question and of what is nearest to it."""
        nearest = [(kdb_id, hit) for kdb_id, each in evidence.items() for hit in each.vectors[:_NEAREST]]
        texts: list[str] = []
        if asked.mode == "hybrid" and nearest:
            async with self._database.read() as db:
                for kdb_id in evidence:
                    numbers = [hit.number for of, hit in nearest if of == kdb_id]
                    texts += (await FindingRepository(db).find_texts(kdb_id, numbers)).values() if numbers else ()
        return words_weight(asked.question.query, texts)

    async def _read(
        self, asked: Asked, sources: Sequence[Source], found: Sequence[Found], *, take_what_is_there: bool
    ) -> tuple[list[Json], int] | None:
        """Results out of the rows; None: something that was found is there no more."""
        async with self._database.read() as db:
            facts = await _facts(db, sources, found)
        if len(facts) < len(found) and not take_what_is_there:
            return None
        candidates = [Candidate(facts[each.key.number], each, each.fused) for each in found if each.key.number in facts]
        ranked = await rerank(self._database, asked, without_repeats(in_order(candidates)))
        chosen = [each for each in ranked if each.score >= asked.min_score][: asked.top_k]
        bases = {source.base.id: (source.base, source.now.version) for source in sources}
        async with self._database.read() as db:
            results = await self._presenter.results(
                db, bases, chosen, asked.question, asked.words, take_what_is_there=take_what_is_there
            )
        return None if results is None else (results, len(ranked))

    def _note_soon(self, sources: Sequence[Source]) -> None:
        """Notes, not at every query, that bases are in use: those asked last are rebuilt first. Nobody waits for it."""
        now = self._clock.now()
        stale = [
            source.base.id
            for source in sources
            if source.now.queried_at is None or (now - source.now.queried_at).total_seconds() > _NOTED_SECONDS
        ]
        if stale and not self._notes:
            task = asyncio.create_task(self._note(stale, now))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    async def _note(self, kdb_ids: Sequence[str], now: datetime) -> None:
        try:
            async with self._database.write() as db:
                await VersionRepository(db).note_query(kdb_ids, now)
        except UnavailableError:
            # The next query notes it.
            log.info("query_not_noted")


async def _facts(db: Session, sources: Sequence[Source], found: Sequence[Found]) -> dict[int, Facts]:
    """By number, which is of one base only."""
    facts: dict[int, Facts] = {}
    for source in sources:
        numbers = [each.key.number for each in found if each.key.kdb_id == source.base.id]
        rows = await FindingRepository(db).find_facts(source.base.id, source.now.version, numbers)
        facts |= {each.key.number: each for each in rows}
    return facts
