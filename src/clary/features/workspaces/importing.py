"""Use case archive import: a ZIP file becomes a folder, whole or not at all (product.md 4.1, 4.4)."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from clary.db.database import Database
from clary.features.permissions.service import Identity
from clary.features.workspaces.archives import MAX_ARCHIVE_MB, content_of, examine, opened
from clary.features.workspaces.errors import IdempotencyMismatchError, PathMissingError
from clary.features.workspaces.places import WorkspacePlaces
from clary.features.workspaces.policy import MIB, WorkspaceLimits, may_change
from clary.features.workspaces.receiving import FormFiles
from clary.features.workspaces.refusals import write_refusals
from clary.features.workspaces.repository import WorkspaceRepository
from clary.features.workspaces.scratch import Scratch, Stored
from clary.features.workspaces.tables import ArchiveImportRow
from clary.http.multipart import FormReader
from clary.http.problems import ValidationFailedError
from clary.kit import safe_folders, safe_paths
from clary.kit.clock import Clock
from clary.kit.text import Text

KEPT: Final = timedelta(hours=24)
_MISSING: Final = Text("缺少必填字段", "field required")

Json = dict[str, Any]


class _Wish(NamedTuple):
    archive: Stored
    target: str
    key: str | None


class WorkspaceImports:
    """Unpacks archives of people."""

    def __init__(self, places: WorkspacePlaces, limits: WorkspaceLimits, *, database: Database, clock: Clock) -> None:
        self._places = places
        self._limits = limits
        self._database = database
        self._clock = clock
        self._files = FormFiles(limits)

    async def receive(
        self, *, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None = None, form: FormReader
    ) -> Json:
        """Puts the content of an archive in the place of the target folder.

        A known idempotency key with the same archive gives the same answer and writes nothing.

        Raises:
            NotFoundError, FileMissingError, PathMissingError, PathDeniedError, FileTakenError, ArchiveInvalidError,
            ArchiveUnsafeError, FileTooLargeError, QuotaExceededError, ObjectLimitError, IdempotencyMismatchError
        """
        root = await self._places.get_for_writing(
            identity=identity, agent_id=agent_id, session_id=session_id, user_id=user_id, path="archive"
        )
        scratch = Scratch(root)
        try:
            wish = await self._read(form, scratch)
            known = await self._find_known(root, wish)
            if known is not None:
                return known
            answer = await asyncio.to_thread(self._unpack, root, wish, scratch)
            await self._keep(root, wish, answer)
            return answer
        finally:
            await asyncio.to_thread(scratch.clear)

    async def _read(self, form: FormReader, scratch: Scratch) -> _Wish:
        archive: Stored | None = None
        target = key = None
        room = await self._files.room_in(scratch)
        async for part in form.parts():
            if part.name == "target_path":
                target = await part.text()
            elif part.name == "idempotency_key":
                key = await part.text()
            elif part.name == "file" and part.filename is not None and archive is None:
                archive = await self._files.store(part, scratch, limit_mb=MAX_ARCHIVE_MB, room=room)
        if archive is None:
            reason = _MISSING.render()
            raise ValidationFailedError(
                f"file: {reason}", [{"type": "missing", "loc": ["body", "file"], "msg": reason}]
            )
        if target is None:
            raise PathMissingError
        return _Wish(archive, target, key)

    def _unpack(self, root: Path, wish: _Wish, scratch: Scratch) -> Json:
        with write_refusals(self._limits), safe_folders.alone_in(root):
            target = safe_paths.locate(root, wish.target)
            if not may_change(target):
                raise safe_paths.PathDeniedError(target)
            with opened(root, wish.archive.path) as archive:
                contents = examine(archive, wish.archive.size)
                self._require_room(root, target, wish.archive.size, contents.unpacked_bytes, len(archive.infolist()))
                folder = scratch.new_name()
                safe_paths.make_folders(root, folder)
                for path in contents.folders:
                    safe_paths.make_folders(root, f"{folder}/{path}")
                files: list[Json] = []
                for info, path in contents.files:
                    size, digest = 0, hashlib.sha256()
                    with safe_folders.create_file(root, f"{folder}/{path}") as file:
                        for piece in content_of(archive, info):
                            file.write(piece)
                            digest.update(piece)
                            size += len(piece)
                    files.append({"path": f"{target}/{path}", "size": size, "sha256": digest.hexdigest()})
            safe_folders.swap_folder(root, folder, target)
        return {
            "target_path": target,
            "idempotency_key": wish.key,
            "archive_sha256": wish.archive.sha256,
            "files": files,
        }

    def _require_room(self, root: Path, target: str, packed: int, unpacked: int, entries: int) -> None:
        used, old = safe_folders.measure(root), safe_folders.measure(root, target)
        if used.bytes - packed - old.bytes + unpacked > self._limits.quota_mb * MIB:
            raise safe_folders.FolderFullError(target, "bytes")
        if used.entries - 1 - old.entries + entries > self._limits.max_entries:
            raise safe_folders.FolderFullError(target, "entries")

    async def _find_known(self, root: Path, wish: _Wish) -> Json | None:
        if wish.key is None:
            return None
        async with self._database.read() as db:
            row = await WorkspaceRepository(db).find_import(
                root.name, _key_hash(wish.key), since=self._clock.now() - KEPT
            )
        if row is None:
            return None
        if row.archive_sha256 != wish.archive.sha256:
            raise IdempotencyMismatchError
        return row.answer

    async def _keep(self, root: Path, wish: _Wish, answer: Json) -> None:
        if wish.key is None:
            return
        row = ArchiveImportRow(
            folder=root.name,
            key_hash=_key_hash(wish.key),
            archive_sha256=wish.archive.sha256,
            answer=answer,
            created_at=self._clock.now(),
        )
        async with self._database.write() as db:
            await WorkspaceRepository(db).put_import(row)


def _key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
