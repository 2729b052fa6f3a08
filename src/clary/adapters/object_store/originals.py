"""The uploaded files of knowledge bases in the bucket, so that every machine sees them.

Fills the port `OriginalFiles`. A bucket that does not answer is an `OSError`, as a disk would be.
"""

import asyncio
import errno
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import obstore
from obstore.exceptions import BaseError

from clary.adapters.object_store.opening import BucketAccess, open_bucket, prefix_of
from clary.features.knowledge.ports import FileTooLargeError
from clary.kit import safe_paths
from clary.kit.ids import new_hex

PART_BYTES: Final = 8 * 1024 * 1024
LEFT_SECONDS: Final = 24 * 3600
"""A copy so old was left by a dead process."""
_PIECE: Final = 1024 * 1024


class BucketOfOriginals:
    """Files go up in parts as they come, and come down to a private copy for whoever reads them."""

    def __init__(self, access: BucketAccess, *, scratch: Path, part_bytes: int = PART_BYTES) -> None:
        self._store = open_bucket(access)
        self._prefix = f"{prefix_of(access)}originals/"
        self._scratch = scratch
        self._part_bytes = part_bytes

    async def put(self, key: str, chunks: AsyncIterable[bytes], *, max_bytes: int) -> int:
        """See the port. The store joins the parts at the end; what breaks off is dropped there."""
        name = self._name(key)
        upload = _Upload(chunks, max_bytes)
        try:
            with _as_disk_fault(key):
                await obstore.put_async(
                    self._store, name, cast("Any", upload.pieces()), chunk_size=self._part_bytes, max_concurrency=2
                )
        except OSError:
            # The library wraps what the sender's side raised.
            if upload.fault is not None:
                raise upload.fault from None
            raise
        return upload.size

    async def open_local(self, key: str) -> Path:
        """See the port: a copy, which `release` removes."""
        name, path = self._name(key), self._scratch / new_hex(32)
        is_whole = False
        try:
            with _as_disk_fault(key):
                found = await obstore.get_async(self._store, name)
                await asyncio.to_thread(_create, path)
                async for piece in found.stream(min_chunk_size=_PIECE):
                    await asyncio.to_thread(_append, path, bytes(piece))
            is_whole = True
        finally:
            if not is_whole:
                path.unlink(missing_ok=True)
        return path

    async def release(self, path: Path) -> None:
        """See the port."""
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def remove(self, keys: Sequence[str]) -> None:
        """See the port."""
        for key in keys:
            try:
                with _as_disk_fault(key):
                    await obstore.delete_async(self._store, self._name(key))
            except FileNotFoundError:
                continue

    async def list_keys(self) -> AsyncIterator[str]:
        """See the port; also removes copies that dead processes left."""
        await asyncio.to_thread(_remove_left, self._scratch)
        found: Any = cast("Any", obstore).list(self._store, prefix=self._prefix, chunk_size=1000)
        while True:
            with _as_disk_fault("list"):
                try:
                    portion = await anext(found)
                except StopAsyncIteration:
                    return
            for each in portion:
                yield each["path"].removeprefix(self._prefix)

    def _name(self, key: str) -> str:
        # Keys are made by the server; one that leads elsewhere is a fault of ours.
        return f"{self._prefix}{safe_paths.normalise(key)}"


class _Upload:
    """Pieces on their way, counted; `fault`: why they ended too early."""

    def __init__(self, chunks: AsyncIterable[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._max_bytes = max_bytes
        self.size = 0
        self.fault: BaseException | None = None

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            async for chunk in self._chunks:
                self.size += len(chunk)
                if self.size > self._max_bytes:
                    raise FileTooLargeError
                if chunk:
                    yield chunk
        except BaseException as fault:
            self.fault = fault
            raise


@contextmanager
def _as_disk_fault(key: str) -> Generator[None]:
    """What is not there stays so; all else is a fault of the store, without its words, which name addresses."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(key) from None
    except (BaseError, OSError, ValueError, TimeoutError) as error:
        raise OSError(errno.EIO, "the object store does not answer") from error


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600, exist_ok=False)


def _append(path: Path, piece: bytes) -> None:
    with path.open("ab") as file:
        file.write(piece)


def _remove_left(scratch: Path) -> None:
    oldest = time.time() - LEFT_SECONDS
    for path in scratch.glob("*"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
