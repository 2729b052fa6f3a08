"""The hub: writers append through it, readers follow a cursor.

A live log keeps its newest lines in memory, so that a reader that keeps up never asks the database. What fell out of
that window is read back from the log.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from clary.streams.ports import EventLog, LogFencedError, LogHead, LogUnavailableError, Write

TAIL_BYTES = 8 * 1024
LINELESS_SECONDS = 0.1
CROWD = 16
GATHER_SECONDS = 0.035
"""With a commit behind it, no character waits for more than 50 ms (stream-runtime.md 4.2)."""
BATCH_BYTES = 64 * 1024


class LiveLog:
    """One log that somebody in this process writes or reads."""

    __slots__ = ("_tail", "_tail_bytes", "_waiters", "ended", "failure", "in_flight", "length", "log_id", "size_bytes")

    def __init__(self, log_id: int, head: LogHead) -> None:
        self.log_id = log_id
        self.length = head.length
        self.size_bytes = head.size_bytes
        self.ended = head.ended
        self.failure: BaseException | None = None
        self.in_flight = 0
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._waiters: list[asyncio.Future[None]] = []

    def remember(self, lines: Sequence[bytes], length: int, *, ended: bool) -> None:
        """Takes over lines that became durable and wakes the readers."""
        self._tail.extend(lines)
        added = sum(map(len, lines))
        self._tail_bytes += added
        self.size_bytes += added
        while self._tail_bytes > TAIL_BYTES and len(self._tail) > 1:
            self._tail_bytes -= len(self._tail.popleft())
        self.length = length
        self.ended = self.ended or ended
        self.wake()

    def catch_up(self, head: LogHead) -> None:
        """Another process wrote: what it wrote is read from the log."""
        if head.length > self.length or head.ended:
            self._tail.clear()
            self._tail_bytes = 0
            self.length, self.size_bytes, self.ended = head.length, head.size_bytes, head.ended
            self.wake()

    def from_memory(self, cursor: int) -> list[bytes] | None:
        """Lines from the cursor on; None when they fell out of memory."""
        first = self.length - len(self._tail)
        if cursor < first:
            return None
        if cursor == first:
            return list(self._tail)
        return [self._tail[position] for position in range(cursor - first, len(self._tail))]

    def wake(self) -> None:
        """Lets every waiting reader look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def changed(self) -> asyncio.Future[None]:
        """Completes at the next change."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter


class LogWriter:
    """The one writer of a run's log, under one generation."""

    def __init__(self, hub: "Hub", live: LiveLog, generation: int) -> None:
        self._hub = hub
        self._live = live
        self.generation = generation
        self._last: asyncio.Future[int] | None = None
        self._queued = live.length
        self._when_idle: list[Callable[[], None]] = []
        self._lineless: list[Write] = []
        self._lineless_timer: asyncio.TimerHandle | None = None

    @property
    def length(self) -> int:
        """Lines durable so far."""
        return self._live.length

    @property
    def queued_length(self) -> int:
        """Lines durable or on their way."""
        return self._queued

    @property
    def size_bytes(self) -> int:
        """Bytes durable so far."""
        return self._live.size_bytes

    @property
    def is_busy(self) -> bool:
        """Whether lines are on their way to the disk."""
        return self._live.in_flight > 0

    @property
    def has_failed(self) -> bool:
        """Whether the log takes no more from this writer; the next `write` or `flush` says why."""
        return self._live.failure is not None

    @property
    def is_crowded(self) -> bool:
        """Whether so many runs write in this process that text is better gathered (`at_next_tick`)."""
        return self._hub.is_crowded

    def at_next_tick(self, callback: Callable[[], None]) -> None:
        """Calls back together with every other writer that gathers, within `GATHER_SECONDS`."""
        self._hub.at_next_tick(callback)

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Calls back, each time all lines on their way have become durable; a place to send what was held back."""
        self._when_idle.append(callback)

    def forget_idle(self, callback: Callable[[], None]) -> None:
        """Calls back no more."""
        self._when_idle.remove(callback)

    def write(self, lines: Sequence[bytes], writes: Sequence[Write] = (), *, end: bool = False) -> None:
        """Queues lines; order is kept. A failure of an earlier append is raised here or at `flush`.

        Work without lines waits a little for lines to come with: nobody reads it meanwhile, and a commit of its own
        would keep the first lines after it waiting.
        """
        if self._live.failure is not None:
            raise self._live.failure
        if not lines and not end:
            self._lineless += writes
            if self._lineless_timer is None:
                self._lineless_timer = asyncio.get_running_loop().call_later(LINELESS_SECONDS, self._push_lineless)
            return
        if self._lineless:
            writes = [*self._take_lineless(), *writes]
        self._append(lines, writes, end=end)

    def _append(self, lines: Sequence[bytes], writes: Sequence[Write], *, end: bool = False) -> None:
        future = self._hub.log.append(self._live.log_id, self.generation, lines, writes, end=end)
        self._live.in_flight += 1
        self._queued += len(lines)
        self._last = future
        future.add_done_callback(lambda done: self._settle(done, lines, end))

    def _take_lineless(self) -> list[Write]:
        taken, self._lineless = self._lineless, []
        if self._lineless_timer is not None:
            self._lineless_timer.cancel()
            self._lineless_timer = None
        return taken

    def _push_lineless(self) -> None:
        writes = self._take_lineless()
        if writes and self._live.failure is None:
            self._append([], writes)

    def _settle(self, done: "asyncio.Future[int]", lines: Sequence[bytes], end: bool) -> None:
        self._live.in_flight -= 1
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._live.failure = self._live.failure or error
            self._live.wake()
            return
        self._live.remember(lines, done.result(), ended=end)
        if self._live.in_flight == 0:
            for callback in list(self._when_idle):
                callback()

    async def flush(self) -> None:
        """Returns when everything written so far is durable.

        Raises:
            LogFencedError, LogUnavailableError
        """
        self._push_lineless()
        if self._last is not None:
            await asyncio.shield(self._last)
        if self._live.failure is not None:
            raise self._live.failure


class ViewWatcher(Protocol):
    """Hears how many views of a log are open."""

    def views_changed(self, log_id: int, count: int) -> None:
        """Called after each opening and closing."""
        ...


class View:
    """A reader: a cursor into one log."""

    def __init__(self, hub: "Hub", live: LiveLog, cursor: int, viewer: str) -> None:
        self.viewer = viewer
        self._hub = hub
        self._live = live
        self._closed = False
        self._wakeup: asyncio.Future[None] | None = None
        self.cursor = cursor

    @property
    def is_of_ended(self) -> bool:
        """Whether the log holds its last line."""
        return self._live.ended

    async def next_batch(self) -> list[bytes]:
        """The next lines; empty when woken by `nudge` without any; raises `StopAsyncIteration` at the end.

        The end is the last line of an ended log, a closed view, or a writer that lost its log.
        """
        while True:
            if self._closed:
                raise StopAsyncIteration
            lines = await self._available()
            if lines:
                self.cursor += len(lines)
                return lines
            if self._live.ended or self._live.failure is not None:
                raise StopAsyncIteration
            self._wakeup = self._live.changed()
            await self._wakeup
            self._wakeup = None
            if self.cursor >= self._live.length and not self._live.ended and not self._closed:
                return []

    async def _available(self) -> list[bytes]:
        if self.cursor >= self._live.length:
            return []
        lines = self._live.from_memory(self.cursor)
        if lines is None:
            try:
                lines = await self._hub.log.read(self._live.log_id, self.cursor, BATCH_BYTES)
            except LogUnavailableError:
                # No last line: the client comes back when there is a database.
                raise StopAsyncIteration from None
        return lines

    def nudge(self) -> None:
        """Makes a waiting `next_batch` return at once."""
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    def close(self) -> None:
        """Ends the view; harmless when repeated."""
        if not self._closed:
            self._closed = True
            self.nudge()
            self._hub.forget(self, self._live)


class Hub:
    """All live logs of this process."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self._live: dict[int, LiveLog] = {}
        self._views: dict[int, Counter[str]] = {}
        """Open views of each log, by viewer."""
        self._writers: set[int] = set()
        self._watcher: ViewWatcher | None = None
        self._gathering: list[Callable[[], None]] = []
        self._stale: set[int] = set()
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def is_crowded(self) -> bool:
        """Whether many runs write at once."""
        return len(self._writers) > CROWD

    def at_next_tick(self, callback: Callable[[], None]) -> None:
        """See `LogWriter.at_next_tick`: what is sent in one turn of the loop shares a commit."""
        if not self._gathering:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._tick)
        self._gathering.append(callback)

    def _tick(self) -> None:
        callbacks, self._gathering = self._gathering, []
        for callback in callbacks:
            callback()

    def watch(self, watcher: ViewWatcher) -> None:
        """Names who hears about views."""
        self._watcher = watcher

    def adopt(self, log_id: int) -> None:
        """Knows a log that was just made in this process, so that nobody has to ask for its head."""
        self._live.setdefault(log_id, LiveLog(log_id, LogHead(0, 0, False)))

    async def writer(self, log_id: int, generation: int) -> LogWriter:
        """Becomes the writer of a log; release it with `release`.

        Raises:
            LogFencedError: the log is gone or has ended.
        """
        live = await self._find(log_id)
        if live is None or live.ended:
            raise LogFencedError
        # A new generation starts clean: what made the former writer fail is not its business.
        live.failure = None
        self._writers.add(log_id)
        return LogWriter(self, live, generation)

    def release(self, log_id: int) -> None:
        """The writer is done; its readers go on to the end of what is there."""
        self._writers.discard(log_id)
        live = self._live.get(log_id)
        if live is not None:
            live.wake()
        self._drop_unused(log_id)

    async def view(self, log_id: int, cursor: int, viewer: str = "") -> View | None:
        """Opens a view at a cursor, clamped to what the log holds; None when the log is gone."""
        live = await self._find(log_id)
        if live is None:
            return None
        self._views.setdefault(log_id, Counter())[viewer] += 1
        self._tell(log_id)
        return View(self, live, min(max(cursor, 0), live.length), viewer)

    def forget(self, view: View, live: LiveLog) -> None:
        """A view was closed."""
        views = self._views[live.log_id]
        views[view.viewer] -= 1
        if not views.total():
            del self._views[live.log_id]
        self._tell(live.log_id)
        self._drop_unused(live.log_id)

    def view_count(self, log_id: int, viewer: str | None = None) -> int:
        """Open views of a log in this process, of one viewer or of all."""
        views = self._views.get(log_id, Counter[str]())
        return views.total() if viewer is None else views[viewer]

    def close_all(self) -> None:
        """Ends every view without a last line; clients resume."""
        for live in self._live.values():
            live.failure = live.failure or LogFencedError()
            live.wake()

    async def _find(self, log_id: int) -> LiveLog | None:
        live = self._live.get(log_id)
        is_ours = log_id in self._writers or not self.log.is_shared
        if live is not None and is_ours:
            return live
        head = await self.log.head(log_id)
        if head is None:
            return None
        live = self._live.get(log_id)
        if live is None or (live.failure is not None and not is_ours):
            # Another task may have been quicker while the head was read. Views of a log that was lost end by
            # themselves; new ones follow its next writer.
            live = self._live[log_id] = LiveLog(log_id, head)
        elif not is_ours:
            live.catch_up(head)
        return live

    def note_changes(self, log_ids: Collection[int] | None) -> None:
        """Another process wrote these logs; None: it may have written any."""
        followed = self._views.keys() - self._writers
        self._stale |= followed if log_ids is None else followed.intersection(log_ids)
        if self._stale and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        while self._stale:
            asked, self._stale = self._stale, set()
            try:
                heads = await self.log.heads(list(asked))
            except LogUnavailableError:
                # Everything is looked at again from time to time.
                return
            for log_id, head in heads.items():
                live = self._live.get(log_id)
                if live is not None and log_id not in self._writers:
                    live.catch_up(head)

    def _tell(self, log_id: int) -> None:
        if self._watcher is not None:
            self._watcher.views_changed(log_id, self.view_count(log_id))

    def _drop_unused(self, log_id: int) -> None:
        if log_id not in self._writers and log_id not in self._views:
            self._live.pop(log_id, None)
