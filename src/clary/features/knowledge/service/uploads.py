"""Use case upload: files of a form, streamed to the store, then all their rows in one transaction (5.4, 5.5, 5.8)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.knowledge.errors import (
    KdbForbiddenError,
    KdbNotFoundError,
    QaFileFormatError,
    QaFileTypeError,
    StorageFullError,
)
from clary.features.knowledge.policy.documents import FAILED, PENDING, FileKey, extension_of, qa_reason
from clary.features.knowledge.ports import (
    DocumentParser,
    DocumentRefusedError,
    FileTooLargeError,
    OriginalFiles,
    QaFormatError,
)
from clary.features.knowledge.repository.documents import DocumentRepository
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.removal import KnowledgeRemoval
from clary.features.knowledge.service.signals import IngestionSignals
from clary.features.knowledge.service.underway import FilesUnderWay
from clary.features.knowledge.tables import KnowledgeDocumentRow, KnowledgeTaskRow
from clary.features.permissions.service import Identity
from clary.http.multipart import FormPart, FormReader
from clary.http.problems import ObjectLimitError, ValidationFailedError
from clary.kit.clock import Clock
from clary.kit.file_names import clean_name
from clary.kit.ids import new_hex
from clary.kit.text import Text

log = structlog.get_logger()

MIB: Final = 1024 * 1024
MAX_FILES: Final = 200
CHECKED_ROWS: Final = 10
_UNNAMED: Final = "unnamed"
_MISSING: Final = Text("缺少必填字段", "field required")
_TOO_MANY: Final = Text("最多 200 个文件", "at most 200 files")
_NO_SWITCH: Final = Text("应为布尔值", "a boolean is needed")
_SWITCHES: Final = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """`CLARY_KB_FILE_MAX_MB`, `CLARY_KB_USER_QUOTA_MB` (0: none), `CLARY_KB_MAX_DOCUMENTS`."""

    file_mb: int = 100
    quota_mb: int = 10_240
    documents: int = 100_000


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file of the form; `key` None: it was too large, and its bytes are not kept."""

    doc_id: str
    name: str
    size: int
    key: str | None


@dataclass(slots=True)
class _Form:
    identity: Identity
    keys: list[str]
    base: KnowledgeBase | None = None
    refusal: KdbNotFoundError | KdbForbiddenError | None = None
    kdb_id: str | None = None
    room: int | None = None
    override: bool = False
    files: list[ReceivedFile] = field(default_factory=list[ReceivedFile])


