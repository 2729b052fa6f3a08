"""Statements about bases and the versions of their index; who may see a row is part of the query."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, text, update

from clary.db.session import Session
from clary.features.knowledge.tables import (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeIndexRow,
    KnowledgePassageRow,
)
from clary.features.permissions.service import Identity, granted_to, owned_by, visible_to

_B, _D, _I = KnowledgeBaseRow, KnowledgeDocumentRow, KnowledgeIndexRow
MAX_IN = 500


class DocumentCounts(NamedTuple):
    """What a base holds. `by_status`: status → documents."""

    by_status: dict[int, int]
    size_bytes: int


class BaseRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, row: KnowledgeBaseRow, index: KnowledgeIndexRow) -> None:
        """A new base with its first version."""
        self._session.add(row)
        await self._session.flush()
        self._session.add(index)
        await self._session.flush()

    async def find(self, kdb_id: str) -> KnowledgeBaseRow | None:
        """A base, whoever may see it."""
        return await self._session.scalar(select(_B).where(_B.id == kdb_id))

    async def find_for_change(self, kdb_id: str) -> KnowledgeBaseRow | None:
        """The same as it stands now, locked until the transaction ends."""
        query = select(_B).where(_B.id == kdb_id).with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def count_all(self) -> tuple[int, int]:
        """(bases, documents) of the whole server."""
        bases = await self._session.scalar(select(func.count()).select_from(_B))
        documents = await self._session.scalar(select(func.count()).select_from(_D))
        return int(bases or 0), int(documents or 0)

    async def sum_bytes(self) -> int:
        """Bytes of all originals that are kept."""
        return int(await self._session.scalar(select(func.sum(_D.size)).where(_D.file_key.is_not(None))) or 0)

    async def find_document(self, doc_id: str) -> KnowledgeDocumentRow | None:
        """A document, whoever may see it."""
        return await self._session.scalar(select(_D).where(_D.id == doc_id))

    async def list_visible_among(self, identity: Identity, kdb_ids: Sequence[str]) -> list[KnowledgeBaseRow]:
        """Those of these bases that the caller may see, in no order; at most 1000 are asked for."""
        if not kdb_ids:
            return []
        return list(await self._session.scalars(select(_B).where(_B.id.in_(kdb_ids), _seen_by(identity))))

    async def list_page(
        self, identity: Identity, *, name: str, type: str, offset: int, limit: int
    ) -> tuple[list[KnowledgeBaseRow], int]:
        """(page, total) of what the caller may see, newest first. `name`: part of the name, `type`: exactly."""
        query = select(_B).where(_seen_by(identity))
        if type:
            query = query.where(_B.type == type)
        query = query.order_by(_B.created_at.desc(), _B.id.desc())
        if not name:
            return await self._page(query, offset, limit)
        # Not in SQL: SQLite folds the case of ASCII letters only.
        found = [
            row for row in await self._session.execute(query.with_only_columns(_B.id, _B.name)) if _contains(row, name)
        ]
        ids = [row.id for row in found[offset : offset + limit]]
        rows = {row.id: row for row in await self._session.scalars(select(_B).where(_B.id.in_(ids)))}
        return [rows[each] for each in ids], len(found)

    async def _page(
        self, query: Select[KnowledgeBaseRow], offset: int, limit: int
    ) -> tuple[list[KnowledgeBaseRow], int]:
        counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
        total = await self._session.scalar(counted) or 0
        return list(await self._session.scalars(query.offset(offset).limit(limit))), total

    async def count_owned(self, owner_id: str) -> int:
        """Number of a person's own bases."""
        query = select(func.count()).select_from(_B).where(owned_by(owner_id, _B.owner_id))
        return await self._session.scalar(query) or 0

    async def lock_owner(self, owner_id: str) -> None:
        """Lets nobody else count and add bases of this owner until the transaction ends."""
        # On SQLite one transaction writes at a time anyway.
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"kdb:{owner_id}"}
            )

    async def list_owned(self, owner_id: str) -> list[KnowledgeBaseRow]:
        """A person's own bases, oldest first."""
        query = select(_B).where(owned_by(owner_id, _B.owner_id)).order_by(_B.created_at, _B.id)
        return list(await self._session.scalars(query))

    async def move(self, kdb_id: str, owner_id: str) -> None:
        """Gives a base with its documents to somebody else."""
        await self._session.execute(update(_B).where(_B.id == kdb_id).values(owner_id=owner_id))
        await self._session.execute(update(_D).where(_D.kdb_id == kdb_id).values(owner_id=owner_id))

    async def count_documents(self, kdb_ids: Collection[str]) -> dict[str, int]:
        """Base → its documents."""
        ids, counts = list(kdb_ids), dict[str, int]()
        for start in range(0, len(ids), MAX_IN):
            query = select(_D.kdb_id, func.count()).where(_D.kdb_id.in_(ids[start : start + MAX_IN]))
            counts.update((kdb_id, count) for kdb_id, count in await self._session.execute(query.group_by(_D.kdb_id)))
        return counts

    async def counts(self, kdb_id: str) -> DocumentCounts:
        """What a base holds."""
        query = select(_D.status, func.count(), func.coalesce(func.sum(_D.size), 0)).where(_D.kdb_id == kdb_id)
        rows = list(await self._session.execute(query.group_by(_D.status)))
        return DocumentCounts({status: count for status, count, _ in rows}, sum(size for _, _, size in rows))

    async def count_passages(self, kdb_id: str, version: int) -> tuple[int, int]:
        """(passages, those among them that have a vector) of a version."""
        passage = KnowledgePassageRow
        query = select(func.count(), func.count(passage.vector)).where(
            passage.kdb_id == kdb_id, passage.version == version
        )
        total, with_vector = (await self._session.execute(query)).one()
        return total, with_vector

    async def list_indexes(self, kdb_id: str) -> list[KnowledgeIndexRow]:
        """All versions of a base, oldest first."""
        query = select(_I).where(_I.kdb_id == kdb_id).order_by(_I.version)
        return list(await self._session.scalars(query.execution_options(populate_existing=True)))

    async def save(self, *rows: Any) -> None:
        """Writes new or changed rows."""
        self._session.add_all(rows)
        await self._session.flush()

    async def remove_index(self, kdb_id: str, version: int) -> None:
        """Forgets a version; its passages are somebody else's business."""
        await self._session.execute(delete(_I).where(_I.kdb_id == kdb_id, _I.version == version))


def _seen_by(identity: Identity) -> ColumnElement[bool]:
    return or_(visible_to(identity, _B.owner_id), granted_to(identity, "kdb", _B.id))


def _contains(row: Any, part: str) -> bool:
    return part.casefold() in row.name.casefold()
