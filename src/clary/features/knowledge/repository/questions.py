"""Statements about question sets and their evaluations."""

from collections.abc import Sequence

from sqlalchemy import and_, case, delete, func, select

from clary.db.session import Session
from clary.features.knowledge.policy.evaluating import TOP_K
from clary.features.knowledge.tables import KnowledgeDocumentRow, KnowledgeEvaluationRow, KnowledgeQuestionRow

_Q, _E, _D = KnowledgeQuestionRow, KnowledgeEvaluationRow, KnowledgeDocumentRow


class QuestionRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_page(self, kdb_id: str, *, offset: int, limit: int) -> tuple[list[KnowledgeQuestionRow], int]:
        """(page, total) in their order."""
        query = select(_Q).where(_Q.kdb_id == kdb_id).order_by(_Q.place, _Q.id)
        return list(await self._session.scalars(query.offset(offset).limit(limit))), await self.count(kdb_id)

    async def list_all(self, kdb_id: str) -> list[KnowledgeQuestionRow]:
        """All of a base in their order."""
        query = select(_Q).where(_Q.kdb_id == kdb_id).order_by(_Q.place, _Q.id)
        return list(await self._session.scalars(query))

    async def count(self, kdb_id: str) -> int:
        """Number of questions of a base."""
        query = select(func.count()).select_from(_Q).where(_Q.kdb_id == kdb_id)
        return await self._session.scalar(query) or 0

    async def next_place(self, kdb_id: str) -> int:
        """Behind the last question."""
        return (await self._session.scalar(select(func.max(_Q.place)).where(_Q.kdb_id == kdb_id)) or 0) + 1

    async def add(self, rows: Sequence[KnowledgeQuestionRow]) -> None:
        """Adds questions."""
        self._session.add_all(rows)
        await self._session.flush()

    async def remove_all(self, kdb_id: str) -> None:
        """Removes the questions of a base."""
        await self._session.execute(delete(_Q).where(_Q.kdb_id == kdb_id))

    async def save(self, row: KnowledgeEvaluationRow) -> None:
        """Writes a new or changed evaluation."""
        self._session.add(row)
        await self._session.flush()

    async def find_evaluation(self, kdb_id: str, evaluation_id: str) -> KnowledgeEvaluationRow | None:
        """An evaluation of a base."""
        query = select(_E).where(_E.id == evaluation_id, _E.kdb_id == kdb_id)
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def find_previous(
        self, kdb_id: str, version: int, *, same_version: bool, alike: KnowledgeEvaluationRow | None = None
    ) -> KnowledgeEvaluationRow | None:
        """What a run of this version is compared with: of the version before, asked as usual if there is one.

        `same_version`: the documents were read again, but no other version answers now; then the last run by itself.
        `alike`: a run that may only be compared with older ones that were asked as it was.
        """
        query = select(_E).where(
            _E.kdb_id == kdb_id, _E.status == "completed", _E.recall.is_not(None), _E.top_k.is_not(None)
        )
        query = query.where(_E.trigger == "reindex" if same_version else _E.index_version < version)
        if alike is not None:
            query = query.where(_E.id != alike.id, _E.created_at <= alike.created_at)
            query = query.where(_E.top_k == alike.top_k, _E.mode.is_not_distinct_from(alike.mode))
        is_unusual = case((and_(_E.top_k == TOP_K, _E.mode.is_(None)), 0), else_=1)
        order = (_E.index_version.desc(), is_unusual, _E.created_at.desc(), _E.id.desc())
        return await self._session.scalar(query.order_by(*order).limit(1))

    async def list_evaluations(
        self, kdb_id: str, *, offset: int, limit: int
    ) -> tuple[list[KnowledgeEvaluationRow], int]:
        """(page, total), newest first."""
        query = select(_E).where(_E.kdb_id == kdb_id).order_by(_E.created_at.desc(), _E.id.desc())
        total = await self._session.scalar(select(func.count()).select_from(_E).where(_E.kdb_id == kdb_id)) or 0
        return list(await self._session.scalars(query.offset(offset).limit(limit))), total

    async def has_open_documents(self, kdb_id: str, task_id: str) -> bool:
        """Whether documents of a task still wait or are worked on."""
        query = select(_D.id).where(_D.kdb_id == kdb_id, _D.task_id == task_id, _D.status.in_((0, 1))).limit(1)
        return await self._session.scalar(query) is not None
