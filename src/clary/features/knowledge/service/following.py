"""Brings derived index files up to the rows before a query looks into them (contract product 5.7)."""

import asyncio
from typing import Final

import structlog

from clary.db.database import Database
from clary.errors import ProblemError
from clary.features.knowledge.errors import KdbNotFoundError
from clary.features.knowledge.ports import IndexKey, IndexLostError, SearchIndex
from clary.features.knowledge.repository.passages import Changes, PassageRepository, Place
from clary.features.knowledge.repository.versions import VersionRepository

log = structlog.get_logger()

PORTION: Final = 1000
_MOST_STARTS: Final = 4


class IndexFollower:
    """One catch-up at a time for each index; whoever asks meanwhile waits for it and then looks again.

    A catch-up goes on when those who wait give up: the first one over a large base may take longer than a query.
    """

    def __init__(self, *, database: Database, index: SearchIndex) -> None:
        self._database = database
        self._index = index
        self._running: dict[IndexKey, asyncio.Task[None]] = {}
        self._tended: dict[IndexKey, int] = {}

    async def follow(self, key: IndexKey, change_number: int) -> int:
        """Waits until the index has followed up to this change; returns how far it is then.

        Raises:
            KdbNotFoundError: the base is gone. IndexLostError: its files are lost again and again.
        """
        for _ in range(_MOST_STARTS):
            position = await self._index.position(key)
            if position >= change_number:
                return position
            await self._catch_up(key)
        raise IndexLostError

    async def tend(self) -> None:
        """Takes out of the files what is gone from the rows, though nobody asks (contract product 5.5).

        Files of bases and versions that nobody asks any more go as a whole; what is wanted after all is built anew. A
        version that is being built is followed where the one before it is: after the switch nobody has to wait for it.

        Raises:
            UnavailableError
        """
        async with self._database.read() as db:
            searched = await VersionRepository(db).list_searched()
        changes = {IndexKey(kdb_id, version): change for kdb_id, version, change in searched}
        there = await self._index.keep_only(list(changes))
        self._tended = {key: change for key, change in self._tended.items() if key in there}
        bases = {key.kdb_id for key in there}
        for key in [key for key in changes if key.kdb_id in bases]:
            if self._tended.get(key) != changes[key]:
                await self._follow_if_there(key, changes[key])

    async def _follow_if_there(self, key: IndexKey, change_number: int) -> None:
        try:
            await self.follow(key, change_number)
        except (IndexLostError, KdbNotFoundError):
            # The next query or the next round sees to it; the others must not wait.
            log.info("index_not_tended", kdb_id=key.kdb_id)
        else:
            self._tended[key] = change_number

    async def close(self) -> None:
        """Ends what is under way; another time goes on from there."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _catch_up(self, key: IndexKey) -> None:
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._feed(key))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        try:
            await asyncio.shield(task)
        except IndexLostError:
            return

    def _forget(self, key: IndexKey, task: asyncio.Task[None]) -> None:
        del self._running[key]
        # Those who wait get the trouble too; when nobody does, this line is all there is.
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ProblemError | IndexLostError):
            log.warning("index_not_followed", kdb_id=key.kdb_id, error=type(error).__name__)

    async def _feed(self, key: IndexKey) -> None:
        position = await self._index.position(key)
        place, target = Place(position, _LAST), None
        while True:
            changes = await self._changes(key, place)
            if target is None:
                target = changes.target
                await self._require_remembered(key, position, changes.forgotten)
            # Of a change that is read in several portions the index must not say that it has it.
            upto = target if changes.next is None else max(position, min(target, changes.next.change - 1))
            await self._index.apply(key, since=position, upto=upto, added=changes.added, removed=changes.removed)
            if changes.next is None:
                return
            position, place = upto, changes.next

    async def _require_remembered(self, key: IndexKey, position: int, forgotten: int) -> None:
        """An index that would not hear of everything that is gone begins from nothing."""
        if 0 <= position < forgotten:
            log.info("index_begun_anew", kdb_id=key.kdb_id)
            await self._index.drop(key)
            raise IndexLostError

    async def _changes(self, key: IndexKey, place: Place) -> Changes:
        async with self._database.read() as db:
            changes = await PassageRepository(db).changes_since(key.kdb_id, key.version, place, limit=PORTION)
        if changes is None:
            raise KdbNotFoundError
        return changes


_LAST: Final = (1 << 63) - 1
