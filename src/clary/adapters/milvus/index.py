"""Fills the port `SearchIndex` with Milvus."""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from clary.adapters.milvus.collections import Collections, unavailable_if_refused
from clary.adapters.milvus.contents import Contents
from clary.adapters.milvus.records import Records, State
from clary.features.knowledge.ports import Hit, IndexedPassage, IndexKey, IndexLostError
from clary.kit.ids import new_hex

ANSWER_SECONDS: Final = 8.0
"""Less than a query may take, so that people hear which part did not answer."""
SETTLE_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.2
_MOST_LOOKS: Final = 300
_READERS: Final = 8
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[0-9]{1,9}")
T = TypeVar("T")


class MilvusIndex:
    """Indexes of all bases in one Milvus, for one event loop. Requests are made in threads.

    One process at a time changes an index. Nothing may follow from a change that came too late all the same: what is
    found is checked against the rows, and an index that finds what is gone is dropped.

    Every method may raise `UnavailableError`: Milvus does not answer.
    """

    def __init__(
        self,
        uri: str,
        *,
        token: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._collections = Collections(uri, token=token, seconds=answer_seconds)
        self._records = Records(self._collections, holder=new_hex(32), settle_seconds=settle_seconds)
        self._contents = Contents(self._collections)
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="milvus")
        # Changes have a thread of their own: a large catch-up must not stand before queries.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="milvus-apply")

    async def position(self, key: IndexKey) -> int:
        """See the port."""
        base = _name(key)
        found = await self._read(lambda: self._records.find(base))
        if found is None:
            return -1
        if not await self._read(lambda: self._records.is_fresh(base)):
            await self.drop(key)
            raise IndexLostError
        return found.position

    async def apply(
        self, key: IndexKey, *, since: int, upto: int, added: Sequence[IndexedPassage], removed: Sequence[int]
    ) -> None:
        """See the port. While another process changes this index, waits until it has come as far, or has ended."""
        base = _name(key)
        for _ in range(_MOST_LOOKS):
            if await self._write(lambda: self._change(base, since, upto, added, removed)):
                return
            await asyncio.sleep(_LOOK_SECONDS)
        raise IndexLostError

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
        base = _name(key)
        return await self._read(
            lambda: self._contents.search_words(base, self._require(base, since), words, limit=limit, among=among)
        )

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
        base = _name(key)
        return await self._read(
            lambda: self._contents.search_vectors(base, self._require(base, since), vector, limit=limit, among=among)
        )

    async def drop(self, key: IndexKey) -> None:
        """See the port. First the state goes, so that nobody believes what is left."""
        await self._write(lambda: self._remove(_name(key)))

    async def keep_only(self, keys: Sequence[IndexKey]) -> list[IndexKey]:
        """See the port."""
        wanted = {_name(key): key for key in keys}
        there = await self._write(lambda: self._records.list_indexes() | self._contents.list_indexes())
        for base in there - wanted.keys():
            await self._write(lambda gone=base: self._remove(gone))
        return [key for name, key in wanted.items() if name in there]

    async def check(self) -> None:
        """Whether Milvus answers; for readiness."""
        await self._read(self._collections.check)

    async def close(self) -> None:
        """Waits for requests under way and ends the connection."""
        await asyncio.to_thread(self._close)

    def _change(
        self, base: str, since: int, upto: int, added: Sequence[IndexedPassage], removed: Sequence[int]
    ) -> bool:
        """Makes a change when it is this process's turn; False: it is not."""
        found = self._records.find(base)
        if found is not None and found.position >= upto > since:
            return True
        if (found or State()).position < since:
            raise IndexLostError
        if not self._records.take_turn(base):
            return False
        try:
            # Looked at anew: another one's turn may have just ended.
            found = self._records.find(base)
            if (found or State()).position < since:
                raise IndexLostError
            self._write_change(base, found, upto, added, removed)
        finally:
            self._records.end_turn(base)
        return True

    def _write_change(
        self, base: str, found: State | None, upto: int, added: Sequence[IndexedPassage], removed: Sequence[int]
    ) -> None:
        if found is None or found.position == -1:
            self._contents.wipe(base)
        before = found or State()
        self._records.write(base, before._replace(passages=-1, length=-1))
        after = self._contents.write(base, before, added, removed)
        if not self._records.has_turn(base):
            raise IndexLostError
        self._records.write(base, after._replace(position=max(upto, before.position)))

    def _remove(self, base: str) -> None:
        self._records.forget(base)
        self._contents.wipe(base)
        self._records.end_turn(base)

    def _require(self, base: str, since: int) -> State:
        found = self._records.find(base)
        if found is None or found.position < since:
            raise IndexLostError
        return found

    def _close(self) -> None:
        self._pool.shutdown()
        self._writer.shutdown()
        self._contents.close()
        self._collections.close()

    async def _read(self, work: Callable[[], T]) -> T:
        with unavailable_if_refused():
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _write(self, work: Callable[[], T]) -> T:
        with unavailable_if_refused():
            return await asyncio.get_running_loop().run_in_executor(self._writer, work)


def _name(key: IndexKey) -> str:
    name = f"{key.kdb_id}.{key.version}"
    if not _NAME.fullmatch(name):
        raise ValueError("not the id of a base")
    return name
