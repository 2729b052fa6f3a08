"""Untrusted relative paths inside a root folder, contained without races (product.md 4.2).

A path is walked one folder descriptor at a time with `O_NOFOLLOW`, so a link swapped in between a check and the use
of a path leads nowhere. Symbolic links are never followed, not even inside the root. Everything here blocks: callers
run it in a thread. The root itself is trusted. No error holds the root's own path.
"""

import errno
import os
import secrets
import stat as stat_bits
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from clary.kit.text import has_control_characters

MAX_PATH_BYTES = 4096
MAX_PART_BYTES = 255
MAX_LEVELS = 64
_SHOWN_ROOTS = ("workspace", "sage-workspace")
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that somebody left in the folder must not wait for a writer.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

EntryKind = Literal["file", "directory", "symlink", "other"]


class PathError(Exception):
    """A path that cannot be used. `path` is relative to the root, as far as it could be understood."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class PathDeniedError(PathError):
    """Refused by rule: leaves the root, crosses a link, odd characters, too long, or no permission."""


class PathMissingError(PathError):
    """Nothing is there."""


class PathKindError(PathError):
    """Something is there, but it is not of the needed kind (a folder instead of a file, or the reverse)."""


class PathTooLargeError(PathError):
    """The file is over the caller's limit."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a folder; `size` in bytes, `modified` in seconds since 1970."""

    name: str
    kind: EntryKind
    size: int
    modified: float


def normalise(path: str) -> str:
    """The path relative to the root as plain POSIX parts; `""` is the root itself (rules 1 and 3 of product.md 4.2).

    Raises:
        PathDeniedError: `..`, control characters, not encodable, too long or too deep.
    """
    rest = path.removeprefix("file://").replace("\\", "/")
    for shown in _SHOWN_ROOTS:
        if rest == f"/{shown}" or rest.startswith(f"/{shown}/"):
            rest = rest[len(shown) + 1 :]
            break
    parts = [part for part in rest.split("/") if part not in ("", ".")]
    try:
        sizes = [len(part.encode()) for part in parts]
        whole = len(path.encode())
    except UnicodeEncodeError:
        raise PathDeniedError("?") from None
    if (
        ".." in parts
        or whole > MAX_PATH_BYTES
        or len(parts) > MAX_LEVELS
        or any(size > MAX_PART_BYTES for size in sizes)
        or has_control_characters(path)
    ):
        raise PathDeniedError("?" if has_control_characters(path) else rest[:MAX_PART_BYTES])
    return "/".join(parts)


def locate(root: Path, path: str) -> str:
    """`normalise`, then rule 2: a first part `workspace/` that leads to nothing is dropped.

    Raises:
        PathDeniedError: see `normalise`.
    """
    relative = normalise(path)
    first, _, rest = relative.partition("/")
    if first in _SHOWN_ROOTS and not exists(root, relative):
        return rest
    return relative


def exists(root: Path, relative: str) -> bool:
    """Whether something, also a link, is there without crossing a link."""
    try:
        stat(root, relative)
    except PathError:
        return False
    return True


def stat(root: Path, relative: str) -> os.stat_result:
    """Facts about the path itself; a link is not followed.

    Raises:
        PathMissingError, PathDeniedError
    """
    with opened_parent(root, relative) as (folder, name), translated(relative):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)


def open_for_read(root: Path, relative: str) -> BinaryIO:
    """Opens a regular file.

    Raises:
        PathMissingError, PathDeniedError, PathKindError
    """
    with opened_parent(root, relative) as (folder, name), translated(relative):
        descriptor = os.open(name, _READ_FLAGS, dir_fd=folder)
    if not stat_bits.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PathKindError(relative)
    return os.fdopen(descriptor, "rb")


def read_bytes(root: Path, relative: str, max_bytes: int) -> bytes:
    """The whole of a regular file of at most `max_bytes`.

    Raises:
        PathTooLargeError, PathMissingError, PathDeniedError, PathKindError
    """
    with open_for_read(root, relative) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise PathTooLargeError(relative)
    return content


def write_atomically(root: Path, relative: str, content: bytes) -> None:
    """Writes a file whole or not at all, making its folders. A replaced file keeps its mode.

    As root, new files and folders go to the owner of the folder they land in, so that whoever works there without
    privileges can go on using them.

    Raises:
        PathDeniedError, PathKindError: the place is a link or a folder.
    """
    if not relative:
        raise PathKindError(relative)
    with opened_parent(root, relative, make=True) as (folder, name), translated(relative):
        mode = _mode_to_keep(folder, name, relative)
        temporary = f".{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                hand_over(file.fileno(), folder)
                os.fchmod(file.fileno(), mode)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise


