"""Archives that a stranger packed, read entry by entry: ZIP and tar.gz (product.md 7.4).

Everything is counted while unpacking; what an archive says of itself is never believed. An entry whose name leads
out, and among those looked at a link, a device, an encrypted or unusual entry, make the whole archive unsafe. Which
entries are looked at, and where they go, decides the caller by their names. Everything here blocks.
"""

import gzip
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple, cast

from clary.kit.text import has_control_characters

UnsafeReason = Literal[
    "path", "link", "device", "encrypted", "duplicate", "name", "method", "ratio", "entries", "nesting", "path_length"
]

CHUNK: Final = 64 * 1024
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_END64_LOCATOR: Final = b"PK\x06\x07"
_ENCRYPTED_BITS: Final = 0x1 | 0x40 | 0x2000
_UTF8_BIT: Final = 0x800
_LARGEST_DIRECTORY: Final = 4 * 1024 * 1024
"""Bytes of a ZIP's directory: each of its entries costs memory before anything is unpacked."""
_LARGEST_TAR: Final = 256 * 1024 * 1024
_FEW_BYTES: Final = 1024 * 1024
"""Below this no ratio is judged: small texts compress without limit."""
_RESERVED: Final = frozenset({"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))})


class BrokenArchiveError(Exception):
    """Not an archive of this kind, or damaged."""


class UnsafeArchiveError(Exception):
    """An archive that must not be unpacked."""

    def __init__(self, reason: UnsafeReason) -> None:
        super().__init__(reason)
        self.reason: UnsafeReason = reason


class ArchiveTooLargeError(Exception):
    """More bytes than the caller takes; `max_bytes` is the limit that was met."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.max_bytes = max_bytes


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may unfold to. Sizes in bytes; `nesting` counts folders above a file."""

    total_bytes: int = 100 * 1024 * 1024
    file_bytes: int = 16 * 1024 * 1024
    entries: int = 1000
    listed: int = 20_000
    ratio: int = 100
    nesting: int = 10
    path_characters: int = 255


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A regular file in an archive; `pieces` may be asked once, before the next file is."""

    path: str
    is_executable: bool
    pieces: Callable[[], Iterator[bytes]]


class Place(NamedTuple):
    """Where an entry goes. `target` None: it is looked at like the others, and not given out."""

    target: str | None


Placing = Callable[[str], Place | None]
"""What becomes of an entry; None: it is not even looked at, beyond its name leading nowhere else."""


def list_names(archive: Path, kind: Literal["zip", "tar"]) -> list[str]:
    """Paths of all regular files, each a name that leads nowhere else.

    Raises:
        BrokenArchiveError, UnsafeArchiveError, ArchiveTooLargeError
    """
    with _opened(archive, kind, ArchiveLimits()) as entries:
        return [entry.path for entry in entries if entry.kind == "file"]


def files_in(
    archive: Path, kind: Literal["zip", "tar"], *, placing: Placing, limits: ArchiveLimits
) -> Generator[ArchiveFile]:
    """The wanted regular files under their new paths in the archive's order, each checked before it is given out.

    Raises:
        BrokenArchiveError, UnsafeArchiveError, ArchiveTooLargeError
    """
    budget, names = _Budget(limits), _Names()
    with _opened(archive, kind, limits) as entries:
        for entry in entries:
            place = placing(entry.path)
            if place is None or place.target == "":
                continue
            if entry.kind in ("link", "device", "encrypted", "method"):
                raise UnsafeArchiveError(entry.kind)
            _require_usable(place.target or entry.path, limits)
            names.add(entry.path, is_folder=entry.kind == "folder")
            budget.count_entry()
            if entry.kind == "file" and place.target is not None:
                yield ArchiveFile(place.target, entry.is_executable, lambda each=entry: budget.counted(each))
            elif entry.kind == "file":
                for _ in budget.counted(entry):
                    pass


_Kind = Literal["file", "folder", "link", "device", "encrypted", "method"]


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    kind: _Kind
    is_executable: bool
    packed_bytes: int | None
    open: Callable[[], BinaryIO]


class _Budget:
    """Counts entries, bytes and their ratio while they come out."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._entries = 0
        self._bytes = 0

    def count_entry(self) -> None:
        self._entries += 1
        if self._entries > self._limits.entries:
            raise UnsafeArchiveError("entries")

    def counted(self, entry: _Entry) -> Iterator[bytes]:
        limits, size = self._limits, 0
        try:
            with entry.open() as file:
                while piece := file.read(CHUNK):
                    size += len(piece)
                    self._bytes += len(piece)
                    if size > limits.file_bytes:
                        raise ArchiveTooLargeError(limits.file_bytes)
                    if self._bytes > limits.total_bytes:
                        raise ArchiveTooLargeError(limits.total_bytes)
                    packed = entry.packed_bytes
                    if packed is not None and size > _FEW_BYTES and size > limits.ratio * packed:
                        raise UnsafeArchiveError("ratio")
                    yield piece
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise BrokenArchiveError from None


class _Names:
    """No two names may meet where case or composition do not count, and none may be a file and a folder."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, path: str, *, is_folder: bool) -> None:
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            spelled = "/".join(parts[:count])
            key = folded(spelled)
            is_file = count == len(parts) and not is_folder
            if self._spelled.setdefault(key, spelled) != spelled or key in self._files:
                raise UnsafeArchiveError("duplicate")
            if is_file and key in self._folders:
                raise UnsafeArchiveError("duplicate")
            (self._files if is_file else self._folders).add(key)


def folded(path: str) -> str:
    """A path as compared where neither case nor composition count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def is_odd_name(part: str) -> bool:
    """A part of a path that some system cannot keep: reserved names, `:`, blanks or dots at the end."""
    stem = part.split(".")[0].strip().casefold()
    return (
        stem in _RESERVED
        or ":" in part
        or part != part.rstrip(" .")
        or has_control_characters(part)
        or len(part.encode("utf-8", "surrogatepass")) > 255
        or any("\ud800" <= char <= "\udfff" for char in part)
    )


def _require_usable(path: str, limits: ArchiveLimits) -> None:
    parts = path.split("/")
    if any(is_odd_name(part) for part in parts):
        raise UnsafeArchiveError("name")
    if len(path) > limits.path_characters:
        raise UnsafeArchiveError("path_length")
    if len(parts) - 1 > limits.nesting:
        raise UnsafeArchiveError("nesting")


def _contained(name: str) -> str:
    """The name as a plain relative path.

    Raises:
        UnsafeArchiveError: it is absolute, leads upwards, or holds NUL.
    """
    path = name.replace("\\", "/")
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\0" in path or (len(path) > 1 and path[1] == ":"):
        raise UnsafeArchiveError("path")
    return "/".join(part for part in parts if part not in ("", "."))


@contextmanager
def _opened(archive: Path, kind: Literal["zip", "tar"], limits: ArchiveLimits) -> Generator[Iterator[_Entry]]:
    if kind == "zip":
        with _zip_entries(archive, limits) as entries:
            yield entries
    else:
        with _tar_entries(archive, limits) as entries:
            yield entries


@contextmanager
def _zip_entries(archive: Path, limits: ArchiveLimits) -> Generator[Iterator[_Entry]]:
    _require_small_directory(archive)
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
        raise BrokenArchiveError from None
    with opened as file:
        if len(file.infolist()) > limits.listed:
            raise UnsafeArchiveError("entries")
        entries = [_zip_entry(file, info) for info in file.infolist()]
        yield (entry for entry in entries if entry.path)


def _require_small_directory(archive: Path) -> None:
    """Looks at the directory's size before anything reads it into memory."""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES - 0xFFFF))
        tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_BYTES:
        raise BrokenArchiveError
    if _END64_LOCATOR in tail[max(0, place - 20) : place]:
        # No archive that may be this small needs 64-bit sizes.
        raise BrokenArchiveError
    if int.from_bytes(tail[place + 12 : place + 16], "little") > _LARGEST_DIRECTORY:
        raise UnsafeArchiveError("entries")


