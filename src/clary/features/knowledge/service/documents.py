"""Use cases of documents: looked at, read, fetched, redone, called off, deleted (contract product 5.4)."""

import asyncio
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, BinaryIO

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.knowledge.errors import DocNotFoundError, KdbTaskNotFoundError
from clary.features.knowledge.policy.documents import TaskCounts, clip_window, kind_of, outcome_text
from clary.features.knowledge.ports import OriginalFiles
from clary.features.knowledge.repository.documents import DocumentFilter, DocumentRepository
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.progress import find_rebuild
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.signals import IngestionSignals
from clary.features.knowledge.tables import KnowledgeDocumentRow, KnowledgeTaskRow
from clary.features.permissions.service import Identity
from clary.http.conditional import Version
from clary.kit.clock import Clock, wire_time
from clary.kit.ids import new_hex

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of a base's documents."""

    documents: list[Json]
    total: int
    owner_id: str


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """The original of a document, open; whoever takes it closes it."""

    name: str
    content: BinaryIO
    version: Version


@dataclass(frozen=True, slots=True)
class Begun:
    """Documents were put back into the queue under a new task."""

    task_id: str
    owner_id: str


class DocumentService:
    """Documents as people see them."""

    def __init__(
        self,
        *,
        database: Database,
        access: KnowledgeAccess,
        files: OriginalFiles,
        removal: KnowledgeRemoval,
        signals: IngestionSignals,
        clock: Clock,
    ) -> None:
        self._database = database
        self._access = access
        self._files = files
        self._removal = removal
        self._signals = signals
        self._clock = clock

    async def list_documents(
        self,
        db: Session,
        *,
        identity: Identity,
        kdb_id: str,
        name: str | None,
        statuses: Collection[int] | None,
        task_id: str | None,
        offset: int,
        limit: int,
    ) -> DocumentPage:
        """The newest upload first, each in its order.

        Raises:
            KdbNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="read")
        wanted = DocumentFilter(name, statuses, task_id)
        rows, total = await DocumentRepository(db).list_documents(base.id, wanted, offset=offset, limit=limit)
        return DocumentPage([_listed(row) for row in rows], total, base.owner_id)

    async def find_info(self, db: Session, *, identity: Identity, doc_id: str) -> Json | None:
        """What there is to know of a document; None when it is not there, or not to be seen."""
        try:
            base, row = await self._access.get_document(db, identity=identity, doc_id=doc_id, right="read")
        except DocNotFoundError:
            return None
        shown = _shown(row)
        return {
            **shown,
            "kdb_id": base.id,
            "type": kind_of(extension=row.extension, base_type=base.type),
            "dataName": row.name,
            "createTime": wire_time(row.created_at),
            "taskId": row.task_id,
            "user_id": base.owner_id,
        }

    async def delete(self, *, identity: Identity, doc_id: str) -> str:
        """Takes a document away; returns whose base it was. Has its own transactions.

        Raises:
            DocNotFoundError, KdbForbiddenError
        """
        async with self._database.write() as db:
            base, row = await self._access.get_document(db, identity=identity, doc_id=doc_id, right="write")
        await self._removal.remove_document(base.id, row.id, file_key=row.file_key)
        return base.owner_id

    async def redo(self, db: Session, *, identity: Identity, doc_id: str) -> Begun:
        """Reads a document again; what is searchable of it stays so until then.

        Raises:
            DocNotFoundError, KdbForbiddenError
        """
        base, row = await self._access.get_document(db, identity=identity, doc_id=doc_id, right="write")
        return Begun(await self._begin_again(db, base.id, doc_id=row.id), base.owner_id)

    async def redo_task(self, db: Session, *, identity: Identity, kdb_id: str, task_id: str) -> Begun:
        """Reads the documents of a task again.

        Raises:
            KdbNotFoundError, KdbForbiddenError, KdbTaskNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="write")
        await self._require_task(db, base, task_id)
        return Begun(await self._begin_again(db, base.id, of_task=task_id), base.owner_id)

    async def redo_base(self, db: Session, kdb_id: str) -> str:
        """Reads every document of a base again; the caller has checked who asks. Returns the new task's id."""
        return await self._begin_again(db, kdb_id)

    async def _begin_again(self, db: Session, kdb_id: str, **chosen: str) -> str:
        now, documents = self._clock.now(), DocumentRepository(db)
        task = KnowledgeTaskRow(id=new_hex(32), kdb_id=kdb_id, created_at=now)
        await documents.add_task(task)
        due_at = self._clock.epoch()
        await documents.begin_again(kdb_id, task_id=task.id, due_at=due_at, now=now, **chosen)
        self._signals.announce_work(db)
        self._signals.announce_change(db)
        return task.id

    async def count_task(self, db: Session, *, identity: Identity, kdb_id: str, task_id: str) -> tuple[TaskCounts, str]:
        """How far a task is, and whose base it is.

        Raises:
            KdbNotFoundError, KdbTaskNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="read")
        rebuild = await find_rebuild(db, base.id, task_id)
        if rebuild is not None:
            return rebuild, base.owner_id
        await self._require_task(db, base, task_id)
        return await DocumentRepository(db).count_task(base.id, task_id), base.owner_id

    async def cancel(
        self, db: Session, *, identity: Identity, kdb_id: str, task_id: str | None, doc_id: str | None
    ) -> tuple[int, str]:
        """Ends documents that wait or are worked on; returns how many, and whose base it is.

        Raises:
            KdbNotFoundError, KdbForbiddenError, KdbTaskNotFoundError, DocNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="write")
        chosen: dict[str, str] = {}
        if task_id is not None:
            await self._require_task(db, base, task_id)
            chosen["of_task"] = task_id
        if doc_id is not None:
            # The right to change this base is there; whatever may be done in another one, nothing of it is in this.
            of_doc, _ = await self._access.get_document(db, identity=identity, doc_id=doc_id, right="read")
            if of_doc.id != base.id:
                raise DocNotFoundError
            chosen["doc_id"] = doc_id
        count = await DocumentRepository(db).cancel(base.id, now=self._clock.now(), **chosen)
        self._signals.announce_change(db)
        return count, base.owner_id

    async def read_content(self, db: Session, *, identity: Identity, doc_id: str, start: int, end: int | None) -> Json:
        """A stretch of the extracted text, at most 100,000 characters, and where its pages and headings are.

        Raises:
            DocNotFoundError
        """
        base, row = await self._access.get_document(db, identity=identity, doc_id=doc_id, right="read")
        documents = DocumentRepository(db)
        first, last = clip_window(start, end, await documents.count_chars(row.id))
        window = await documents.read_window(row.id, first, last)
        layout = window.layout if window is not None else {}
        return {
            "doc_id": row.id,
            "kdb_id": base.id,
            "title": row.name,
            "total_chars": window.total_chars if window is not None else 0,
            "start": first,
            "end": last,
            "text": window.text if window is not None else "",
            "pages": [
                {"page": int(name), "start": begin, "end": until} for name, begin, until in layout.get("pages", ())
            ],
            "headings": [
                {"level": level, "title": title, "start": begin} for level, title, begin in layout.get("headings", ())
            ],
        }

    async def find_original(self, *, identity: Identity, doc_id: str) -> OriginalFile:
        """The original of a document, as it was uploaded. No transaction is open while it is fetched from the store.

        Raises:
            DocNotFoundError: also when its bytes are not kept.
        """
        async with self._database.read() as db:
            _, row = await self._access.get_document(db, identity=identity, doc_id=doc_id, right="read")
        if row.file_key is None:
            raise DocNotFoundError
        try:
            path = await self._files.open_local(row.file_key)
            try:
                content = await asyncio.to_thread(path.open, "rb")
            finally:
                await self._files.release(path)
        except FileNotFoundError:
            raise DocNotFoundError from None
        except OSError as error:
            raise UnavailableError from error
        version = Version(os.fstat(content.fileno()).st_size, row.created_at.timestamp(), f'"{row.id}"')
        return OriginalFile(row.name, content, version)

    async def _require_task(self, db: Session, base: KnowledgeBase, task_id: str) -> None:
        if await DocumentRepository(db).find_task(base.id, task_id) is None:
            raise KdbTaskNotFoundError


def _shown(row: KnowledgeDocumentRow) -> Json:
    text = outcome_text(outcome=row.outcome, error_kind=row.error_kind, extension=row.extension)
    return {
        "id": row.id,
        "status": row.status,
        "metadata": row.details,
        "outcome": row.outcome,
        "outcome_message": text.render() if text is not None else None,
        "error_kind": row.error_kind,
        "progress": row.progress,
        "attempts": row.attempts,
        "size": row.size,
        "passages": row.passages,
        "pages": row.pages,
        "vectors": row.vectors,
        "update_time": wire_time(row.updated_at),
    }


def _listed(row: KnowledgeDocumentRow) -> Json:
    more = {"doc_name": row.name, "create_time": wire_time(row.created_at), "task_id": row.task_id}
    return {**_shown(row), **more}
