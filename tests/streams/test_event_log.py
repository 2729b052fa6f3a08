"""The port's own suite, run against every implementation: numbers, fence, end, work that commits with lines."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from clary.adapters.event_log import MemoryEventLog, SqliteEventLog, event_log_on
from clary.adapters.event_log.tables import EventLinesRow
from clary.db.columns import Row
from clary.db.database import Database
from clary.db.notices import Notices
from clary.streams.ports import EventLog, LogFencedError, LogHead, LogUnavailableError

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["database", "memory"])
async def log(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        yield MemoryEventLog()
        return
    built = event_log_on(database, Notices(database))
    await built.start()
    yield built
    await built.stop()


async def created(log: EventLog, database: Database, key: str = "run") -> int:
    async with database.write() as transaction:
        return await log.create(transaction, key)


async def test_lines_are_numbered_from_zero_without_gaps_and_read_back(log: EventLog, database: Database) -> None:
    log_id = await created(log, database)
    futures = [log.append(log_id, 1, [b'{"n":%d}' % number]) for number in range(5)]
    async with asyncio.timeout(5):
        assert [await future for future in futures] == [1, 2, 3, 4, 5]
    assert await log.read(log_id, 0, 10**6) == [b'{"n":%d}' % number for number in range(5)]
    assert await log.read(log_id, 3, 10**6) == [b'{"n":3}', b'{"n":4}']
    assert await log.head(log_id) == LogHead(5, await _size(log, log_id), False)


async def _size(log: EventLog, log_id: int) -> int:
    head = await log.head(log_id)
    assert head is not None
    return head.size_bytes


async def test_a_reader_asks_for_a_bounded_number_of_bytes_and_gets_at_least_one_line(
    log: EventLog, database: Database
) -> None:
    log_id = await created(log, database)
    await log.append(log_id, 1, [b"x" * 100, b"y" * 100, b"z" * 100])
    assert await log.read(log_id, 0, 1) == [b"x" * 100]
    assert await log.read(log_id, 1, 150) == [b"y" * 100, b"z" * 100]


async def test_a_writer_of_an_older_generation_is_refused(log: EventLog, database: Database) -> None:
    log_id = await created(log, database)
    await log.append(log_id, 1, [b"first"])
    async with database.write() as transaction:
        assert await log.raise_generation(transaction, log_id) == 2
    with pytest.raises(LogFencedError):
        await log.append(log_id, 1, [b"late"])
    await log.append(log_id, 2, [b"second"])
    assert await log.read(log_id, 0, 10**6) == [b"first", b"second"]


async def test_nothing_follows_the_end(log: EventLog, database: Database) -> None:
    log_id = await created(log, database)
    await log.append(log_id, 1, [b"last"], end=True)
    with pytest.raises(LogFencedError):
        await log.append(log_id, 1, [b"after"])
    head = await log.head(log_id)
    assert head is not None
    assert (head.length, head.ended) == (1, True)


async def test_work_and_lines_commit_together_or_not_at_all(database: Database) -> None:
    log = event_log_on(database, Notices(database))
    await log.start()
    good, bad = await created(log, database, "good"), await created(log, database, "bad")

    def violate(connection: sqlalchemy.Connection) -> None:
        # The unique index on (log_id, first) is already taken by the lines of this very append.
        connection.execute(sqlalchemy.insert(EventLinesRow).values(log_id=bad, first=0, count=1, lines=b"twin"))

    kept = log.append(good, 1, [b"kept"])
    lost = log.append(bad, 1, [b"lost"], [violate])
    async with asyncio.timeout(5):
        assert await kept == 1
        with pytest.raises(LogUnavailableError):
            await lost
    assert await log.read(bad, 0, 10**6) == []
    assert await log.append(bad, 1, [b"again"]) == 1
    await log.stop()


async def test_lines_that_wait_for_one_commit_share_a_row_but_never_a_line(database: Database) -> None:
    log = event_log_on(database, Notices(database))
    await log.start()
    log_id = await created(log, database)
    await asyncio.gather(*(log.append(log_id, 1, [b"line %d" % number]) for number in range(300)))
    async with database.read() as session:
        rows = (await session.execute(sqlalchemy.select(EventLinesRow.first, EventLinesRow.count))).all()
    assert sum(row.count for row in rows) == 300
    assert len(rows) < 100
    assert await log.read(log_id, 150, 10**6) == [b"line %d" % number for number in range(150, 300)]
    await log.stop()


async def test_what_was_queued_is_written_before_the_log_stops(database: Database) -> None:
    log = event_log_on(database, Notices(database))
    await log.start()
    log_id = await created(log, database)
    futures = [log.append(log_id, 1, [b"%d" % number]) for number in range(50)]
    await log.stop()
    assert len(await log.read(log_id, 0, 10**6)) == 50
    async with asyncio.timeout(5):
        assert await futures[-1] == 50


@pytest.mark.sqlite
async def test_a_log_that_is_started_while_the_file_is_locked_waits_for_it(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'locked.db'}"
    engine = sqlalchemy.create_engine(address)
    Row.metadata.create_all(engine)
    engine.dispose()
    database = Database(address)
    log = SqliteEventLog(database)
    with closing(sqlite3.connect(tmp_path / "locked.db", isolation_level=None)) as other:
        # So does a first connection that changes the journal: it wants the file alone, and no busy timeout applies.
        other.execute("BEGIN EXCLUSIVE")
        starting = asyncio.create_task(log.start())
        await asyncio.sleep(0.3)
        assert not starting.done()
        other.execute("COMMIT")
    async with asyncio.timeout(10):
        await starting
        log_id = await created(log, database)
        assert await log.append(log_id, 1, [b"line"]) == 1
    await log.stop()
    await database.close()


@pytest.mark.sqlite
async def test_a_log_that_cannot_be_opened_says_so_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clary.adapters.event_log.sqlite.RETRY_SECONDS", 0.3)
    with pytest.raises(LogUnavailableError):
        await SqliteEventLog(Database(f"sqlite:///{tmp_path}")).start()
