"""The usage ledger (platform.md 14.1)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy

from clary.adapters.event_log import event_log_on
from clary.db.database import Database
from clary.db.notices import Notices
from clary.features.accounts.ports import Heir
from clary.features.usage.leaving import UsageLeaving
from clary.features.usage.repository import BudgetRepository, Pot
from clary.features.usage.service import LedgerEntry, LedgerKeeping, add_entry, record
from clary.features.usage.tables import UsageRow, UsageSumRow
from clary.streams.ports import LogFencedError
from support.house import SteppedClock

pytestmark = pytest.mark.anyio

ENTRY = LedgerEntry(
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    user_id="u-alice",
    request_source="web_stream",
    step_name="direct_execution",
    provider_id="p1",
    model="m-large",
    input_tokens=612,
    output_tokens=31,
    cached_tokens=100,
    cost=Decimal("0.1"),
    session_id="s1",
    run_id="run-1",
    root_run_id="run-1",
)


async def booked(database: Database) -> list[UsageRow]:
    async with database.read() as db:
        return list((await db.scalars(sqlalchemy.select(UsageRow).order_by(UsageRow.id))).all())


async def test_a_call_is_booked_in_the_transaction_of_its_lines(database: Database) -> None:
    log = event_log_on(database, Notices(database))
    await log.start()
    async with database.write() as db:
        log_id = await log.create(db, "run-1")
    await log.append(log_id, 1, [b"{}"], [lambda connection: add_entry(connection, ENTRY)])
    with pytest.raises(LogFencedError):
        await log.append(log_id, 7, [b"{}"], [lambda connection: add_entry(connection, ENTRY)])
    await log.stop()
    (row,) = await booked(database)
    shown = {column.key: getattr(row, column.key) for column in sqlalchemy.inspect(UsageRow).columns}
    assert shown == {
        "id": 1,
        "at": ENTRY.at,
        "user_id": "u-alice",
        "agent_id": None,
        "session_id": "s1",
        "run_id": "run-1",
        "root_run_id": "run-1",
        "key_id": None,
        "client_id": None,
        "request_source": "web_stream",
        "step_name": "direct_execution",
        "provider_id": "p1",
        "model": "m-large",
        "input_tokens": 612,
        "output_tokens": 31,
        "cached_tokens": 100,
        "reasoning_tokens": 0,
        "cost": "0.10000000",
        "currency": "USD",
        "attempt": 1,
        "outcome": "ok",
        "note": None,
        "duration_ms": None,
    }


@pytest.mark.parametrize(
    ("cost", "stored"),
    [
        (None, None),
        (Decimal(0), "0.00000000"),
        (Decimal("0.000000005"), "0.00000001"),
        (Decimal("0.0000000049"), "0.00000000"),
        (Decimal("1E-7"), "0.00000010"),
        (Decimal("12345678901.123456785"), "12345678901.12345679"),
    ],
)
async def test_costs_are_plain_decimals_rounded_half_up(
    database: Database, cost: Decimal | None, stored: str | None
) -> None:
    async with database.write() as db:
        await record(db, replace(ENTRY, cost=cost, run_id=None, root_run_id=None, request_source="other"))
    assert [row.cost for row in await booked(database)] == [stored]


async def test_what_is_rolled_back_is_not_booked(database: Database) -> None:
    async with database.write() as db:
        await record(db, ENTRY)
        await db.rollback()
    assert await booked(database) == []


async def sums(database: Database) -> list[tuple[str, str, int, int, int]]:
    async with database.read() as db:
        rows = await db.scalars(
            sqlalchemy.select(UsageSumRow).order_by(UsageSumRow.quarter, UsageSumRow.scope, UsageSumRow.target_id)
        )
        return [(row.scope, row.target_id, row.calls, row.input_tokens + row.output_tokens, row.cost) for row in rows]


async def test_sums_are_exact_and_outlive_the_rows(database: Database) -> None:
    clock = SteppedClock()
    clock.moment = ENTRY.at + timedelta(days=10, hours=1)
    async with database.write() as db:
        await record(db, replace(ENTRY, agent_id="a1", key_id="k1"))
        await record(db, replace(ENTRY, cost=Decimal("0.2"), at=ENTRY.at + timedelta(minutes=10)))
        await record(db, replace(ENTRY, cost=None, at=ENTRY.at + timedelta(hours=2)))
    keeping = LedgerKeeping(database=database, clock=clock, keep_days=10)
    assert [await keeping.prune(), await keeping.prune(), len(await booked(database))] == [2, 0, 1]
    assert await LedgerKeeping(database=database, clock=clock, keep_days=0).prune() == 0
    assert [each for each in await sums(database) if each[0] != "session"] == [
        ("agent", "a1", 1, 643, 10_000_000),
        ("key", "k1", 1, 643, 10_000_000),
        ("server", "all", 2, 1286, 30_000_000),
        ("user", "u-alice", 2, 1286, 30_000_000),
        ("server", "all", 1, 643, 0),
        ("user", "u-alice", 1, 643, 0),
    ]


async def test_rows_of_deleted_users_stay_without_a_name(database: Database) -> None:
    async with database.write() as db:
        for name in ("u-alice", "u-bob", "u-carol"):
            await record(db, replace(ENTRY, user_id=name))
    for name in ("u-alice", "u-bob", "u-alice"):
        await UsageLeaving(database).let_go(user_id=name, heir=Heir("delete_all", None))
    assert [row.user_id for row in await booked(database)] == ["deleted", "deleted", "u-carol"]
    assert await sums(database) == [
        ("server", "all", 3, 1929, 30_000_000),
        ("user", "deleted", 2, 1286, 20_000_000),
        ("user", "u-carol", 1, 643, 10_000_000),
    ]


async def test_what_a_session_used_counts_when_its_rows_are_gone(database: Database) -> None:
    clock = SteppedClock()
    clock.moment = ENTRY.at + timedelta(days=10, hours=1)
    async with database.write() as db:
        await record(db, replace(ENTRY, key_id="k1"))
        await record(db, replace(ENTRY, cost=Decimal("0.2")))
        await record(db, replace(ENTRY, cost=None, user_id="u-bob"))
        await record(db, replace(ENTRY, at=ENTRY.at + timedelta(hours=2)))

    async def spent(**more: str) -> list[int]:
        async with database.read() as db:
            pot = Pot(user_ids=("u-alice",), session_id="s1", **more)
            amount = await BudgetRepository(db).sum_booked(pot)
        return [amount.tokens, amount.cost]

    before = [await spent(), await spent(key_id="k1")]
    assert before == [[3 * 643, 40_000_000], [643, 10_000_000]]
    assert await LedgerKeeping(database=database, clock=clock, keep_days=10).prune() == 3
    assert [await spent(), await spent(key_id="k1")] == before