class DocumentUploads:
    """Receives files of people: all rows of an upload, or nothing of it."""

    def __init__(
        self,
        *,
        database: Database,
        access: KnowledgeAccess,
        files: OriginalFiles,
        under_way: FilesUnderWay,
        parser: DocumentParser,
        removal: KnowledgeRemoval,
        signals: IngestionSignals,
        limits: DocumentLimits,
        clock: Clock,
    ) -> None:
        self._database = database
        self._access = access
        self._files = files
        self._under_way = under_way
        self._parser = parser
        self._removal = removal
        self._signals = signals
        self._limits = limits
        self._clock = clock

    async def receive(self, *, identity: Identity, form: FormReader) -> dict[str, Any]:
        """Stores the files of a form in a base.

        Raises:
            KdbNotFoundError, KdbForbiddenError, StorageFullError, ObjectLimitError, ValidationFailedError,
            QaFileTypeError, QaFileFormatError, UnavailableError: nothing was stored.
        """
        with self._under_way.upload() as keys:
            is_stored = False
            received = _Form(identity, keys)
            try:
                await self._read(form, received)
                base, rows = await self._store(received)
                is_stored = True
            finally:
                if not is_stored:
                    await self._discard(keys)
        return {
            "taskId": rows[0].task_id,
            "user_id": base.owner_id,
            "documents": [
                {"id": row.id, "doc_name": row.name, "status": row.status, "outcome": row.outcome} for row in rows
            ],
        }

    async def _read(self, form: FormReader, received: _Form) -> None:
        """Takes in every part, and checks what can be checked before anything is stored."""
        async for part in form.parts():
            if part.name == "kdb_id":
                received.kdb_id = await part.text()
                await self._look_at_base(received)
            elif part.name == "override":
                received.override = _switch(await part.text())
            elif part.name == "files" and part.filename:
                if len(received.files) == MAX_FILES:
                    raise _invalid("files", _TOO_MANY)
                received.files.append(await self._take(part, received))
        if received.kdb_id is None:
            raise _invalid("kdb_id", _MISSING)
        if not received.files:
            raise _invalid("files", _MISSING)
        if received.refusal is not None:
            raise received.refusal
        assert received.base is not None
        if received.base.type == "qa":
            for file in received.files:
                await self._check_questions(file)

    async def _look_at_base(self, received: _Form) -> None:
        if received.kdb_id is None:
            raise _invalid("kdb_id", _MISSING)
        received.base = received.refusal = None
        async with self._database.read() as db:
            try:
                received.base = await self._access.get(
                    db, identity=received.identity, kdb_id=received.kdb_id, right="write"
                )
            except (KdbNotFoundError, KdbForbiddenError) as problem:
                # Told when the whole form was seen: what is wrong with a request comes before its objects.
                received.refusal = problem
                return
            received.room = await self._room_of(db, received.base.owner_id, received)

    async def _room_of(self, db: Session, owner_id: str, received: _Form) -> int | None:
        """Bytes that may still come; None: as many as they like."""
        if not self._limits.quota_mb:
            return None
        used = await DocumentRepository(db).sum_kept(owner_id)
        return self._limits.quota_mb * MIB - used - sum(file.size for file in received.files if file.key)

    async def _take(self, part: FormPart, received: _Form) -> ReceivedFile:
        """Streams one file to the store; one that is too large, or that nobody may leave here, is only counted."""
        if received.refusal is not None:
            name = clean_name(part.filename or "") or _UNNAMED
            return ReceivedFile(new_hex(32), name, await _Counted(part).drain(), None)
        if received.base is None and received.room is None:
            # Files before the name of the base: until it is known, what the sender may keep is the measure.
            async with self._database.read() as db:
                received.room = await self._room_of(db, received.identity.user_id, received)
        doc_id, most = new_hex(32), self._limits.file_mb * MIB
        key = str(FileKey(_folder(received), doc_id, int(self._clock.epoch())))
        received.keys.append(key)
        counted = _Counted(part)
        name = clean_name(part.filename or "") or _UNNAMED
        try:
            room = most if received.room is None else max(received.room, 0)
            size = await self._files.put(key, counted.chunks(), max_bytes=min(most, room))
        except FileTooLargeError:
            size = await counted.drain()
            if size <= most:
                raise StorageFullError(self._limits.quota_mb) from None
            return ReceivedFile(doc_id, name, size, None)
        except OSError as error:
            log.warning("original_file_not_stored", errno=error.errno)
            raise UnavailableError from error
        if received.room is not None:
            received.room -= size
        return ReceivedFile(doc_id, name, size, key)

    async def _check_questions(self, file: ReceivedFile) -> None:
        """The first rows of a file for a QA base."""
        if file.key is None:
            return
        try:
            path = await self._files.open_local(file.key)
        except OSError as error:
            raise UnavailableError from error
        try:
            await self._parser.parse_qa(path, name=file.name, most_rows=CHECKED_ROWS)
        except QaFormatError as problem:
            if problem.reason is None:
                raise QaFileTypeError(file.name) from None
            raise QaFileFormatError(file.name, qa_reason(problem.reason)) from None
        except DocumentRefusedError as problem:
            if problem.outcome == "unsupported":
                raise QaFileTypeError(file.name) from None
            raise QaFileFormatError(file.name, qa_reason(problem.outcome)) from None
        except OSError as error:
            raise UnavailableError from error
        finally:
            await self._files.release(path)

    async def _store(self, received: _Form) -> tuple[KnowledgeBase, list[KnowledgeDocumentRow]]:
        """All rows at once. Rights, quotas and the base itself are looked at again: much may have happened since."""
        assert received.kdb_id is not None
        async with self._database.write() as db:
            base = await self._access.get(db, identity=received.identity, kdb_id=received.kdb_id, right="write")
            documents = DocumentRepository(db)
            await documents.lock_owner(base.owner_id)
            if await documents.count(base.id) + len(received.files) > self._limits.documents:
                raise ObjectLimitError(self._limits.documents)
            room = await self._room_of(db, base.owner_id, received)
            if room is not None and room < 0:
                raise StorageFullError(self._limits.quota_mb)
            rows = await self._add(documents, base, received)
            self._signals.announce_work(db)
        return base, rows

    async def _add(
        self, documents: DocumentRepository, base: KnowledgeBase, received: _Form
    ) -> list[KnowledgeDocumentRow]:
        now = await documents.next_moment(base.id, self._clock.now())
        names = {file.name for file in received.files} if received.override else set[str]()
        replaced = await documents.find_newest_ids(base.id, names)
        task = KnowledgeTaskRow(id=new_hex(32), kdb_id=base.id, created_at=now)
        rows = [_row(base, task, place, file, replaced.get(file.name)) for place, file in enumerate(received.files)]
        for row in rows:
            row.due_at = self._clock.epoch()
        await documents.add_task(task, rows)
        return rows

    async def _discard(self, keys: list[str]) -> None:
        """Removes the files of an upload that failed. Cut off at its very end, it may have been stored all the same."""
        async with self._database.read() as db:
            stored = await DocumentRepository(db).find_keys([key.rpartition("/")[2].partition(".")[0] for key in keys])
        await self._removal.remove_files([key for key in keys if key not in stored])


