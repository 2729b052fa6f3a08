"""Has a reranker judge the best candidates; without one that answers, the order stays."""

from typing import Final

from clary.db.database import Database
from clary.features.knowledge.policy.findings import Candidate, in_order
from clary.features.knowledge.policy.ranking import bounded
from clary.features.knowledge.ports import EmbeddingFailedError
from clary.features.knowledge.repository.findings import FindingRepository
from clary.features.knowledge.service.asked import RERANKER_DOWN, Asked

MAX_RERANKED: Final = 100
_MAX_CHARS: Final = 4000


async def rerank(database: Database, asked: Asked, candidates: list[Candidate]) -> list[Candidate]:
    """The candidates in the reranker's order, at most 100 of them; no transaction is open while it is asked."""
    if asked.reranker is None or not candidates:
        return candidates
    first = candidates[:MAX_RERANKED]
    texts = await _texts(database, first)
    first = [each for each in first if each.facts.key in texts]
    try:
        scores = await asked.reranker.rank(asked.question.query, [texts[each.facts.key][:_MAX_CHARS] for each in first])
    except EmbeddingFailedError:
        asked.warn(RERANKER_DOWN)
        return candidates
    ranked = [each._replace(score=bounded(score), rerank=score) for each, score in zip(first, scores, strict=True)]
    return in_order(ranked)


async def _texts(database: Database, candidates: list[Candidate]) -> dict[tuple[str, int], str]:
    texts: dict[tuple[str, int], str] = {}
    async with database.read() as db:
        for kdb_id in {each.facts.key.kdb_id for each in candidates}:
            numbers = [each.facts.key.number for each in candidates if each.facts.key.kdb_id == kdb_id]
            found = await FindingRepository(db).find_texts(kdb_id, numbers)
            texts |= {(kdb_id, number): text for number, text in found.items()}
    return texts
