"""Every SQL statement that takes documents away; the base is part of each."""

from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, delete, select, update

from clary.db.session import Session
from clary.features.knowledge.repository.passages import PassageRepository
from clary.features.knowledge.tables import (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeRemovalRow,
    KnowledgeTextRow,
)

_B, _Doc, _R = KnowledgeBaseRow, KnowledgeDocumentRow, KnowledgeRemovalRow


class Removable(NamedTuple):
    """A document that goes."""

    doc_id: str
    file_key: str | None
    passages: int


class RemovalRepository:
    """Deletions in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_base(self, kdb_id: str) -> KnowledgeBaseRow | None:
        """A base, locked until the transaction ends: passages change only under this lock."""
        query = select(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kdb_id)
        return await self._session.scalar(query.with_for_update())

    async def list_documents(self, kdb_id: str, *, until: datetime | None, limit: int) -> list[Removable]:
        """Some of a base's documents, or of those that came before a moment."""
        query = select(_Doc.id, _Doc.file_key, _Doc.passages).where(_Doc.kdb_id == kdb_id)
        if until is not None:
            query = query.where(_Doc.created_at < until)
        return [Removable(*row) for row in await self._session.execute(query.order_by(_Doc.created_at).limit(limit))]

    async def remove_document(self, kdb_id: str, doc_id: str) -> bool:
        """Takes a document away with everything that was made of it; False: it is gone already."""
        await PassageRepository(self._session).remove_document(kdb_id, doc_id)
        await self._session.execute(delete(KnowledgeTextRow).where(KnowledgeTextRow.doc_id == doc_id))
        gone = await self._session.execute(delete(_Doc).where(_Doc.id == doc_id, _Doc.kdb_id == kdb_id))
        return cast("CursorResult[Any]", gone).rowcount > 0

    async def remove_base(self, kdb_id: str) -> None:
        """Takes an empty base away with its grants' objects, questions, versions and tasks."""
        await self._session.execute(delete(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kdb_id))

    async def forget_removals(self, before: datetime, limit: int) -> int:
        """Forgets passages that went before a moment, a portion of them, and notes it; returns how many."""
        query = select(_R.kdb_id, _R.change, _R.number).where(_R.removed_at < before).limit(limit)
        rows = (await self._session.execute(query)).all()
        forgotten: dict[str, int] = {}
        for kdb_id, change, _ in rows:
            forgotten[kdb_id] = max(change, forgotten.get(kdb_id, 0))
        for kdb_id in sorted(forgotten):
            statement = update(_B).where(_B.id == kdb_id, _B.forgotten_change < forgotten[kdb_id])
            await self._session.execute(
                statement.values(forgotten_change=forgotten[kdb_id]).execution_options(synchronize_session=False)
            )
        await self._session.execute(delete(_R).where(_R.number.in_([row.number for row in rows])))
        return len(rows)
