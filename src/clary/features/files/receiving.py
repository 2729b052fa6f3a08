"""Files on their way in: streamed to a scratch file, counted, hashed and looked at while they come."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clary.db.database import UnavailableError
from clary.features.files.errors import FileTooLargeError
from clary.features.files.policy import HEAD_BYTES
from clary.kit.ids import new_hex

MIB: Final = 1024 * 1024
_LEFT_BEHIND_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Received:
    """A whole file on disk."""

    path: Path
    size: int
    sha256: str
    head: bytes


class ScratchFolder:
    """Where files lie until the store has them; on the same file system as the data directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def new_file(self) -> AsyncGenerator[Path]:
        """A path for a new file, which is gone afterwards unless it was moved away.

        Raises:
            UnavailableError: the disk does not take it.
        """
        path = self._folder / new_hex(32)
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True, mode=0o700)
            yield path
        except OSError as error:
            raise UnavailableError from error
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def sweep(self) -> None:
        """Removes what an ended process left. Blocking."""
        if not self._folder.is_dir():
            return
        oldest = time.time() - _LEFT_BEHIND_SECONDS
        for each in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if each.stat().st_mtime < oldest:
                    each.unlink()


async def save(chunks: AsyncIterator[bytes], path: Path, *, limit_mb: int) -> Received:
    """Writes what comes to a new file.

    Raises:
        FileTooLargeError: more came than the limit; reading stops there.
    """
    digest, size, head, waiting = hashlib.sha256(), 0, b"", bytearray()

    def write(piece: bytes) -> None:
        digest.update(piece)
        out.write(piece)

    with await asyncio.to_thread(path.open, "xb") as out:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_mb * MIB:
                raise FileTooLargeError(limit_mb)
            if len(head) < HEAD_BYTES:
                head = (head + chunk)[:HEAD_BYTES]
            waiting += chunk
            if len(waiting) >= MIB:
                await asyncio.to_thread(write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(write, bytes(waiting))
    return Received(path, size, digest.hexdigest(), head)


def examine(path: Path) -> Received:
    """A file that is already there. Blocking."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
        return Received(path, os.fstat(file.fileno()).st_size, digest.hexdigest(), head)
