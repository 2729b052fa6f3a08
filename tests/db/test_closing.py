"""A database that closes leaves no connection behind: those were the ones that nobody could close any more."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from clary.db.database import Database, UnavailableError
from support.schema import database_url

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    built = Database(database_url(tmp_path))
    async with built.write() as db:
        await db.execute(text("CREATE TABLE things (name TEXT)"))
    yield built
    await built.close()


async def test_what_is_under_way_ends_before_its_connection_is_closed(opened: Database) -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with opened.write() as db:
            await db.execute(text("INSERT INTO things VALUES ('kept')"))
            began.set()
            await goes_on.wait()

    writing = asyncio.create_task(write())
    await began.wait()
    closing = asyncio.create_task(opened.close())
    await asyncio.sleep(0)
    assert not closing.done()
    goes_on.set()
    await asyncio.gather(writing, closing)
    gc.collect()  # A connection that was left open is a warning here, and warnings are errors.


async def test_nothing_begins_after_it(opened: Database) -> None:
    await opened.close()
    for begin in (opened.read, opened.write):
        with pytest.raises(UnavailableError):
            async with begin():
                pytest.fail("it began")
    gc.collect()


async def test_those_who_are_stopped_at_any_moment_leave_nothing_open(opened: Database) -> None:
    async def read() -> None:
        async with opened.read() as db:
            await db.execute(text("SELECT 1"))

    for hops in range(12):
        tasks = [asyncio.create_task(read()) for _ in range(10)]
        for _ in range(hops):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with opened.read() as db:
        assert await db.scalar(text("SELECT 1")) == 1
    await opened.close()
    gc.collect()
