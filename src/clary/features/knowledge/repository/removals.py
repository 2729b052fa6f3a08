"""Every SQL statement that takes documents away; the base is part of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, delete, select

from clary.db.session import Session
from clary.features.knowledge.repository.passages import PassageRepository
from clary.features.knowledge.tables import (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeRemovalRow,
    KnowledgeTextRow,
)

_Doc = KnowledgeDocumentRow


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
        """Forgets passages that went before a moment, a portion of them; returns how many."""
        query = select(KnowledgeRemovalRow.number).where(KnowledgeRemovalRow.removed_at < before).limit(limit)
        numbers: Sequence[int] = (await self._session.scalars(query)).all()
        await self._session.execute(delete(KnowledgeRemovalRow).where(KnowledgeRemovalRow.number.in_(numbers)))
        return len(numbers)
