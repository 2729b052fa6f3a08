"""What a transaction may not do on either database, because one of the two would stop or wait for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from clary.db.database import POOL_WAIT_SECONDS, Database, NestedTransactionError
from clary.db.session import LockWithoutWriteError
from clary.jobs.tables import JobRow
from support.schema import database_url, put_schema

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    put_schema(database_url(tmp_path))
    built = Database(database_url(tmp_path), pool_size=2)
    async with built.write() as db:
        await db.execute(text("CREATE TABLE things (number INTEGER)"))
    yield built
    await built.close()


async def test_only_who_may_change_rows_may_lock_them(opened: Database) -> None:
    for locking in (
        lambda db: db.scalar(select(JobRow).with_for_update()),
        lambda db: db.get(JobRow, "none", with_for_update=True),
    ):
        async with opened.write() as db:
            assert await locking(db) is None
        async with opened.read() as db:
            with pytest.raises(LockWithoutWriteError):
                await locking(db)


async def test_who_has_a_transaction_open_begins_no_second_one(opened: Database) -> None:
    for outer in (opened.read, opened.write):
        for inner in (opened.read, opened.write):
            async with outer():
                with pytest.raises(NestedTransactionError):
                    async with inner():
                        pytest.fail("it began")
            async with inner() as db:
                assert await db.scalar(text("SELECT 1")) == 1


async def test_many_readers_write_though_they_hold_every_connection(opened: Database) -> None:
    async def look_and_note(number: int) -> None:
        async with opened.read() as db:
            await db.scalar(text("SELECT 1"))
            async with opened.write(while_reading=True) as inner:
                await inner.execute(text("INSERT INTO things VALUES (:number)"), {"number": number})

    async with asyncio.timeout(POOL_WAIT_SECONDS):
        await asyncio.gather(*(look_and_note(number) for number in range(12)))
    async with opened.read() as db:
        assert sorted(await db.scalars(text("SELECT number FROM things"))) == list(range(12))
