"""Who may do what with a base (thin stand-in; the whole one comes with bases)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from clary.db.session import Session
from clary.features.knowledge.errors import DocNotFoundError, KdbNotFoundError
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeDocumentRow
from clary.features.permissions.service import Identity

Right = Literal["read", "write", "own"]


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    id: str
    owner_id: str
    name: str
    type: str
    intro: str
    index_name: str
    settings: dict[str, Any]
    index_version: int
    access: str
    created_at: datetime
    updated_at: datetime


class KnowledgeAccess:
    async def get(self, db: Session, *, identity: Identity, kdb_id: str, right: Right) -> KnowledgeBase:
        row = await db.scalar(select(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kdb_id))
        if row is None or (row.owner_id != identity.user_id and not identity.is_admin):
            raise KdbNotFoundError
        return KnowledgeBase(
            row.id, row.owner_id, row.name, row.type, row.intro, row.index_name, row.settings, row.index_version,
            "owner", row.created_at, row.updated_at,
        )  # fmt: skip

    async def get_document(
        self, db: Session, *, identity: Identity, doc_id: str, right: Right
    ) -> tuple[KnowledgeBase, KnowledgeDocumentRow]:
        row = await db.get(KnowledgeDocumentRow, doc_id)
        if row is None:
            raise DocNotFoundError
        try:
            return await self.get(db, identity=identity, kdb_id=row.kdb_id, right=right), row
        except KdbNotFoundError:
            raise DocNotFoundError from None
