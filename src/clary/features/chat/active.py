"""The feed of a person's active runs (stream-runtime.md 7): a full snapshot at every start and end."""

import asyncio
from typing import Any

from clary.db.database import Database, UnavailableError
from clary.features.runs.service import RunRepository, RunRow
from clary.kit import json_text

QUIET_SECONDS = 0.25


class ActiveRuns:
    """Tells open feeds that something changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feeds: dict[str, set[ActiveFeed]] = {}

    def changed(self, user_id: str) -> None:
        """A run of this person started or ended."""
        for feed in self._feeds.get(user_id, ()):
            feed.nudge_changed()

    def changed_elsewhere(self, user_id: str | None) -> None:
        """The same in another process; None: of anybody."""
        for each in self._feeds if user_id is None else (user_id,):
            self.changed(each)

    def open(self, user_id: str) -> "ActiveFeed":
        """A new feed."""
        feed = ActiveFeed(self, user_id)
        self._feeds.setdefault(user_id, set()).add(feed)
        return feed

    def forget(self, feed: "ActiveFeed") -> None:
        """A feed was closed."""
        feeds = self._feeds.get(feed.user_id, set())
        feeds.discard(feed)
        if not feeds:
            self._feeds.pop(feed.user_id, None)

    def close_all(self) -> None:
        """Ends every feed; clients come back."""
        for feeds in list(self._feeds.values()):
            for feed in list(feeds):
                feed.close()

    async def snapshot(self, user_id: str) -> bytes:
        """The person's active root runs, newest first, as a JSON array."""
        async with self._database.read() as db:
            runs = await RunRepository(db).list_active(user_id)
        return json_text.dumps([_item(run) for run in runs])


class ActiveFeed:
    """A `LineSource` of snapshots."""

    def __init__(self, runs: ActiveRuns, user_id: str) -> None:
        self._runs = runs
        self.user_id = user_id
        self._changed = asyncio.Event()
        self._nudged = asyncio.Event()
        self._changed.set()
        self._closed = False
        self._latest: bytes | None = None

    async def next_batch(self) -> list[bytes]:
        """The next snapshot; several changes within a quarter of a second share one."""
        await self._nudged_or_changed()
        if self._closed:
            raise StopAsyncIteration
        if not self._changed.is_set():
            return []
        if self._latest is not None:
            await asyncio.sleep(QUIET_SECONDS)
        self._changed.clear()
        try:
            snapshot = await self._runs.snapshot(self.user_id)
        except UnavailableError:
            raise StopAsyncIteration from None
        if snapshot == self._latest:
            return []
        self._latest = snapshot
        return [snapshot]

    async def _nudged_or_changed(self) -> None:
        if not self._changed.is_set():
            await self._nudged.wait()
        self._nudged.clear()

    def nudge(self) -> None:
        """See `LineSource`."""
        self._nudged.set()

    def nudge_changed(self) -> None:
        """Something changed."""
        self._changed.set()
        self._nudged.set()

    def close(self) -> None:
        """See `LineSource`."""
        if not self._closed:
            self._closed = True
            self._runs.forget(self)
            self._nudged.set()


def sse(lines: list[bytes]) -> bytes:
    """One `data:` frame each."""
    return b"".join(b"data: " + line + b"\n\n" for line in lines)


def _item(run: RunRow) -> dict[str, Any]:
    return {
        "session_id": run.session_id,
        "query": run.query,
        "created_at": run.created_at.timestamp(),
        "is_completed": False,
        "last_activity": run.last_activity,
        "status": run.status,
        "run_id": run.run_id,
    }
