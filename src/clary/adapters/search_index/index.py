"""Fills the port `SearchIndex` with files."""

import asyncio
import re
import shutil
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from clary.adapters.search_index.files import BrokenIndexError, IndexFiles
from clary.adapters.search_index.folders import ProcessFolder
from clary.adapters.search_index.scores import KnownScores
from clary.features.knowledge.ports import Hit, IndexedPassage, IndexKey

MAX_OPEN: Final = 64
"""Open indexes; each has some file handles and a mapped file."""
THREADS: Final = 4
_FOLDER: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{1,9})")
_ASIDE: Final = "gone-"
T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    """An index in memory. `users` keep it open; `writing` lets one at a time change it."""

    files: IndexFiles | None = None
    users: int = 0
    dropped: bool = False
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class EmbeddedIndex:
    """Indexes below one folder, for one process and one event loop. Work happens in threads of its own.

    Full text is never handed a person's text as a query: it is asked for words, each quoted.
    """

    def __init__(self, root: Path, *, max_open: int = MAX_OPEN, threads: int = THREADS) -> None:
        self._root = root
        self._own_folder: ProcessFolder | None = None
        self._max_open = max_open
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="search")
        # Changes have a thread of their own: a large catch-up must not stand before queries.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="search-apply")
        self._put_aside_count = 0
        self._scores = KnownScores()
        self._entries: OrderedDict[IndexKey, _Entry] = OrderedDict()

    async def position(self, key: IndexKey) -> int:
        """See the port."""
        async with self._use(key) as (_, files):
            return files.position

    async def apply(
        self, key: IndexKey, *, since: int, upto: int, added: Sequence[IndexedPassage], removed: Sequence[int]
    ) -> None:
        """See the port."""
        async with self._use(key) as (entry, files), entry.writing:
            await _run(self._writer, lambda: files.apply(since=since, upto=upto, added=added, removed=removed))

    async def search_words(
        self,
        key: IndexKey,
        words: Sequence[str],
        *,
        since: int,
        limit: int,
        among: Sequence[int] | None = None,
    ) -> list[Hit]:
        """See the port."""
        async with self._use(key) as (_, files):
            return await _run(self._pool, lambda: files.search_words(words, since=since, limit=limit, among=among))

    async def search_vectors(
        self,
        key: IndexKey,
        vector: bytes,
        *,
        since: int,
        limit: int,
        among: Sequence[int] | None = None,
    ) -> list[Hit]:
        """See the port."""
        async with self._use(key) as (_, files):
            return await _run(self._pool, lambda: files.search_vectors(vector, since=since, limit=limit, among=among))

    async def drop(self, key: IndexKey) -> None:
        """See the port. Who is searching may end; files stay until then, under another name."""
        entry = self._entries.pop(key, None)
        await _run(self._writer, lambda: self._put_aside(key, entry))
        if entry is not None:
            entry.dropped = True
            await self._discard_if_idle(entry)

    async def keep_only(self, keys: Sequence[IndexKey]) -> list[IndexKey]:
        """See the port; also tidies up after processes that are gone."""
        wanted, there = set(keys), await _run(self._writer, self._list)
        for key in there:
            if key not in wanted:
                await self.drop(key)
        await _run(self._writer, lambda: self._folder.remove_stale())
        return [key for key in there if key in wanted]

    async def close(self) -> None:
        """Closes every index and leaves the folder to another process."""
        for entry in self._entries.values():
            if entry.files is not None:
                await _run(self._writer, entry.files.close)
        self._entries.clear()
        self._pool.shutdown()
        self._writer.shutdown()
        if self._own_folder is not None:
            self._own_folder.close()

    @asynccontextmanager
    async def _use(self, key: IndexKey) -> AsyncGenerator[tuple[_Entry, IndexFiles]]:
        """An open index that stays open for the block; one that shows to be lost is dropped."""
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        entry.users += 1
        lost = False
        try:
            async with entry.opening:
                if entry.files is None:
                    entry.files = await _run(self._writer, lambda: IndexFiles(self._path(key), self._scores))
            yield entry, entry.files
        except BrokenIndexError:
            lost = True
            raise
        finally:
            entry.users -= 1
            if lost and self._entries.get(key) is entry:
                await self.drop(key)
            await self._discard_if_idle(entry)
            await self._close_idle()

    async def _discard_if_idle(self, entry: _Entry) -> None:
        if entry.dropped and not entry.users and entry.files is not None:
            files, entry.files = entry.files, None
            await _run(self._writer, files.discard)

    async def _close_idle(self) -> None:
        while len(self._entries) > self._max_open:
            idle = next((each for each, it in self._entries.items() if not it.users), None)
            if idle is None:
                return
            files = self._entries.pop(idle).files
            if files is not None:
                await _run(self._writer, files.close)

    def _put_aside(self, key: IndexKey, entry: _Entry | None) -> None:
        path = self._path(key)
        self._put_aside_count += 1
        aside = self._folder.path / f"{_ASIDE}{self._put_aside_count}"
        shutil.rmtree(aside, ignore_errors=True)
        if entry is not None and entry.files is not None:
            entry.files.move(aside)
        else:
            shutil.rmtree(path, ignore_errors=True)

    @property
    def _folder(self) -> ProcessFolder:
        """Taken at the first use, by the one thread that writes."""
        if self._own_folder is None:
            self._own_folder = ProcessFolder(self._root)
            for left in self._own_folder.path.glob(f"{_ASIDE}*"):
                shutil.rmtree(left, ignore_errors=True)
        return self._own_folder

    def _list(self) -> list[IndexKey]:
        found = [_FOLDER.fullmatch(path.name) for path in self._folder.path.iterdir() if path.is_dir()]
        return [IndexKey(it[1], int(it[2])) for it in found if it is not None]

    def _path(self, key: IndexKey) -> Path:
        name = f"{key.kdb_id}.{key.version}"
        if not _FOLDER.fullmatch(name):
            raise ValueError("not the id of a base")
        return self._folder.path / name


async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Work in a thread. Cancelled while it runs, its end is awaited all the same: nobody may close what it uses."""
    submitted = pool.submit(work)
    future = asyncio.wrap_future(submitted)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not submitted.cancel():
            await asyncio.wait([future])
        raise