class _Counted:
    """A part whose bytes are counted, also those that nobody keeps."""

    def __init__(self, part: FormPart) -> None:
        self._part = part
        self._size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._part.chunks():
            self._size += len(chunk)
            yield chunk

    async def drain(self) -> int:
        async for chunk in self._part.chunks():
            self._size += len(chunk)
        return self._size


def _row(
    base: KnowledgeBase, task: KnowledgeTaskRow, place: int, file: ReceivedFile, replaces_id: str | None
) -> KnowledgeDocumentRow:
    is_kept = file.key is not None
    return KnowledgeDocumentRow(
        id=file.doc_id,
        kdb_id=base.id,
        owner_id=base.owner_id,
        task_id=task.id,
        place=place,
        name=file.name,
        extension=extension_of(file.name),
        size=file.size,
        file_key=file.key,
        replaces_id=replaces_id,
        status=PENDING if is_kept else FAILED,
        outcome=None if is_kept else "too_large",
        error_kind=None,
        progress=0,
        attempts=0,
        losses=0,
        generation=0,
        due_at=0.0,
        lease_owner=None,
        lease_expires_at=None,
        text_ready=False,
        passages=0,
        pages=None,
        vectors="none",
        details={},
        created_at=task.created_at,
        updated_at=task.created_at,
    )


def _folder(received: _Form) -> str:
    return received.base.id if received.base is not None else "early"


def _switch(text: str | None) -> bool:
    if text is None:
        return False
    if text.lower() not in _SWITCHES:
        raise _invalid("override", _NO_SWITCH)
    return _SWITCHES[text.lower()]


def _invalid(field_name: str, reason: Text) -> ValidationFailedError:
    entry = {"type": "value_error", "loc": ["body", field_name], "msg": reason.render()}
    return ValidationFailedError(f"{field_name}: {reason.render()}", [entry])
