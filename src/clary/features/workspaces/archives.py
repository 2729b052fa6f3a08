"""ZIP files of strangers: looked through before anything is written (product.md 4.4). Blocks."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from clary.features.workspaces.errors import FileTooLargeError
from clary.features.workspaces.policy import MIB
from clary.http.problems import ArchiveInvalidError, ArchiveUnsafeError
from clary.kit import safe_paths
from clary.kit.safe_archives import folded
from clary.kit.text import Text, has_control_characters

MAX_ARCHIVE_MB: Final = 32
MAX_FILE_MB: Final = 16
MAX_UNPACKED: Final = 128 * MIB
MAX_FILES: Final = 2048
MAX_RATIO: Final = 100
MAX_NESTING: Final = 20
_MAX_DIRECTORY: Final = 8 * MIB
"""Of the list of entries, which is read whole: some hundred thousand entries would fill the memory."""
_PIECE: Final = 256 * 1024
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    LookupError,
    RuntimeError,
)
"""What the library says of archives that are damaged or meant to look so."""

BAD_NAME: Final = Text("条目名称不合法", "an entry has a forbidden name")
BAD_KIND: Final = Text("包含链接或特殊文件", "it holds links or special files")
ENCRYPTED: Final = Text("包含加密条目", "it holds encrypted entries")
METHOD: Final = Text("不支持的压缩方式", "its compression method is not supported")
TWINS: Final = Text("条目名称重复", "two entries have the same name")
TOO_DEEP: Final = Text("目录嵌套过深", "its folders are nested too deeply")
TOO_MANY: Final = Text("条目过多", "it holds too many entries")
TOO_LARGE: Final = Text("解压后过大", "it is too large when unpacked")
TOO_DENSE: Final = Text("压缩比过高", "its compression ratio is too high")


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds: files with their paths, and folders, both relative."""

    files: list[tuple[zipfile.ZipInfo, str]]
    folders: list[str]
    unpacked_bytes: int


class _Guarded:
    """The file of an archive, for a library that reads the list of entries in one piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Reads."""
        if size > _MAX_DIRECTORY:
            raise ArchiveUnsafeError(TOO_MANY)
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def opened(root: Path, relative: str) -> Generator[zipfile.ZipFile]:
    """An archive in a workspace.

    Raises:
        ArchiveInvalidError, ArchiveUnsafeError
    """
    with safe_paths.open_for_read(root, relative) as file:
        with _damage():
            archive = zipfile.ZipFile(_Guarded(file))  # pyright: ignore[reportArgumentType, reportCallIssue]
        with archive:
            yield archive


def examine(archive: zipfile.ZipFile, packed_bytes: int) -> Contents:
    """What is in an archive, or why it is refused whole.

    Raises:
        ArchiveUnsafeError
        FileTooLargeError: one file is over 16 MiB.
    """
    infos = archive.infolist()
    files = [(info, _path_of(info)) for info in infos if not info.is_dir()]
    folders = [_path_of(info) for info in infos if info.is_dir()]
    if max(len(files), len(folders)) > MAX_FILES:
        raise ArchiveUnsafeError(TOO_MANY)
    for info in infos:
        _require_plain(info)
    _require_distinct([path for _, path in files], folders)
    unpacked = sum(info.file_size for info, _ in files)
    if unpacked > MAX_UNPACKED:
        raise ArchiveUnsafeError(TOO_LARGE)
    if unpacked > MAX_RATIO * packed_bytes:
        raise ArchiveUnsafeError(TOO_DENSE)
    if any(info.file_size > MAX_FILE_MB * MIB for info, _ in files):
        raise FileTooLargeError(MAX_FILE_MB)
    return Contents(files, folders, unpacked)


def content_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a file; never more than its entry says.

    Raises:
        ArchiveInvalidError: damaged.
    """
    with _damage():
        source = archive.open(info)
    with source:
        while True:
            with _damage():
                piece = source.read(_PIECE)
            if not piece:
                return
            yield piece


@contextmanager
def _damage() -> Generator[None]:
    try:
        yield
    except _BROKEN:
        raise ArchiveInvalidError from None
    except OSError as error:
        # Positions before the start of the file are the archive's fault; what a disk says has other numbers.
        if error.errno is None or error.errno == 22:
            raise ArchiveInvalidError from None
        raise


def _path_of(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    parts = name.removesuffix("/").split("/")
    if (
        "\\" in name
        or has_control_characters(name)
        or any(part in ("", ".", "..") for part in parts)
        or any(len(part.encode("utf-8", "replace")) > safe_paths.MAX_PART_BYTES for part in parts)
        or len(name.encode("utf-8", "replace")) > safe_paths.MAX_PATH_BYTES
    ):
        raise ArchiveUnsafeError(BAD_NAME)
    if len(parts) > MAX_NESTING:
        raise ArchiveUnsafeError(TOO_DEEP)
    return "/".join(parts)


def _require_plain(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
        raise ArchiveUnsafeError(BAD_KIND)
    if info.flag_bits & 0x2041:
        raise ArchiveUnsafeError(ENCRYPTED)
    if info.compress_type not in _METHODS:
        raise ArchiveUnsafeError(METHOD)


def _require_distinct(files: list[str], folders: list[str]) -> None:
    """No two names that some file system takes for one, and no file where another entry needs a folder."""
    kinds: dict[str, str] = {}
    for path in files:
        if folded(path) in kinds:
            raise ArchiveUnsafeError(TWINS)
        kinds[folded(path)] = f"file {path}"
    for path in [*folders, *(path.rpartition("/")[0] for path in files)]:
        parts = path.split("/") if path else []
        for count in range(1, len(parts) + 1):
            above = "/".join(parts[:count])
            if kinds.setdefault(folded(above), f"folder {above}") != f"folder {above}":
                raise ArchiveUnsafeError(TWINS)
