"""Every SQL statement about documents as work: who waits, who holds what, and what an attempt may still write."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, CursorResult, Select, and_, delete, func, select, update
from sqlalchemy.orm import aliased

from clary.db.session import Session
from clary.features.knowledge.policy.documents import PENDING, PROCESSING
from clary.features.knowledge.tables import (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeIndexRow,
    KnowledgePassageRow,
    KnowledgeTextRow,
)


class PlannedVersion(NamedTuple):
    """A version of a base's index that a document goes into."""

    version: int
    target_chars: int
    overlap_chars: int
    has_vectors: bool
    is_current: bool


class Plan(NamedTuple):
    """What becomes of a document of a base: `type` says how it is read."""

    type: str
    versions: tuple[PlannedVersion, ...]


class Replaced(NamedTuple):
    """A document whose place another one takes."""

    doc_id: str
    file_key: str | None


_Doc = KnowledgeDocumentRow


class IngestionRepository:
    """Rows of `knowledge_documents` as a queue, in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_owners(self, now: float) -> list[str]:
        """Owners with documents that wait, or whose worker is gone. Some may have to wait longer."""
        waiting = (await self._session.scalars(_WAITING_OWNERS)).all()
        lost = (await self._session.scalars(select(_Doc.owner_id).where(_is_lost(now)).distinct())).all()
        return sorted({*waiting, *lost})

    async def take(self, owner_id: str, now: float) -> KnowledgeDocumentRow | None:
        """The next document of an owner, locked; one that another worker is just taking is passed over."""
        queue = (
            select(_Doc)
            .where(_Doc.owner_id == owner_id)
            .order_by(_Doc.created_at, _Doc.place)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        lost = await self._session.scalar(queue.where(_is_lost(now)))
        if lost is not None:
            return lost
        return await self._session.scalar(queue.where(_Doc.status == PENDING, _Doc.due_at <= now))

    async def change_held(self, doc_id: str, generation: int, **values: Any) -> bool:
        """Changes a document for the attempt of this generation; False: the attempt is too late."""
        held = (_Doc.id == doc_id, _Doc.generation == generation, _Doc.status == PROCESSING)
        return await self._change(*held, **values) > 0

    async def describe(self, doc_id: str, **values: Any) -> None:
        """Says what a document has become; in the transaction in which its attempt has ended."""
        await self._change(_Doc.id == doc_id, **values)

    async def list_held(self, lease_owner: str) -> dict[str, int]:
        """Id → generation of what a process holds."""
        query = select(_Doc.id, _Doc.generation).where(_held_by(lease_owner))
        return {row.id: row.generation for row in await self._session.execute(query)}

    async def renew(self, lease_owner: str, doc_ids: Sequence[str], expires_at: float) -> None:
        """Moves the end of leases."""
        await self._change(_held_by(lease_owner), _Doc.id.in_(doc_ids), lease_expires_at=expires_at)

    async def raise_progress(self, progress: Mapping[str, tuple[int, int]]) -> None:
        """Doc id → (generation, percents); within an attempt they never fall."""
        for doc_id, (generation, percent) in progress.items():
            held = (_Doc.id == doc_id, _Doc.generation == generation, _Doc.status == PROCESSING)
            await self._change(*held, _Doc.progress < percent, progress=percent)

    async def give_back(self, lease_owner: str, doc_ids: Sequence[str] | None = None) -> None:
        """Puts what a process holds (or only these) back into the queue, without counting the attempt."""
        chosen = [] if doc_ids is None else [_Doc.id.in_(doc_ids)]
        await self._change(
            _held_by(lease_owner),
            *chosen,
            status=PENDING,
            lease_owner=None,
            lease_expires_at=None,
            attempts=_Doc.attempts - 1,
            generation=_Doc.generation + 1,
        )

    async def end_leases(self) -> None:
        """Ends every lease, whose processes are known to be dead."""
        await self._change(_Doc.status == PROCESSING, lease_expires_at=0.0)

    async def find_plan(self, kdb_id: str, *, locked: bool = False) -> Plan | None:
        """Into which versions documents of a base go, with its row locked if asked for; None: the base is gone."""
        query = select(KnowledgeBaseRow.type, KnowledgeBaseRow.index_version).where(KnowledgeBaseRow.id == kdb_id)
        base = (await self._session.execute(query.with_for_update() if locked else query)).one_or_none()
        if base is None:
            return None
        return Plan(base.type, await self._versions(kdb_id, base.index_version))

    async def _versions(self, kdb_id: str, current: int) -> tuple[PlannedVersion, ...]:
        query = select(KnowledgeIndexRow).where(
            KnowledgeIndexRow.kdb_id == kdb_id, KnowledgeIndexRow.version >= current
        )
        rows = await self._session.scalars(query.order_by(KnowledgeIndexRow.version))
        return tuple(
            PlannedVersion(
                version=row.version,
                target_chars=int(row.chunk["target_chars"]),
                overlap_chars=int(row.chunk["overlap_chars"]),
                has_vectors=row.embedding.get("mode", "none") != "none",
                is_current=row.version == current,
            )
            for row in rows
            if row.version == current or row.state == "building"
        )

    async def put_text(self, doc_id: str, *, text: str, layout: dict[str, Any], is_first: bool) -> None:
        """Stores the text of a document, unless it `is_first` in the place of an earlier one."""
        if not is_first:
            await self._session.execute(delete(KnowledgeTextRow).where(KnowledgeTextRow.doc_id == doc_id))
        self._session.add(KnowledgeTextRow(doc_id=doc_id, text=text, total_chars=len(text), layout=layout))
        await self._session.flush()

    async def has_pending_vectors(self, doc_id: str, version: int) -> bool:
        """Whether a passage of a document has no vector yet."""
        query = select(KnowledgePassageRow.number).where(
            KnowledgePassageRow.doc_id == doc_id,
            KnowledgePassageRow.version == version,
            KnowledgePassageRow.vector.is_(None),
        )
        return await self._session.scalar(query.limit(1)) is not None

    async def list_replaced(self, doc_id: str) -> list[Replaced]:
        """What a document that replaces takes the place of: everything older of its name in its base."""
        new, old = aliased(_Doc), _Doc
        query = select(old.id, old.file_key).where(
            new.id == doc_id,
            new.replaces_id.is_not(None),
            old.kdb_id == new.kdb_id,
            old.name == new.name,
            old.created_at < new.created_at,
        )
        return [Replaced(found, file_key) for found, file_key in await self._session.execute(query)]

    async def _change(self, *conditions: ColumnElement[bool], **values: Any) -> int:
        statement = update(_Doc).where(*conditions).values(**values).execution_options(synchronize_session=False)
        return cast("CursorResult[Any]", await self._session.execute(statement)).rowcount


def _held_by(lease_owner: str) -> ColumnElement[bool]:
    return and_(_Doc.lease_owner == lease_owner, _Doc.status == PROCESSING)


def _is_lost(now: float) -> ColumnElement[bool]:
    return and_(_Doc.status == PROCESSING, _Doc.lease_expires_at < now)


def _waiting_owners() -> Select[str]:
    """Every owner with a document that waits, by one step in the index each: a pile of documents costs nothing."""
    first = select(func.min(_Doc.owner_id).label("owner_id")).where(_Doc.status == PENDING)
    owners = first.cte("owners", recursive=True)
    following = select(func.min(_Doc.owner_id)).where(_Doc.status == PENDING, _Doc.owner_id > owners.c.owner_id)
    step = select(following.correlate(owners).scalar_subquery()).where(owners.c.owner_id.is_not(None))
    every = owners.union_all(step)
    return select(every.c.owner_id).where(every.c.owner_id.is_not(None))


_WAITING_OWNERS = _waiting_owners()
"""Built once: it is asked for with every document."""
