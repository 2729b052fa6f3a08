"""Use case upload: files of a form, streamed to temporary names, then renamed (product.md 4.1, 4.2 rule 5, 4.4)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from clary.features.permissions.service import Identity
from clary.features.workspaces.errors import FileTooLargeError, QuotaExceededError
from clary.features.workspaces.places import WorkspacePlaces
from clary.features.workspaces.policy import MIB, WorkspaceLimits, may_change
from clary.features.workspaces.refusals import write_refusals
from clary.features.workspaces.scratch import Scratch, Stored
from clary.http.multipart import FormPart, FormReader
from clary.http.problems import ValidationFailedError
from clary.kit import safe_folders, safe_paths
from clary.kit.file_names import clean_name
from clary.kit.text import Text

MAX_FILES: Final = 50
_WRITE_BYTES: Final = MIB
_MISSING: Final = Text("缺少必填字段", "field required")
_TOO_MANY: Final = Text("最多 50 个文件", "at most 50 files")
_ONE_PATH: Final = Text("多个文件只能上传到文件夹", "several files need a folder")
_NO_SWITCH: Final = Text("应为布尔值", "a boolean is needed")
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False}

Json = dict[str, Any]


class Received(NamedTuple):
    """A file of the form and its name."""

    filename: str
    stored: Stored


class FormFiles:
    """Takes files out of forms, within the limits."""

    def __init__(self, limits: WorkspaceLimits) -> None:
        self._limits = limits

    async def store(self, part: FormPart, scratch: Scratch, *, limit_mb: int, room: int) -> Stored:
        """Streams a file to a temporary name.

        Raises:
            FileTooLargeError: over `limit_mb`.
            QuotaExceededError: over `room` bytes.
        """
        with write_refusals(self._limits):
            writing = await asyncio.to_thread(scratch.open)
        try:
            size, waiting = 0, bytearray()
            async for chunk in part.chunks():
                size += len(chunk)
                if size > limit_mb * MIB:
                    raise FileTooLargeError(limit_mb)
                if size > room:
                    raise QuotaExceededError(self._limits.quota_mb)
                waiting += chunk
                if len(waiting) >= _WRITE_BYTES:
                    await asyncio.to_thread(writing.write, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(writing.write, bytes(waiting))
        finally:
            stored = writing.close()
        return stored

    async def room_in(self, scratch: Scratch) -> int:
        """Bytes a request may still send before it is clear what it replaces; removes what was left behind."""
        with write_refusals(self._limits):
            await asyncio.to_thread(scratch.sweep)
        used = await asyncio.to_thread(safe_folders.measure, scratch.root)
        return max(self._limits.quota_mb * MIB - used.bytes, 0) + self._limits.upload_mb * MIB


class WorkspaceUploads:
    """Receives files of people."""

    def __init__(self, places: WorkspacePlaces, limits: WorkspaceLimits) -> None:
        self._places = places
        self._limits = limits
        self._room = safe_folders.FolderRoom(limits.quota_mb * MIB, limits.max_entries)
        self._files = FormFiles(limits)

    async def receive(
        self, *, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None = None, form: FormReader
    ) -> Json:
        """Puts every file of a form in its place, or none.

        Raises:
            NotFoundError, FileMissingError, PathDeniedError, FileTakenError, FileTooLargeError, QuotaExceededError,
            ObjectLimitError, ValidationFailedError
        """
        root = await self._places.get_for_writing(
            identity=identity, agent_id=agent_id, session_id=session_id, user_id=user_id, path="upload"
        )
        scratch = Scratch(root)
        try:
            received, target, replace = await self._read(form, scratch)
            paths = await asyncio.to_thread(self._publish, root, received, target, replace)
        finally:
            await asyncio.to_thread(scratch.clear)
        files = [
            {"filename": each.filename, "path": path, "size": each.stored.size, "sha256": each.stored.sha256}
            for each, path in zip(received, paths, strict=True)
        ]
        return {**{key: files[0][key] for key in ("filename", "path", "size")}, "files": files}

    async def _read(self, form: FormReader, scratch: Scratch) -> tuple[list[Received], str, bool]:
        received: list[Received] = []
        target, replace = "", True
        room = await self._files.room_in(scratch)
        async for part in form.parts():
            if part.name == "target_path":
                target = await part.text() or ""
            elif part.name == "overwrite":
                replace = _switch(await part.text())
            elif part.name == "file" and part.filename:
                if len(received) == MAX_FILES:
                    raise _invalid("file", _TOO_MANY)
                stored = await self._files.store(part, scratch, limit_mb=self._limits.upload_mb, room=room)
                room -= stored.size
                received.append(Received(clean_name(part.filename), stored))
        if not received:
            raise _invalid("file", _MISSING)
        return received, target, replace

    def _publish(self, root: Path, received: Sequence[Received], target: str, replace: bool) -> list[str]:
        with write_refusals(self._limits), safe_folders.alone_in(root):
            paths = targets(root, [each.filename for each in received], target)
            self._room.require_replaced(root, paths)
            if not replace:
                for at, path in enumerate(paths):
                    if path in paths[:at] or safe_paths.exists(root, path):
                        raise safe_folders.PathTakenError(path)
            for each, path in zip(received, paths, strict=True):
                safe_folders.move_file(root, each.stored.path, path, replace=replace)
        return paths


def targets(root: Path, names: Sequence[str], target: str) -> list[str]:
    """Where files go: into a folder, or one of them to its full path (rule 5).

    Raises:
        PathDeniedError, ValidationFailedError
    """
    relative = safe_paths.locate(root, target)
    if relative and not target.endswith(("/", "\\")) and not _is_folder(root, relative):
        if len(names) > 1:
            raise _invalid("target_path", _ONE_PATH)
        paths = [relative]
    else:
        paths = [safe_paths.normalise(f"./{relative}/{name}" if name else "..") for name in names]
    for path in paths:
        if not may_change(path):
            raise safe_paths.PathDeniedError(path)
    return paths


def _is_folder(root: Path, relative: str) -> bool:
    try:
        return safe_paths.kind_of(safe_paths.stat(root, relative)) == "directory"
    except (safe_paths.PathMissingError, safe_paths.PathKindError):
        return False


def _switch(text: str | None) -> bool:
    if text is None:
        return True
    if text.lower() not in _SWITCHES:
        raise _invalid("overwrite", _NO_SWITCH)
    return _SWITCHES[text.lower()]


def _invalid(field: str, reason: Text) -> ValidationFailedError:
    entry = {"type": "value_error", "loc": ["body", field], "msg": reason.render()}
    return ValidationFailedError(f"{field}: {reason.render()}", [entry])
