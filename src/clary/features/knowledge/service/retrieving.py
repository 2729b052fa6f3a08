"""Answers questions out of bases (contract product 5.6).

Words and vectors are searched at the same time; what they find is one order, checked against the rows: what the answer
says was there when the rows were read. Trouble with a model costs a warning, never the answer.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from clary.db.database import Database
from clary.db.session import Session
from clary.features.knowledge.errors import KdbNotFoundError, QueryEmptyError, RetrievalTimeoutError
from clary.features.knowledge.policy.filters import Filters
from clary.features.knowledge.policy.findings import Candidate, Facts, in_order, without_repeats
from clary.features.knowledge.policy.ranking import Evidence, Found, Mode, bounded, fuse, words_weight
from clary.features.knowledge.ports import (
    Analyzer,
    Embedder,
    EmbeddingFailedError,
    Hit,
    IndexKey,
    IndexLostError,
    Reranker,
    ResolvedEmbedding,
    SearchIndex,
)
from clary.features.knowledge.repository.findings import BaseNow, FindingRepository
from clary.features.knowledge.repository.versions import VersionRepository
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.following import IndexFollower
from clary.features.knowledge.service.models import KnowledgeModels
from clary.features.knowledge.service.presenting import Presenter
from clary.features.knowledge.service.question_vectors import QuestionVectors
from clary.features.permissions.service import Identity
from clary.kit.clock import Clock
from clary.kit.text import Text

Json = dict[str, Any]
TOP_K: Final = 10
MAX_TOP_K: Final = 100
LEAST_DEPTH: Final = 150
"""How many passages each source gives, at least."""
MAX_RERANKED: Final = 100
_MAX_RERANKED_CHARS: Final = 4000
_NEAREST: Final = 5
_LOOKS: Final = 3
_AT_ONCE: Final = 4
"""Queries of one person; more of them wait for each other, not in the way of other people's."""
_NOTED_SECONDS: Final = 60

