"""Folders copied while others write in them: what lies there, one file after the other, hashed on its way.

Links are never followed. A file that goes away meanwhile is left out, as is what is just being written:
`.part`, and the folder `incoming` of a root. Everything here blocks.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

PIECE: Final = 1024 * 1024
UNFINISHED: Final = ".part"
INCOMING: Final = "incoming"


class TreeFile(NamedTuple):
    """A regular file; `path` is relative, with slashes. Two of the same facts have the same content, as far as seen."""

    path: str
    size: int
    changed_ns: int
    is_executable: bool


def files_below(root: Path) -> Iterator[TreeFile]:
    """Every regular file, in any order; nothing when there is no such folder."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            entries = list(os.scandir(root / inside))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            name = f"{inside}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if name != INCOMING:
                    waiting.append(f"{name}/")
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(UNFINISHED):
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield TreeFile(name, facts.st_size, facts.st_mtime_ns, bool(facts.st_mode & stat.S_IXUSR))


def is_empty(root: Path) -> bool:
    """Whether no file lies below; unfinished ones do not count."""
    return next(files_below(root), None) is None


def open_unlinked(path: Path) -> BinaryIO | None:
    """A regular file for reading; None when it is gone or no regular file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def write_hashed(pieces: Iterator[bytes], target: Path, *, is_executable: bool) -> str:
    """Writes a new file, for its owner only and on the disk; returns the SHA-256 of what was written.

    Raises:
        OSError: there is something of this name, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o700 if is_executable else 0o600), "wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def pieces_of(file: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """The content in pieces, `size` bytes at most."""
    left = size
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def hash_of(path: Path, heard: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file; `heard` is told how many bytes came."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in pieces_of(file):
            digest.update(piece)
            if heard is not None:
                heard(len(piece))
    return digest.hexdigest()
