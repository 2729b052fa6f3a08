"""Passages as rows (thin stand-in; the whole one comes with the index)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select, update

from clary.db.session import Session
from clary.features.knowledge.policy.cutting import Cut
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgePassageRow, KnowledgeRemovalRow

_P = KnowledgePassageRow


@dataclass(frozen=True, slots=True)
class NewPassage:
    cut: Cut
    id: str
    text_hash: str
    tokens: str


class PassageRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def _change(self, kdb_id: str) -> int:
        await self._session.execute(
            update(KnowledgeBaseRow)
            .where(KnowledgeBaseRow.id == kdb_id)
            .values(change_number=KnowledgeBaseRow.change_number + 1)
        )
        query = select(KnowledgeBaseRow.change_number).where(KnowledgeBaseRow.id == kdb_id)
        return await self._session.scalar(query) or 0

    async def replace_document(self, *, kdb_id: str, version: int, doc_id: str, passages: Sequence[NewPassage]) -> int:
        change = await self._change(kdb_id)
        await self._remove(kdb_id, doc_id, change, version)
        for place, each in enumerate(passages):
            cut = each.cut
            self._session.add(
                _P(
                    id=each.id,
                    kdb_id=kdb_id,
                    version=version,
                    doc_id=doc_id,
                    place=place,
                    start=cut.start,
                    end=cut.end,
                    text=cut.text,
                    text_hash=each.text_hash,
                    context=cut.context,
                    page=cut.page,
                    part=cut.part,
                    heading_path=list(cut.heading_path),
                    details=cut.details,
                    tokens=each.tokens,
                    vector=None,
                    change=change,
                )  # fmt: skip
            )
        await self._session.flush()
        return len(passages)

    async def remove_document(self, kdb_id: str, doc_id: str) -> None:
        await self._remove(kdb_id, doc_id, await self._change(kdb_id), None)

    async def _remove(self, kdb_id: str, doc_id: str, change: int, version: int | None) -> None:
        which = [_P.doc_id == doc_id] + ([] if version is None else [_P.version == version])
        rows = (await self._session.execute(select(_P.number, _P.version).where(*which))).all()
        for number, of_version in rows:
            self._session.add(
                KnowledgeRemovalRow(
                    number=number, kdb_id=kdb_id, version=of_version, change=change, removed_at=datetime.now(UTC)
                )
            )
        await self._session.execute(delete(_P).where(*which))
        await self._session.flush()