def _zip_entry(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Entry:
    mode = info.external_attr >> 16
    path = _contained(_zip_name(info))
    kind: _Kind = "folder" if info.is_dir() or info.orig_filename.endswith("\\") else "file"
    if info.flag_bits & _ENCRYPTED_BITS:
        kind = "encrypted"
    elif stat.S_ISLNK(mode):
        kind = "link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "device"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Others may take gigabytes of memory for their own tables.
        kind = "method"
    return _Entry(path, kind, bool(mode & 0o111), max(1, info.compress_size), lambda: cast("BinaryIO", file.open(info)))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as its packer meant it: old packers wrote the bytes of their own system's encoding."""
    name = info.orig_filename
    if info.flag_bits & _UTF8_BIT or name.isascii():
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


class _NoLargeReads:
    """A tar header may ask for any number of bytes at once; none that is meant well asks for more than this."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 1024 * 1024:
            raise UnsafeArchiveError("path_length")
        return self._file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def _tar_entries(archive: Path, limits: ArchiveLimits) -> Generator[Iterator[_Entry]]:
    with tempfile.TemporaryFile(dir=archive.parent) as plain:
        _gunzip(archive, plain, limits)
        plain.seek(0)
        try:
            reads = cast("BinaryIO", _NoLargeReads(cast("BinaryIO", plain)))
            opened = tarfile.TarFile(fileobj=reads, errors="surrogateescape")
        except (tarfile.TarError, EOFError, ValueError):
            raise BrokenArchiveError from None
        with opened as file:
            yield _walked(file, limits)


def _walked(file: tarfile.TarFile, limits: ArchiveLimits) -> Iterator[_Entry]:
    listed = 0
    while True:
        try:
            member = file.next()
        except (tarfile.TarError, EOFError, ValueError):
            raise BrokenArchiveError from None
        if member is None:
            return
        listed += 1
        if listed > limits.listed:
            raise UnsafeArchiveError("entries")
        # The reader keeps every member it has seen.
        cast("Any", file).members.clear()
        path = _contained(member.name)
        if path:
            yield _tar_entry(file, member, path)


def _tar_entry(file: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> _Entry:
    kind: _Kind = "device"
    if member.isreg() and not member.issparse():
        kind = "file"
    elif member.isdir():
        kind = "folder"
    elif member.issym() or member.islnk():
        kind = "link"
    return _Entry(path, kind, bool(member.mode & 0o111), None, lambda: cast("BinaryIO", file.extractfile(member)))


def _gunzip(archive: Path, plain: BinaryIO, limits: ArchiveLimits) -> None:
    packed = max(1, archive.stat().st_size)
    size = 0
    try:
        with gzip.open(archive) as source:
            while piece := source.read(CHUNK):
                size += len(piece)
                if size > _LARGEST_TAR:
                    raise ArchiveTooLargeError(limits.total_bytes)
                if size > _FEW_BYTES and size > limits.ratio * packed:
                    raise UnsafeArchiveError("ratio")
                plain.write(piece)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BrokenArchiveError from None
