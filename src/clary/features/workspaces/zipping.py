"""A folder as a ZIP file that is sent while it is built (product.md 4.3). Blocks."""

import time
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Final

from clary.features.workspaces.listing import Item, walk
from clary.kit import safe_paths

PIECE_BYTES: Final = 256 * 1024
_LARGE: Final = 1024**3
_MOST_WITHOUT_ZIP64: Final = 2**31 - 1
_FIRST_TIME, _LAST_TIME = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


class _Sink:
    """Takes what the archive writes; cannot seek, so sizes follow the content."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def write(self, data: bytes) -> int:
        """Keeps bytes until they are taken."""
        self._pending += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._pending = bytes(self._pending), bytearray()
        return taken


def zip_pieces(root: Path, relative: str) -> Generator[bytes]:
    """The archive in pieces; names are relative to the folder, without links and dot names.

    A file that changes meanwhile is stored as read, one that vanishes is left out.

    Raises:
        PathError: the folder cannot be read.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for item in walk(root, relative):
            name = safe_paths.printable(item.path[len(relative) :].lstrip("/"))
            if item.entry.kind == "directory":
                archive.writestr(_info(item, name + "/"), b"")
            else:
                for _ in _add(archive, _info(item, name), root, item):
                    if piece := sink.take():
                        yield piece
            if piece := sink.take():
                yield piece
    yield sink.take()


def _add(archive: zipfile.ZipFile, info: zipfile.ZipInfo, root: Path, item: Item) -> Generator[None]:
    try:
        source = safe_paths.open_for_read(root, item.path)
    except safe_paths.PathError:
        return
    is_large = item.entry.size > _LARGE
    left = 2**62 if is_large else _MOST_WITHOUT_ZIP64
    with source, archive.open(info, "w", force_zip64=is_large) as target:
        while left and (piece := source.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            target.write(piece)
            yield


def _info(item: Item, name: str) -> zipfile.ZipInfo:
    moment = time.gmtime(max(item.entry.modified, 0))[:6]
    info = zipfile.ZipInfo(name, min(max(moment, _FIRST_TIME), _LAST_TIME))
    info.compress_type = zipfile.ZIP_DEFLATED
    mode = 0o40755 if name.endswith("/") else 0o100644
    info.external_attr = mode << 16 | (0x10 if name.endswith("/") else 0)
    return info
