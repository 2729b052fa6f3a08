"""Use cases that read and delete: list, facts, download, delete (product.md 4.1 to 4.3)."""

import asyncio
import hashlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from clary.features.permissions.service import Identity
from clary.features.workspaces.errors import FileMissingError, PathDeniedError, PathMissingError
from clary.features.workspaces.listing import MAX_DEPTH, Listing, list_items
from clary.features.workspaces.places import WorkspacePlaces
from clary.features.workspaces.policy import MIB, may_change
from clary.features.workspaces.refusals import read_problem, read_refusals
from clary.features.workspaces.zipping import zip_pieces
from clary.http.conditional import Version
from clary.http.envelope import said
from clary.kit import safe_folders, safe_paths
from clary.kit.file_names import content_type_of

MAX_HASHED_BYTES: Final = 16 * MIB
_LISTED = said("获取文件列表成功")
_EMPTY = said("工作空间为空")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to be sent; whoever takes it closes it."""

    name: str
    content_type: str
    version: Version
    content: BinaryIO


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """A folder to be sent as an archive."""

    name: str
    pieces: Generator[bytes]


class WorkspaceBrowsing:
    """Reads and deletes files of a workspace."""

    def __init__(self, places: WorkspacePlaces) -> None:
        self._places = places

    async def list_files(
        self,
        *,
        identity: Identity,
        agent_id: str,
        session_id: str | None,
        user_id: str | None = None,
        path: str | None,
        max_depth: int | None,
    ) -> Json:
        """The list answer; empty for a workspace that is not there yet.

        Raises:
            NotFoundError, PathDeniedError, FileMissingError: no such folder.
        """
        place = await self._places.find_for_reading(
            identity=identity, agent_id=agent_id, session_id=session_id, user_id=user_id
        )
        relative, found = await asyncio.to_thread(_listed, place.folder, path or "", max_depth or MAX_DEPTH)
        message = _LISTED if found.files or relative else _EMPTY
        return {
            "agent_id": agent_id,
            "user_id": place.user_id,
            "workspace_path": "/workspace",
            "path": relative,
            "max_depth": max_depth,
            "files": found.files,
            "message": message.render(),
            "truncated_by_depth": found.truncated_by_depth,
            "truncated": found.truncated,
        }

    async def describe(
        self,
        *,
        identity: Identity,
        agent_id: str,
        session_id: str | None,
        user_id: str | None = None,
        paths: Sequence[str],
    ) -> Json:
        """Facts about paths, each with its own refusal.

        Raises:
            NotFoundError
        """
        place = await self._places.find_for_reading(
            identity=identity, agent_id=agent_id, session_id=session_id, user_id=user_id
        )
        return {"files": await asyncio.to_thread(lambda: [_facts(place.folder, path) for path in paths])}

    async def find_download(
        self, *, identity: Identity, agent_id: str, session_id: str | None, user_id: str | None = None, path: str | None
    ) -> FoundFile | FoundFolder:
        """A file, open, or a folder.

        Raises:
            NotFoundError, PathMissingError, PathDeniedError, FileMissingError
        """
        if not path:
            raise PathMissingError
        place = await self._places.find_for_reading(
            identity=identity, agent_id=agent_id, session_id=session_id, user_id=user_id
        )
        return await asyncio.to_thread(_found, place.folder, path)

    async def delete(
        self,
        *,
        identity: Identity,
        agent_id: str,
        session_id: str | None,
        user_id: str | None = None,
        path: str | None,
        missing_ok: bool,
    ) -> Json:
        """Removes a file, a link or a whole folder.

        Raises:
            NotFoundError, PathMissingError, PathDeniedError, FileMissingError
        """
        if not path:
            raise PathMissingError
        place = await self._places.find_for_deleting(
            identity=identity, agent_id=agent_id, session_id=session_id, user_id=user_id, path=path
        )
        relative, is_deleted = await asyncio.to_thread(_deleted, place.folder, path)
        if not is_deleted and not missing_ok:
            raise FileMissingError(relative)
        return {"path": relative, "deleted": is_deleted}


def _listed(root: Path | None, path: str, max_depth: int) -> tuple[str, Listing]:
    with read_refusals():
        if root is None or not root.exists():
            return safe_paths.normalise(path), Listing([], False, False)
        relative = safe_paths.locate(root, path)
        return relative, list_items(root, relative, max_depth)


def _facts(root: Path | None, path: str) -> Json:
    if not path.strip():
        return _refused(path, "INVALID_PATH", PathMissingError().message.render())
    try:
        relative = safe_paths.normalise(path) if root is None else safe_paths.locate(root, path)
        if root is None:
            raise safe_paths.PathMissingError(relative)
        facts = safe_paths.stat(root, relative)
        kind = safe_paths.kind_of(facts)
        if kind not in ("file", "directory"):
            raise safe_paths.PathDeniedError(relative)
        shape = _shape(path, relative, facts, is_folder=kind == "directory")
        if kind == "file" and facts.st_size <= MAX_HASHED_BYTES:
            shape["content_hash"] = _hash_of(root, relative)
        return shape
    except safe_paths.PathError as error:
        problem = read_problem(error)
        denied = isinstance(problem, PathDeniedError)
        return _refused(path, "ACCESS_DENIED" if denied else "FILE_NOT_FOUND", problem.message.render())


def _shape(path: str, relative: str, facts: os.stat_result, *, is_folder: bool) -> Json:
    return {
        "path": path,
        "exists": True,
        "is_directory": is_folder,
        "size": 0 if is_folder else facts.st_size,
        "modified_time": facts.st_mtime,
        "content_type": None if is_folder else content_type_of(relative.rpartition("/")[2]),
        "hash_algorithm": "sha256",
    }


def _refused(path: str, reason: str, message: str) -> Json:
    return {"path": path, "exists": False, "error_code": reason, "message": message}


def _hash_of(root: Path, relative: str) -> str:
    return hashlib.sha256(safe_paths.read_bytes(root, relative, MAX_HASHED_BYTES)).hexdigest()


def _found(root: Path | None, path: str) -> FoundFile | FoundFolder:
    with read_refusals():
        relative = safe_paths.normalise(path) if root is None else safe_paths.locate(root, path)
        if root is None:
            raise safe_paths.PathMissingError(relative)
        name = safe_paths.printable(relative.rpartition("/")[2])
        kind = safe_paths.kind_of(safe_paths.stat(root, relative))
        if kind == "directory":
            safe_paths.scandir(root, relative)
            return FoundFolder(f"{name or 'workspace'}.zip", zip_pieces(root, relative))
        if kind == "symlink":
            raise safe_paths.PathDeniedError(relative)
        content = safe_paths.open_for_read(root, relative)
    facts = os.fstat(content.fileno())
    tag = f'"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}"'
    return FoundFile(name, content_type_of(name), Version(facts.st_size, facts.st_mtime, tag), content)


def _deleted(root: Path | None, path: str) -> tuple[str, bool]:
    with read_refusals():
        relative = safe_paths.normalise(path) if root is None else safe_paths.locate(root, path)
        if not may_change(relative):
            raise safe_paths.PathDeniedError(relative)
        if root is None:
            return relative, False
        try:
            safe_folders.remove(root, relative)
        except (safe_paths.PathMissingError, safe_paths.PathKindError):
            return relative, False
        return relative, True
