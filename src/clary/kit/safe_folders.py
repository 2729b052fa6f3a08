"""Whole files and folders inside a root folder: made, moved, swapped, removed, measured (product.md 4.4).

Works on folder descriptors like `safe_paths`, of which it raises the errors. Everything here blocks.
"""

import ctypes
import errno
import fcntl
import os
import secrets
import stat as stat_bits
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

from clary.kit.safe_paths import (
    EntryKind,
    PathDeniedError,
    PathError,
    PathKindError,
    PathMissingError,
    hand_over,
    kind_of,
    opened_folder,
    opened_parent,
    scandir,
    stat,
    translated,
)

MAX_MEASURED_LEVELS = 200
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOREPLACE, _EXCHANGE = 1, 2
_MOST_OPEN = 100


class PathTakenError(PathError):
    """Something is there already."""


class FolderFullError(PathError):
    """The root has no room for it. `of`: what is used up."""

    def __init__(self, path: str, of: Literal["bytes", "entries"]) -> None:
        super().__init__(path)
        self.of: Literal["bytes", "entries"] = of


@dataclass(frozen=True, slots=True)
class FolderUse:
    """What lies in a folder. `bytes` is the sum of file sizes, `entries` counts everything that has a name."""

    bytes: int
    entries: int


@dataclass(frozen=True, slots=True)
class FolderRoom:
    """How much a root folder may hold."""

    max_bytes: int
    max_entries: int

    def require(self, root: Path, relative: str, size: int) -> None:
        """Says whether a new file of `size` bytes fits in, in place of what is at `relative`.

        Raises:
            FolderFullError
        """
        self._require(root, [relative], size, 1)

    def require_replaced(self, root: Path, paths: Sequence[str]) -> None:
        """Says whether what lies in the root fits in, once files in it take the place of those at `paths`.

        Raises:
            FolderFullError
        """
        self._require(root, paths, 0, 0)

    def _require(self, root: Path, replaced: Sequence[str], size: int, entries: int) -> None:
        used, gone = measure(root), [found for path in set(replaced) if (found := _file_size(root, path)) is not None]
        if used.bytes - sum(gone) + size > self.max_bytes:
            raise FolderFullError(replaced[0], "bytes")
        if used.entries - len(gone) + entries > self.max_entries:
            raise FolderFullError(replaced[0], "entries")

    def is_exceeded(self, root: Path) -> bool:
        """Whether more lies there than may."""
        used = measure(root)
        return used.bytes > self.max_bytes or used.entries > self.max_entries


def measure(root: Path, relative: str = "") -> FolderUse:
    """What lies below a folder; nothing when it is not there. Links count as entries and are not followed.

    What is nested deeper than 200 levels counts as more than any room, so that nobody hides files there.
    """
    try:
        with opened_folder(root, relative) as folder:
            return _measured(folder, 1)
    except PathError:
        return FolderUse(0, 0)
    except FileNotFoundError:
        return FolderUse(0, 0)


@contextmanager
def alone_in(root: Path) -> Generator[None]:
    """Waits until nobody else, in any process, is between measuring a folder and changing names in it. Blocking.

    A file that is being renamed can be missed by a walk, so two who publish at once would both find room.
    """
    with opened_folder(root, "") as folder:
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def create_file(root: Path, relative: str) -> BinaryIO:
    """A new file, open for writing; its folders are made.

    Raises:
        PathTakenError, PathDeniedError, PathKindError
    """
    with opened_parent(root, relative, make=True) as (folder, name), translated(relative):
        try:
            descriptor = os.open(name, _CREATE, 0o644, dir_fd=folder)
        except FileExistsError:
            raise PathTakenError(relative) from None
        hand_over(descriptor, folder)
        return os.fdopen(descriptor, "wb")


def move_file(root: Path, source: str, target: str, *, replace: bool) -> None:
    """Gives a file another name in one step; folders are made. Only a regular file is ever replaced.

    Raises:
        PathTakenError: something is there, and `replace` is false.
        PathMissingError, PathDeniedError, PathKindError
    """
    with (
        opened_parent(root, source) as (start, old),
        opened_parent(root, target, make=True) as (end, new),
        translated(target),
    ):
        kind = _kind_at(end, new)
        if kind is not None and not replace:
            raise PathTakenError(target)
        _require_kind(kind, "file", target)
        try:
            _rename(start, old, end, new, 0 if replace else _NOREPLACE)
        except FileExistsError:
            raise PathTakenError(target) from None


