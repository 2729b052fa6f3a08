"""Contents in a folder of this machine."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO, Final

from clary.features.files.ports import ObjectMissingError, StoreUnavailableError

PIECE_BYTES: Final = 1024 * 1024


class FolderStore:
    """Fills the port `ObjectStore`. A source on the same file system is moved, which takes no time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, source: Path, *, content_type: str, disposition: str) -> None:
        """See the port; on disk before it returns."""
        try:
            await asyncio.to_thread(_move, source, self._folder / name)
        except OSError as error:
            raise StoreUnavailableError from error

    async def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """See the port."""
        try:
            file = await asyncio.to_thread((self._folder / name).open, "rb")
        except FileNotFoundError:
            raise ObjectMissingError from None
        except OSError as error:
            raise StoreUnavailableError from error
        # Closed without a thread: that may happen in a cancelled task, and never waits.
        with file:
            while start < end:
                piece = await asyncio.to_thread(_piece, file, start, min(PIECE_BYTES, end - start))
                start += len(piece)
                yield piece

    async def remove(self, name: str) -> None:
        """See the port."""
        try:
            await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)
        except OSError as error:
            raise StoreUnavailableError from error

    async def link(self, name: str, *, seconds: int) -> str | None:
        """See the port: a folder gives nothing out by itself."""
        return None

    async def check(self) -> None:
        """See the port."""
        if not await asyncio.to_thread(_is_usable, self._folder):
            raise StoreUnavailableError


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = target.with_name(f"{target.name}.part")
    try:
        shutil.move(source, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _piece(file: BinaryIO, start: int, size: int) -> bytes:
    try:
        file.seek(start)
        piece = file.read(size)
    except OSError as error:
        raise StoreUnavailableError from error
    if not piece:
        # Shorter than its row says: somebody changed the folder.
        raise ObjectMissingError
    return piece


def _is_usable(folder: Path) -> bool:
    """A folder that is not there yet is made with the first content."""
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
