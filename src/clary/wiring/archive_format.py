"""The archive of a whole instance: a tar in gzip, written and read as a stream (docs/operation.md).

    clary.json                       first: format, program, revision of the schema, name of the secret key
    secret.key                       only if asked for
    files/<room>/<path>              files; one that comes twice: the later one counts
    rows/<table>/<number>.jsonl      a line of column names, then a line for each row
    manifest.json                    last: rows of each table, last numbers, and one hash over all entries before

Everything here blocks.
"""

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple

from clary.kit.file_trees import PIECE

FORMAT: Final = 1
HEADER: Final = "clary.json"
MANIFEST: Final = "manifest.json"
KEY: Final = "secret.key"
LARGEST_IN_MEMORY: Final = 256 * 1024 * 1024
ROWS: Final = re.compile(r"rows/([a-z0-9_]{1,63})/[0-9]{6,9}\.jsonl")
FAULTS: Final = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, KeyError)
"""What a damaged archive looks like."""
FILES: Final = re.compile(r"files/(objects|knowledge|skills|workspaces)/(.+)", re.DOTALL)


class ArchiveError(Exception):
    """An archive cannot be made or taken; the text is one line for the operator."""


class ArchiveWriter:
    """Writes entries to a stream and adds up what the manifest says of them."""

    def __init__(self, target: BinaryIO) -> None:
        self._opened = ExitStack()
        packed = self._opened.enter_context(
            gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1, mtime=0, filename="")
        )
        self._tar: tarfile.TarFile = self._opened.enter_context(_tar_onto(packed))
        self._sum = hashlib.sha256()
        self._entries = 0

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def add(self, name: str, content: bytes, *, is_executable: bool = False) -> None:
        """One entry out of memory."""
        self.add_stream(name, io.BytesIO(content), len(content), is_executable=is_executable)

    def add_stream(self, name: str, content: BinaryIO, size: int, *, is_executable: bool = False) -> None:
        """One entry of exactly `size` bytes; what is missing because the file shrank meanwhile is filled with zeros."""
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o700 if is_executable else 0o600
        hashed = _Hashed(content, size)
        # The list of members that tarfile keeps would grow with the archive.
        self._tar.addfile(entry, hashed)  # pyright: ignore[reportArgumentType]
        self._tar.members = []  # pyright: ignore[reportAttributeAccessIssue]
        self._note(name, size, hashed.digest.hexdigest(), is_executable=is_executable)

    def finish(self, manifest: dict[str, Any]) -> None:
        """The last entry."""
        whole = {**manifest, "entries": self._entries, "sha256": self._sum.hexdigest()}
        self.add(MANIFEST, json.dumps(whole).encode())

    def _note(self, name: str, size: int, digest: str, *, is_executable: bool) -> None:
        self._entries += 1
        self._sum.update(entry_line(name, size, digest, is_executable=is_executable))


def _tar_onto(stream: gzip.GzipFile) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)


class Entry(NamedTuple):
    """An entry of an archive; `content` is read before the next entry is asked for."""

    name: str
    size: int
    is_executable: bool
    content: "HashedEntry"

    def whole(self) -> bytes:
        """All of it.

        Raises:
            ArchiveError: too much for memory.
        """
        if self.size > LARGEST_IN_MEMORY:
            raise ArchiveError(f"{self.name} is too large")
        return b"".join(self.content)


class HashedEntry:
    """The pieces of one entry, hashed as they are read."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._read():
            self.digest.update(piece)
            yield piece

    def _read(self) -> bytes:
        try:
            return self._source.read(PIECE)
        except FAULTS as error:
            raise ArchiveError("the archive is damaged or cut off") from error


class ArchiveReader:
    """The entries of a stream, in order, without the manifest, which is there after the last of them."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._sum = hashlib.sha256()
        self._entries = 0
        self.manifest: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Entry]:
        """Every entry; read or not, all of it is hashed.

        Raises:
            ArchiveError: no archive of ours, cut off, changed, or with something in it that is no plain file.
        """
        try:
            with (
                gzip.GzipFile(fileobj=self._source, mode="rb") as packed,
                tarfile.open(fileobj=packed, mode="r|") as tar,
            ):
                for member in tar:
                    # The list that tarfile keeps would grow with the archive.
                    tar.members = []  # pyright: ignore[reportAttributeAccessIssue]
                    yield from self._read(tar, member)
        except FAULTS as error:
            raise ArchiveError("the archive is damaged or cut off") from error
        if self.manifest is None:
            raise ArchiveError("the archive is cut off")

    def _read(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[Entry]:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise ArchiveError(f"{shown(member.name)} is no plain file")
        if self.manifest is not None:
            raise ArchiveError("the archive goes on after its end")
        check_name(member.name)
        entry = Entry(member.name, member.size, bool(member.mode & 0o100), HashedEntry(content))
        if member.name == MANIFEST:
            found = json.loads(entry.whole())
            if (found["entries"], found["sha256"]) != (self._entries, self._sum.hexdigest()):
                raise ArchiveError("the archive is not what was exported")
            self.manifest = found
            return
        yield entry
        for _ in entry.content:
            continue
        digest = entry.content.digest.hexdigest()
        self._sum.update(entry_line(entry.name, entry.size, digest, is_executable=entry.is_executable))
        self._entries += 1


def check_name(name: str) -> None:
    """Refuses a name that no export writes.

    Raises:
        ArchiveError
    """
    if name in (HEADER, MANIFEST, KEY) or ROWS.fullmatch(name):
        return
    inside = FILES.fullmatch(name)
    parts = inside[2].split("/") if inside else []
    if (
        not parts
        or "\0" in name
        or any(part in ("", ".", "..") or len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts)
    ):
        raise ArchiveError(f"{shown(name)} is no name that an export writes")


def shown(name: str) -> str:
    """A name that may be printed."""
    return ascii(name[:120])


def entry_line(name: str, size: int, digest: str, *, is_executable: bool) -> bytes:
    """What the hash over all entries is made of."""
    return f"{len(name)} {name} {size} {digest} {is_executable:d}\n".encode("utf-8", "surrogateescape")


class _Hashed:
    """A stream of a known size, hashed as it is read."""

    def __init__(self, content: BinaryIO, size: int) -> None:
        self._content = content
        self._left = size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._content.read(wanted)
        piece += bytes(wanted - len(piece))
        self._left -= wanted
        self.digest.update(piece)
        return piece
