"""Lets question sets ask a base as its people do."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from clary.db.database import Database
from clary.features.knowledge.errors import KdbNotFoundError
from clary.features.knowledge.policy.questions import Question
from clary.features.knowledge.policy.ranking import Mode
from clary.features.knowledge.ports import FoundPassage, IndexKey, IndexLostError, Payer
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.service.retrieving import Retriever


class _Base(NamedTuple):
    """Fills `SearchedBase`."""

    id: str
    owner_id: str
    type: str


class QuestionFinder:
    """Fills the port `PassageFinder`."""

    def __init__(self, *, database: Database, retriever: Retriever) -> None:
        self._database = database
        self._retriever = retriever

    async def prepare(self, *, kdb_id: str) -> None:
        """See the port: the files of a large base take a while after a switch or on another machine."""
        async with self._database.read() as db:
            row = await BaseRepository(db).find(kdb_id)
        if row is None:
            return
        with suppress(IndexLostError, KdbNotFoundError):
            await self._retriever.follower.follow(IndexKey(kdb_id, row.index_version), row.change_number)

    async def find(self, *, kdb_id: str, query: str, top_k: int, mode: str | None) -> Sequence[FoundPassage]:
        """See the port."""
        async with self._database.read() as db:
            row = await BaseRepository(db).find(kdb_id)
        if row is None:
            raise KdbNotFoundError
        base = _Base(row.id, row.owner_id, row.type)
        question = Question(query, top_k=top_k, mode=cast("Mode | None", mode))
        answer = await self._retriever.search(
            [base], question=question, asker=f"kdb:{kdb_id}", payer=Payer(row.owner_id)
        )
        return [
            FoundPassage(result["doc_id"], result["metadata"]["doc_name"], result["doc_content"])
            for result in answer.results
        ]
