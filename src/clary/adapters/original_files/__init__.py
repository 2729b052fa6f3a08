"""The uploaded files of knowledge bases, in a folder; `object_store` fills the same port with a bucket.

A file is written beside its place and renamed, so that it is there whole or not at all. What a dead process left half
written is listed under the key it was meant for, and removed with it.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

from clary.features.knowledge.ports import FileTooLargeError
from clary.kit import safe_paths

_UNFINISHED: Final = ".part"
_WRITE_BYTES: Final = 1024 * 1024
_PORTION: Final = 1000
_TRIES: Final = 100


class FolderOfOriginals:
    """Fills the port `OriginalFiles`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, chunks: AsyncIterable[bytes], *, max_bytes: int) -> int:
        """See the port."""
        path = self._path(key)
        unfinished = path.with_name(path.name + _UNFINISHED)
        file = await asyncio.to_thread(_create, unfinished)
        is_whole = False
        try:
            size = await _write(file, chunks, max_bytes)
            await asyncio.to_thread(os.fsync, file)
            is_whole = True
        finally:
            os.close(file)
            if not is_whole:
                unfinished.unlink(missing_ok=True)
        await asyncio.to_thread(os.replace, unfinished, path)
        return size

    async def open_local(self, key: str) -> Path:
        """See the port."""
        path = self._path(key)
        if not await asyncio.to_thread(path.is_file):
            raise FileNotFoundError(key)
        return path

    async def release(self, path: Path) -> None:
        """See the port. Files are read where they lie."""

    async def remove(self, keys: Sequence[str]) -> None:
        """See the port."""
        paths = [self._path(key) for key in keys]
        await asyncio.to_thread(_remove, paths, self._root)

    async def list_keys(self) -> AsyncIterator[str]:
        """See the port."""
        found = _walk(self._root)
        while portion := await asyncio.to_thread(_next_portion, found):
            for key in portion:
                yield key

    def _path(self, key: str) -> Path:
        # Keys are made by the server; one that leads elsewhere is a fault of ours.
        return self._root / safe_paths.normalise(key)


def _create(path: Path) -> int:
    for _ in range(_TRIES):
        # A removal may take a folder away again as long as it is empty, also while its like is being made: then one
        # is neither there nor to be made.
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    raise FileNotFoundError(path.name)


async def _write(file: int, chunks: AsyncIterable[bytes], max_bytes: int) -> int:
    size, waiting = 0, bytearray()
    async for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise FileTooLargeError
        waiting += chunk
        if len(waiting) >= _WRITE_BYTES:
            await asyncio.to_thread(_write_all, file, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(_write_all, file, bytes(waiting))
    return size


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _remove(paths: Sequence[Path], root: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
        path.with_name(path.name + _UNFINISHED).unlink(missing_ok=True)
    folders = {parent for path in paths for parent in path.parents if root in parent.parents}
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        # Only empty folders go; one that is just being filled stays.
        with contextlib.suppress(OSError):
            folder.rmdir()


def _walk(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            yield (Path(folder) / name.removesuffix(_UNFINISHED)).relative_to(root).as_posix()


def _next_portion(found: Iterator[str]) -> list[str]:
    return list(itertools.islice(found, _PORTION))
