"""Every SQL statement about documents and uploads as people see them; the base or its owner is part of each."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, CursorResult, func, select, text, update

from clary.db.session import Session
from clary.features.knowledge.policy.documents import FAILED, OPEN, PENDING, PROCESSING, SUCCESS, TaskCounts
from clary.features.knowledge.tables import KnowledgeDocumentRow, KnowledgeTaskRow, KnowledgeTextRow

_Doc = KnowledgeDocumentRow
MAX_IN = 500


class Window(NamedTuple):
    """A stretch of a text and where its pages and headings are."""

    total_chars: int
    text: str
    layout: dict[str, Any]


class DocumentFilter(NamedTuple):
    """What a list is to show of a base; None: everything."""

    name: str | None = None
    statuses: Collection[int] | None = None
    task_id: str | None = None


class DocumentRepository:
    """Rows of `knowledge_documents` and `knowledge_tasks` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_documents(
        self, kdb_id: str, wanted: DocumentFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[KnowledgeDocumentRow], int]:
        """A page of a base's documents, and how many there are; newest upload first, each in its order."""
        conditions = _conditions(kdb_id, wanted)
        query = select(_Doc).where(*conditions).order_by(_Doc.created_at.desc(), _Doc.place)
        total = await self._session.scalar(select(func.count()).select_from(_Doc).where(*conditions))
        return (await self._session.scalars(query.offset(offset).limit(limit))).all(), total or 0

    async def find_task(self, kdb_id: str, task_id: str) -> KnowledgeTaskRow | None:
        """An upload or redo of a base."""
        query = select(KnowledgeTaskRow).where(KnowledgeTaskRow.kdb_id == kdb_id, KnowledgeTaskRow.id == task_id)
        return await self._session.scalar(query)

    async def count_task(self, kdb_id: str, task_id: str) -> TaskCounts:
        """The documents of a task by status."""
        query = select(_Doc.status, func.count()).where(_Doc.task_id == task_id, _Doc.kdb_id == kdb_id)
        rows = await self._session.execute(query.group_by(_Doc.status))
        counts = {row[0]: row[1] for row in rows}
        return TaskCounts(*(counts.get(status, 0) for status in (SUCCESS, FAILED, PROCESSING, PENDING)))

    async def find_existing(self, doc_ids: Sequence[str]) -> frozenset[str]:
        """Those of the documents that are there, whoever may see them."""
        found: set[str] = set()
        for at in range(0, len(doc_ids), MAX_IN):
            found.update(await self._session.scalars(select(_Doc.id).where(_Doc.id.in_(doc_ids[at : at + MAX_IN]))))
        return frozenset(found)

    async def count(self, kdb_id: str) -> int:
        """How many documents a base has."""
        return await self._session.scalar(select(func.count()).select_from(_Doc).where(_Doc.kdb_id == kdb_id)) or 0

    async def sum_kept(self, owner_id: str) -> int:
        """Bytes of the files of an owner."""
        query = select(func.sum(_Doc.size)).where(_Doc.owner_id == owner_id, _Doc.file_key.is_not(None))
        return int(await self._session.scalar(query) or 0)

    async def lock_owner(self, owner_id: str) -> None:
        """Lets nobody else count and add documents of this owner until the transaction ends."""
        # On SQLite one transaction writes at a time anyway.
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"knowledge:{owner_id}"}
            )

    async def next_moment(self, kdb_id: str, now: datetime) -> datetime:
        """The present moment, or one after the newest upload of a base, so that uploads have an order."""
        newest = await self._session.scalar(select(func.max(_Doc.created_at)).where(_Doc.kdb_id == kdb_id))
        return now if newest is None or newest < now else newest + timedelta(microseconds=1)

    async def find_newest_ids(self, kdb_id: str, names: Collection[str]) -> dict[str, str]:
        """Name → id of the newest document of that name in a base."""
        query = select(_Doc.name, _Doc.id).where(_Doc.kdb_id == kdb_id, _Doc.name.in_(list(names)))
        rows = await self._session.execute(query.order_by(_Doc.created_at, _Doc.place))
        return {row.name: row.id for row in rows}

    async def add_task(self, task: KnowledgeTaskRow, documents: Sequence[KnowledgeDocumentRow] = ()) -> None:
        """Stores an upload or a redo."""
        self._session.add(task)
        self._session.add_all(documents)
        await self._session.flush()

    async def begin_again(self, kdb_id: str, *, task_id: str, due_at: float, now: datetime, **chosen: str) -> int:
        """Puts documents of a base back into the queue under a new task; `doc_id` or `of_task` chooses among them."""
        return await self._change(
            _Doc.kdb_id == kdb_id,
            *_chosen(**chosen),
            task_id=task_id,
            status=PENDING,
            outcome=None,
            error_kind=None,
            progress=0,
            attempts=0,
            losses=0,
            generation=_Doc.generation + 1,
            due_at=due_at,
            lease_owner=None,
            lease_expires_at=None,
            updated_at=now,
        )

    async def cancel(self, kdb_id: str, *, now: datetime, **chosen: str) -> int:
        """Ends documents of a base that wait or are worked on; returns how many."""
        return await self._change(
            _Doc.kdb_id == kdb_id,
            _Doc.status.in_(OPEN),
            *_chosen(**chosen),
            status=FAILED,
            error_kind="cancelled",
            outcome=None,
            generation=_Doc.generation + 1,
            lease_owner=None,
            lease_expires_at=None,
            updated_at=now,
        )

    async def read_window(self, doc_id: str, start: int, end: int) -> Window | None:
        """A stretch of a document's text; None while it has none."""
        piece = func.substr(KnowledgeTextRow.text, start + 1, max(end - start, 0))
        query = select(KnowledgeTextRow.total_chars, piece, KnowledgeTextRow.layout)
        found = (await self._session.execute(query.where(KnowledgeTextRow.doc_id == doc_id))).one_or_none()
        return None if found is None else Window(*found)

    async def count_chars(self, doc_id: str) -> int:
        """The length of a document's text; 0 while it has none."""
        query = select(KnowledgeTextRow.total_chars).where(KnowledgeTextRow.doc_id == doc_id)
        return await self._session.scalar(query) or 0

    async def find_keys(self, doc_ids: Sequence[str]) -> set[str]:
        """The file keys of documents that exist."""
        query = select(_Doc.file_key).where(_Doc.id.in_(doc_ids), _Doc.file_key.is_not(None))
        return {key for key in await self._session.scalars(query) if key is not None}

    async def _change(self, *conditions: ColumnElement[bool], **values: Any) -> int:
        statement = update(_Doc).where(*conditions).values(**values).execution_options(synchronize_session=False)
        return cast("CursorResult[Any]", await self._session.execute(statement)).rowcount


def _chosen(*, doc_id: str | None = None, of_task: str | None = None) -> list[ColumnElement[bool]]:
    by_id = [] if doc_id is None else [_Doc.id == doc_id]
    return by_id if of_task is None else [*by_id, _Doc.task_id == of_task]


def _conditions(kdb_id: str, wanted: DocumentFilter) -> list[ColumnElement[bool]]:
    conditions = [_Doc.kdb_id == kdb_id]
    if wanted.name is not None:
        # Folded here: SQLite folds the case of ASCII letters only.
        folded = func.coalesce(_Doc.name_folded, func.lower(_Doc.name))
        conditions.append(folded.contains(wanted.name.casefold(), autoescape=True))
    if wanted.statuses is not None:
        conditions.append(_Doc.status.in_(list(wanted.statuses)))
    if wanted.task_id is not None:
        conditions.append(_Doc.task_id == wanted.task_id)
    return conditions