def swap_folder(root: Path, source: str, target: str) -> bool:
    """Puts a folder in the place of another in one rename; the old one then lies at `source`.

    Returns whether there was an old one; without, the folder is only moved.

    Raises:
        PathMissingError, PathDeniedError, PathKindError: the target is no folder.
    """
    with (
        opened_parent(root, source) as (start, old),
        opened_parent(root, target, make=True) as (end, new),
        translated(target),
    ):
        kind = _kind_at(end, new)
        _require_kind(kind, "directory", target)
        _rename(start, old, end, new, _NOREPLACE if kind is None else _EXCHANGE)
        return kind is not None


def remove(root: Path, relative: str) -> None:
    """Deletes a file, a link itself, or a folder with all that is in it. Links in it are not followed.

    Raises:
        PathMissingError, PathDeniedError, PathKindError
    """
    if not relative:
        raise PathDeniedError(relative)
    with opened_parent(root, relative) as (folder, name), translated(relative):
        if kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False)) == "directory":
            _remove_tree(folder, name)
        else:
            os.unlink(name, dir_fd=folder)


def sweep(root: Path, relative: str, older_than_seconds: float) -> None:
    """Removes what has lain in a folder for longer than that, by the clock of the file system.

    Raises:
        PathDeniedError, PathKindError
    """
    probe = f"{relative}/{secrets.token_hex(8)}"
    with create_file(root, probe) as file:
        now = os.fstat(file.fileno()).st_mtime
    remove(root, probe)
    for entry in scandir(root, relative):
        if now - entry.modified > older_than_seconds:
            try:
                remove(root, f"{relative}/{entry.name}")
            except PathMissingError:
                continue


def _file_size(root: Path, relative: str) -> int | None:
    try:
        facts = stat(root, relative)
    except PathError:
        return None
    return facts.st_size if stat_bits.S_ISREG(facts.st_mode) else None


def _require_kind(kind: EntryKind | None, wanted: EntryKind, path: str) -> None:
    if kind == "symlink":
        raise PathDeniedError(path)
    if kind not in (None, wanted):
        raise PathKindError(path)


def _kind_at(folder: int, name: str) -> EntryKind | None:
    try:
        return kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _measured(folder: int, level: int) -> FolderUse:
    size = entries = 0
    with os.scandir(folder) as found:
        for item in found:
            try:
                facts = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            entries += 1
            if not stat_bits.S_ISDIR(facts.st_mode):
                size += facts.st_size
                continue
            below = _measured_below(folder, item.name, level + 1)
            size, entries = size + below.bytes, entries + below.entries
    return FolderUse(size, entries)


def _measured_below(folder: int, name: str, level: int) -> FolderUse:
    if level > MAX_MEASURED_LEVELS:
        return FolderUse(2**62, 0)
    try:
        below = os.open(name, _ENTER, dir_fd=folder)
    except OSError:
        # Gone meanwhile, or closed to us: then its content cannot be counted.
        return FolderUse(0, 0)
    try:
        return _measured(below, level)
    finally:
        os.close(below)


def _remove_tree(folder: int, name: str) -> None:
    """Removes a tree of any depth: what lies too deep is first moved up to its top, and removed by the next pass."""
    top = os.open(name, _ENTER, dir_fd=folder)
    try:
        while not _is_cleared(top, top, 1):
            pass
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=folder)


def _is_cleared(folder: int, top: int, level: int) -> bool:
    """Empties a folder; false when something is left for the next pass."""
    is_done = True
    with os.scandir(folder) as found:
        names = [(item.name, item.is_dir(follow_symlinks=False)) for item in found]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
        elif level > _MOST_OPEN:
            os.rename(name, secrets.token_hex(16), src_dir_fd=folder, dst_dir_fd=top)
            is_done = False
        else:
            is_done = _is_removed(folder, name, top, level + 1) and is_done
    return is_done


def _is_removed(folder: int, name: str, top: int, level: int) -> bool:
    below = os.open(name, _ENTER, dir_fd=folder)
    try:
        is_done = _is_cleared(below, top, level)
    finally:
        os.close(below)
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        # Somebody put something in meanwhile.
        if error.errno != errno.ENOTEMPTY:
            raise
        return False
    return is_done


@cache
def _renameat2() -> Any:
    call = ctypes.CDLL(None, use_errno=True).renameat2
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call


def _rename(start: int, old: str, end: int, new: str, flags: int) -> None:
    """`renameat2`, which Python has no name for: it can exchange two folders, and refuse to replace."""
    if _renameat2()(start, os.fsencode(old), end, os.fsencode(new), flags) != 0:
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            raise FileExistsError(number, "exists")
        raise OSError(number, "renameat2")