NO_VECTORS = Text("该知识库没有向量，已使用全文检索", "There are no vectors here; full text was searched")
MODEL_DOWN = Text("向量模型暂不可用，已使用全文检索", "The embedding model is not available; full text was searched")
RERANKER_DOWN = Text("重排模型暂不可用，已使用融合排序", "The reranker is not available; the fused order is shown")


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks. None: as the base says, or else the default."""

    query: str
    top_k: int | None = None
    mode: Mode | None = None
    filters: Filters = field(default_factory=Filters)
    rerank: bool | None = None
    min_score: float | None = None
    highlight: bool = False
    explain: bool = False
    include_full_content: bool = False
    merge: bool = True
    neighbours: int = 0


class Answer(NamedTuple):
    """`results` as on the wire; `total`: how many passages were found in all, as far as anybody looked."""

    results: list[Json]
    total: int
    mode: Mode
    warnings: list[str]
    took_ms: int


@dataclass(slots=True)
class _Source:
    """A base while it is asked. `vector`: of the question, by its model."""

    base: KnowledgeBase
    now: BaseNow
    embedder: Embedder | None = None
    vector: bytes | None = None

    @property
    def key(self) -> IndexKey:
        return IndexKey(self.base.id, self.now.version)


@dataclass(slots=True)
class _Asked:
    """A question with everything that was left open filled in."""

    question: Question
    top_k: int
    mode: Mode
    min_score: float
    words: list[str]
    depth: int
    reranker: Reranker | None = None
    warnings: list[Text] = field(default_factory=list[Text])

    def warn(self, text: Text) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


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
        self._turns: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def retrieve(self, *, identity: Identity, kdb_ids: Sequence[str], question: Question) -> tuple[Answer, str]:
        """The answer out of bases the caller can read, and the owner of the first one.

        Raises:
            KdbNotFoundError, QueryEmptyError, RetrievalTimeoutError
        """
        async with self._database.read() as db:
            bases = await self._access.get_many(db, identity=identity, kdb_ids=kdb_ids, right="read")
        return await self.search(bases, question=question, asker=identity.user_id), bases[0].owner_id

    async def search(self, bases: Sequence[KnowledgeBase], *, question: Question, asker: str) -> Answer:
        """The answer out of these bases; nobody is asked again whether they may be read.

        Raises:
            KdbNotFoundError: one is gone. QueryEmptyError, RetrievalTimeoutError
        """
        began = time.monotonic()
        if not question.query.strip():
            raise QueryEmptyError
        try:
            async with asyncio.timeout(self._seconds), self._turn(asker):
                asked, sources = await self._prepare(bases, question)
                results, total = await self._look(asked, sources)
        except TimeoutError:
            raise RetrievalTimeoutError from None
        await self._note(sources)
        warnings = [text.render() for text in asked.warnings]
        return Answer(results, total, asked.mode, warnings, round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Ends what goes on in the background."""
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

    async def _prepare(self, bases: Sequence[KnowledgeBase], question: Question) -> tuple[_Asked, list[_Source]]:
        words = asyncio.create_task(asyncio.to_thread(self._analyzer.analyze, question.query))
        try:
            async with self._database.read() as db:
                now = await FindingRepository(db).find_now([base.id for base in bases])
                if any(base.id not in now for base in bases):
                    raise KdbNotFoundError
                sources = [_Source(base, now[base.id]) for base in bases]
                asked = _fill(question, sources)
                if asked.mode != "lexical":
                    for source in sources:
                        source.embedder = await self._find_embedder(db, source)
                asked.reranker = await self._find_reranker(db, asked, sources[0])
        finally:
            asked_words = await words
        asked.words = asked_words
        await self._find_vectors(asked, sources)
        return asked, sources

    async def _find_embedder(self, db: Session, source: _Source) -> Embedder | None:
        try:
            return await self._models.embedder_for(db, owner_id=source.base.owner_id, embedding=source.now.embedding)
        except EmbeddingFailedError:
            return None

    async def _find_reranker(self, db: Session, asked: _Asked, source: _Source) -> Reranker | None:
        if asked.question.rerank is False:
            return None
        try:
            chosen = source.now.settings.get("reranker") or {}
            return await self._models.reranker_for(db, owner_id=source.base.owner_id, reranker=chosen)
        except EmbeddingFailedError:
            asked.warn(RERANKER_DOWN)
            return None

    async def _find_vectors(self, asked: _Asked, sources: Sequence[_Source]) -> None:
        """Asks every model at the same time; says so where words have to do."""
        if asked.mode == "lexical":
            return
        await asyncio.gather(*(self._find_vector(asked, source) for source in sources))
        if all(source.vector is None for source in sources):
            asked.mode = "lexical"

    async def _find_vector(self, asked: _Asked, source: _Source) -> None:
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

    async def _look(self, asked: _Asked, sources: Sequence[_Source]) -> tuple[list[Json], int]:
        """Looks again when what was found is gone meanwhile, as after the redo of a document."""
        for look in range(_LOOKS):
            is_last = look == _LOOKS - 1
            if look:
                await self._renew(sources)
            try:
                evidence = await self._find_everywhere(asked, sources)
            except IndexLostError:
                if is_last:
                    raise
                continue
            found = fuse(evidence, mode=asked.mode, words_weight=await self._words_weight(asked, evidence))
            answer = await self._read(asked, sources, found, take_what_is_there=is_last)
            if answer is not None:
                return answer
            if look:
                # It was found twice though its row is gone: the index is not what it should be.
                await asyncio.gather(*(self._index.drop(source.key) for source in sources))
        return [], 0

    async def _renew(self, sources: Sequence[_Source]) -> None:
        async with self._database.read() as db:
            now = await FindingRepository(db).find_now([source.base.id for source in sources])
        for source in sources:
            if source.base.id not in now:
                raise KdbNotFoundError
            if now[source.base.id].embedding != source.now.embedding:
                source.vector = None
            source.now = now[source.base.id]

    async def _find_everywhere(self, asked: _Asked, sources: Sequence[_Source]) -> dict[str, Evidence]:
        found = await asyncio.gather(*(self._find_in(asked, source) for source in sources))
        return {source.base.id: evidence for source, evidence in zip(sources, found, strict=True)}

    async def _find_in(self, asked: _Asked, source: _Source) -> Evidence:
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

    async def _search_vectors(
        self, asked: _Asked, source: _Source, since: int, among: Sequence[int] | None
    ) -> list[Hit]:
        if source.vector is None:
            return []
        return await self._index.search_vectors(source.key, source.vector, since=since, limit=asked.depth, among=among)

    async def _among(self, asked: _Asked, source: _Source) -> list[int] | None:
        if asked.question.filters.are_empty:
            return None
        async with self._database.read() as db:
            return await FindingRepository(db).list_numbers(
                source.base.id, source.now.version, asked.question.filters, base_type=source.base.type
            )

    async def _words_weight(self, asked: _Asked, evidence: Mapping[str, Evidence]) -> float:
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
        self, asked: _Asked, sources: Sequence[_Source], found: Sequence[Found], *, take_what_is_there: bool
    ) -> tuple[list[Json], int] | None:
        """Results out of the rows; None: something that was found is there no more."""
        async with self._database.read() as db:
            facts = await _facts(db, sources, found)
        if len(facts) < len(found) and not take_what_is_there:
            return None
        candidates = [Candidate(facts[each.key.number], each, each.fused) for each in found if each.key.number in facts]
        ranked = await self._rerank(asked, without_repeats(in_order(candidates)))
        chosen = [each for each in ranked if each.score >= asked.min_score][: asked.top_k]
        async with self._database.read() as db:
            bases = {source.base.id: (source.base, source.now.version) for source in sources}
            results = await self._presenter.results(db, bases, chosen, asked.question, asked.words)
        return None if results is None and not take_what_is_there else (results or [], len(ranked))

    async def _rerank(self, asked: _Asked, candidates: list[Candidate]) -> list[Candidate]:
        if asked.reranker is None or not candidates:
            return candidates
        first = candidates[:MAX_RERANKED]
        texts: dict[tuple[str, int], str] = {}
        async with self._database.read() as db:
            for kdb_id in {each.facts.key.kdb_id for each in first}:
                numbers = [each.facts.key.number for each in first if each.facts.key.kdb_id == kdb_id]
                found = await FindingRepository(db).find_texts(kdb_id, numbers)
                texts |= {(kdb_id, number): text for number, text in found.items()}
        first = [each for each in first if each.facts.key in texts]
        try:
            scores = await asked.reranker.rank(
                asked.question.query, [texts[each.facts.key][:_MAX_RERANKED_CHARS] for each in first]
            )
        except EmbeddingFailedError:
            asked.warn(RERANKER_DOWN)
            return candidates
        ranked = [each._replace(score=bounded(score), rerank=score) for each, score in zip(first, scores, strict=True)]
        return in_order(ranked)

    async def _note(self, sources: Sequence[_Source]) -> None:
        """Notes, not at every query, that bases are in use: those asked last are rebuilt first."""
        now = self._clock.now()
        stale = [
            source.base.id
            for source in sources
            if source.now.queried_at is None or (now - source.now.queried_at).total_seconds() > _NOTED_SECONDS
        ]
        if stale:
            async with self._database.write() as db:
                await VersionRepository(db).note_query(stale, now)


async def _facts(db: Session, sources: Sequence[_Source], found: Sequence[Found]) -> dict[int, Facts]:
    """By number, which is of one base only."""
    facts: dict[int, Facts] = {}
    for source in sources:
        numbers = [each.key.number for each in found if each.key.kdb_id == source.base.id]
        rows = await FindingRepository(db).find_facts(source.base.id, source.now.version, numbers)
        facts |= {each.key.number: each for each in rows}
    return facts


def _fill(question: Question, sources: Sequence[_Source]) -> _Asked:
    """What the question leaves open is as the settings of a single base say."""
    defaults: Json = (sources[0].now.settings.get("retrieval") or {}) if len(sources) == 1 else {}
    top_k = question.top_k or defaults.get("top_k") or TOP_K
    mode: Mode = question.mode or defaults.get("mode") or "hybrid"
    least = question.min_score if question.min_score is not None else defaults.get("min_score") or 0.0
    return _Asked(question, top_k, mode, float(least), [], max(LEAST_DEPTH, 3 * top_k))