def make_folders(root: Path, relative: str) -> None:
    """Makes a folder and those above it; idempotent.

    Raises:
        PathDeniedError, PathKindError
    """
    with opened_folder(root, relative, make=True):
        pass


def remove_file(root: Path, relative: str) -> None:
    """Deletes a file, or a link itself.

    Raises:
        PathMissingError, PathDeniedError, PathKindError: a folder.
    """
    with opened_parent(root, relative) as (folder, name), translated(relative):
        os.unlink(name, dir_fd=folder)


def scandir(root: Path, relative: str) -> list[Entry]:
    """The items of a folder in name order; what vanishes meanwhile is left out.

    Raises:
        PathMissingError, PathDeniedError, PathKindError
    """
    with opened_folder(root, relative) as folder:
        return list(_entries(folder))


def walk(root: Path, relative: str, max_levels: int = MAX_LEVELS) -> Iterator[tuple[str, Entry]]:
    """Every item below a folder as (path relative to the root, entry), parents first, in name order.

    Links are reported, never entered. Folders that vanish or may not be read are passed over.

    Raises:
        PathMissingError, PathDeniedError, PathKindError: for the starting folder only.
    """
    waiting = [_children(relative, scandir(root, relative))]
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
            continue
        yield item
        path, entry = item
        if entry.kind == "directory" and len(waiting) < max_levels:
            try:
                waiting.append(_children(path, scandir(root, path)))
            except PathError:
                continue


def printable(text: str) -> str:
    """File names as they can be shown: bytes that are not UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _children(folder: str, entries: list[Entry]) -> Iterator[tuple[str, Entry]]:
    return ((f"{folder}/{entry.name}" if folder else entry.name, entry) for entry in entries)


def _entries(folder: int) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        for item in sorted(found, key=lambda each: each.name):
            try:
                facts = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield Entry(item.name, kind_of(facts), facts.st_size, facts.st_mtime)


def kind_of(facts: os.stat_result) -> EntryKind:
    """What a path is, from its `stat`."""
    if stat_bits.S_ISREG(facts.st_mode):
        return "file"
    if stat_bits.S_ISDIR(facts.st_mode):
        return "directory"
    return "symlink" if stat_bits.S_ISLNK(facts.st_mode) else "other"


def _mode_to_keep(folder: int, name: str, relative: str) -> int:
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0o644
    if stat_bits.S_ISLNK(facts.st_mode):
        raise PathDeniedError(relative)
    if not stat_bits.S_ISREG(facts.st_mode):
        raise PathKindError(relative)
    return stat_bits.S_IMODE(facts.st_mode) & 0o777


def hand_over(descriptor: int, folder: int) -> None:
    """As root, gives a new file or folder to the owner of the folder it lies in."""
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def opened_parent(root: Path, relative: str, *, make: bool = False) -> Generator[tuple[int, str]]:
    """An open descriptor of the folder a path lies in, and the name in it; the root is `.` in itself.

    Errors name the path itself, as whoever asked for it knows nothing of the folders above.
    """
    above, _, name = relative.rpartition("/")
    with opened_folder(root, above, make=make, asked_for=relative) as folder:
        yield folder, name or "."


@contextmanager
def opened_folder(root: Path, relative: str, *, make: bool = False, asked_for: str | None = None) -> Generator[int]:
    """An open descriptor of a folder, reached part by part without following links; errors name `asked_for`."""
    parts = relative.split("/") if relative else []
    named = relative if asked_for is None else asked_for
    if ".." in parts:
        raise PathDeniedError(named)
    with translated(named):
        current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            with translated(named):
                below = _step(current, part, make=make)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _step(folder: int, part: str, *, make: bool) -> int:
    try:
        return _open_folder(folder, part)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(part, 0o755, dir_fd=folder)
    except FileExistsError:
        # Somebody else made it first, or put a link there: opening it again tells.
        return _open_folder(folder, part)
    below = _open_folder(folder, part)
    hand_over(below, folder)
    return below


def _open_folder(folder: int, part: str) -> int:
    try:
        return os.open(part, _FOLDER_FLAGS, dir_fd=folder)
    except NotADirectoryError:
        # The kernel says the same of a link and of a file; only the message depends on this second look.
        if stat_bits.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "link") from None
        raise


@contextmanager
def translated(relative: str) -> Generator[None]:
    """System errors as this module's errors. What is neither (disk full, I/O error) goes on unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise PathMissingError(relative) from None
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.ENODEV):
            raise PathKindError(relative) from None
        if error.errno in (errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EINVAL):
            raise PathDeniedError(relative) from None
        raise
