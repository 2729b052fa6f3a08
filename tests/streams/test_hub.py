"""Readers are cursors over the log: each gets every line once, in order, whenever it comes."""

import asyncio

import pytest

from clary.adapters.event_log import MemoryEventLog
from clary.streams.hub import CROWD, TAIL_BYTES, Hub, View
from clary.streams.ports import LogFencedError

pytestmark = pytest.mark.anyio


class CountingLog(MemoryEventLog):
    """Counts reads, to tell memory from log."""

    reads = 0

    async def read(self, log_id: int, start: int, max_bytes: int) -> list[bytes]:
        self.reads += 1
        return await super().read(log_id, start, max_bytes)


async def all_of(view: View) -> list[bytes]:
    lines: list[bytes] = []
    async with asyncio.timeout(5):
        while True:
            try:
                lines += await view.next_batch()
            except StopAsyncIteration:
                return lines


async def opened(hub: Hub, log_id: int, cursor: int) -> View:
    view = await hub.view(log_id, cursor)
    assert view is not None
    return view


@pytest.fixture
def log() -> CountingLog:
    return CountingLog()


async def test_early_late_and_middle_readers_get_the_same_lines_from_their_index_on(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    early = asyncio.create_task(all_of(await opened(hub, log_id, 0)))
    lines = [b"line %d" % number for number in range(20)]
    for line in lines[:10]:
        writer.write([line])
    await writer.flush()
    middle = asyncio.create_task(all_of(await opened(hub, log_id, 7)))
    for line in lines[10:-1]:
        writer.write([line])
    writer.write([lines[-1]], end=True)
    await writer.flush()
    hub.release(log_id)
    assert await early == lines
    assert await middle == lines[7:]
    assert await all_of(await opened(hub, log_id, 0)) == lines


async def test_a_reader_that_fell_out_of_memory_is_served_from_the_log(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    slow = await opened(hub, log_id, 0)
    lines = [b"%05d" % number + b"x" * 1000 for number in range(3 * TAIL_BYTES // 1000)]
    for line in lines:
        writer.write([line])
        await writer.flush()
    writer.write([], end=True)
    await writer.flush()
    assert await all_of(slow) == lines
    assert log.reads > 0


async def test_a_reader_that_keeps_up_never_asks_the_log(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    reading = asyncio.create_task(all_of(await opened(hub, log_id, 0)))
    for number in range(200):
        writer.write([b"line %d" % number])
        await writer.flush()
    writer.write([], end=True)
    await writer.flush()
    assert len(await reading) == 200
    assert log.reads == 0


async def test_cursors_are_clamped_to_what_the_log_holds(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    writer.write([b"only"], end=True)
    await writer.flush()
    assert await all_of(await opened(hub, log_id, -5)) == [b"only"]
    assert await all_of(await opened(hub, log_id, 10**12)) == []


async def test_a_fenced_writer_hears_of_it_and_its_readers_stop_without_an_end(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    view = await opened(hub, log_id, 0)
    writer.write([b"mine"])
    await writer.flush()
    await log.raise_generation(None, log_id)
    writer.write([b"late"])
    with pytest.raises(LogFencedError):
        await writer.flush()
    with pytest.raises(LogFencedError):
        writer.write([b"later"])
    assert await all_of(view) == [b"mine"]


async def test_whoever_watches_hears_of_every_opening_and_closing(log: CountingLog) -> None:
    heard: list[int] = []

    class Watcher:
        def views_changed(self, log_id: int, count: int) -> None:
            heard.append(count)

    hub = Hub(log)
    hub.watch(Watcher())
    log_id = await log.create(None, "run")
    first, second = await opened(hub, log_id, 0), await opened(hub, log_id, 0)
    first.close()
    first.close()
    second.close()
    assert heard == [1, 2, 1, 0]


async def test_what_was_held_back_goes_out_when_the_writer_is_idle_again(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    idle = asyncio.Event()
    writer.when_idle(idle.set)
    writer.write([b"line"])
    assert writer.is_busy
    async with asyncio.timeout(5):
        await idle.wait()
    assert not writer.is_busy


async def test_work_without_lines_commits_with_the_next_lines_and_before_them(log: CountingLog) -> None:
    hub = Hub(log)
    log_id = await log.create(None, "run")
    writer = await hub.writer(log_id, 1)
    done: list[str] = []
    writer.write([], [lambda _: done.append("begun")])
    await asyncio.sleep(0)
    assert done == []
    writer.write([b"line"], [lambda _: done.append("line")])
    await writer.flush()
    assert done == ["begun", "line"]
    assert writer.length == 1


async def test_work_without_lines_is_durable_after_a_flush_and_soon_without_one(log: CountingLog) -> None:
    hub = Hub(log)
    writer = await hub.writer(await log.create(None, "run"), 1)
    done: list[str] = []
    writer.write([], [lambda _: done.append("flushed")])
    await writer.flush()
    assert done == ["flushed"]
    writer.write([], [lambda _: done.append("later")])
    async with asyncio.timeout(5):
        while "later" not in done:
            await asyncio.sleep(0.01)


async def test_a_tick_calls_everybody_once_in_one_turn(log: CountingLog) -> None:
    hub = Hub(log)
    first, second = [await hub.writer(await log.create(None, name), 1) for name in ("a", "b")]
    called: list[str] = []
    seen_after: list[int] = []
    loop = asyncio.get_running_loop()

    def call(name: str) -> None:
        called.append(name)
        loop.call_soon(lambda: seen_after.append(len(called)))

    first.at_next_tick(lambda: call("a"))
    second.at_next_tick(lambda: call("b"))
    assert called == []
    async with asyncio.timeout(5):
        while len(seen_after) < 2:
            await asyncio.sleep(0.01)
    assert called == ["a", "b"]
    assert seen_after == [2, 2], "both were called before the loop went on"


async def test_many_writers_make_a_crowd_and_a_few_do_not(log: CountingLog) -> None:
    hub = Hub(log)
    for _ in range(CROWD):
        writer = await hub.writer(await log.create(None, "run"), 1)
    assert not writer.is_crowded
    await hub.writer(await log.create(None, "run"), 1)
    assert writer.is_crowded
