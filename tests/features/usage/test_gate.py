"""Leave to call a model (platform.md 14.3)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from clary.db.database import Database
from clary.features.usage.errors import BudgetExhaustedError
from clary.features.usage.service import BudgetPlaces, PlannedCall
from clary.features.usage.tables import ReservationRow, UsageRow
from features.usage.till import Price, Till, gate_of
from support.crowd import Crowd
from support.house import house_in

pytestmark = pytest.mark.anyio


async def open_reservations(till: Till) -> list[tuple[int, int | None]]:
    async with till.house.services.database.read() as db:
        rows = await db.scalars(sqlalchemy.select(ReservationRow).order_by(ReservationRow.renewed_at))
        return [(row.tokens, row.cost) for row in rows]


@asynccontextmanager
async def till_in(folder: Path, **settings: Any) -> AsyncIterator[Till]:
    async with house_in(folder, **settings) as house, AsyncExitStack() as stack:
        yield Till(Crowd(house, stack))


class CountingDatabase(Database):
    """Counts its transactions."""

    trips = 0

    def read(self) -> Any:
        self.trips += 1
        return super().read()

    def write(self) -> Any:
        self.trips += 1
        return super().write()


async def test_without_a_budget_a_call_costs_no_look_into_the_database(till: Till) -> None:
    await till.set("user/" + (await till.planned("bob")).user_id, tokens_per_day=1)
    services = till.house.services
    counting = CountingDatabase(services.settings.database)
    places = BudgetPlaces(
        database=counting,
        members=services.identity.memberships,
        objects=services.usage.places.objects,
        rates=services.money,
        defaults={},
    )
    await places.refresh()
    gate, call = gate_of(till, counting, places), await till.planned("alice")
    counting.trips = 0
    granted = [await gate.reserve(call) for _ in range(3)]
    async with services.database.read() as db:
        assert (await gate.require_room(db, call)).is_unpriced is False
        assert not db.in_transaction()  # It begins with the first statement.
    await counting.close()
    assert ([tuple(each) for each in granted], counting.trips) == ([(None, 900)] * 3, 0)


async def scoped(till: Till, scope: str) -> tuple[str, dict[str, Any]]:
    """(target of a budget, what a call of alice needs to be counted by it)."""
    call = await till.planned("alice")
    if scope == "user":
        return f"user/{call.user_id}", {}
    if scope == "group":
        return f"group/{await till.crowd.group('team', 'alice')}", {}
    if scope == "key":
        _, _, key = await till.crowd.call("alice", "POST", "/api/user/keys", {"name": "k"})
        return f"key/{key['id']}", {"key_id": key["id"]}
    if scope == "agent":
        _, _, agent = await till.crowd.call("alice", "POST", "/api/agent/create", {"name": "a"})
        return f"agent/{agent['id']}", {"agent_id": agent["id"]}
    return f"{scope}/all", {}


SCOPES = ["server", "default_user", "user", "group", "key", "agent"]
NAMED = {"default_user": "user"}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("member", ["tokens_per_day", "cost_per_day"])
async def test_what_every_scope_counts_is_held_below_its_ceiling(till: Till, scope: str, member: str) -> None:
    target, fields = await scoped(till, scope)
    limit = 2500 if member.startswith("tokens") else 2.5
    await till.set(target, "alice" if scope in ("key", "agent") else "admin", **{member: limit})
    call = await till.planned("alice", **fields)
    first = await till.gate.reserve(call)
    await till.book(call, first.id)
    outcomes = [await till.outcome(call) for _ in range(3)]
    assert (first.max_tokens, outcomes) == (900, [900, 400, NAMED.get(scope, scope)])
    assert await open_reservations(till) == [(1000, 10**8), (500, 5 * 10**7)]
    assert await till.at_start(call) == NAMED.get(scope, scope)


@pytest.mark.parametrize("scope", ["user", "group", "key", "agent"])
async def test_calls_of_others_do_not_count(till: Till, scope: str) -> None:
    target, fields = await scoped(till, scope)
    await till.set(target, "alice" if scope in ("key", "agent") else "admin", tokens_per_month=1000)
    other = await till.planned("bob", key_id="other", agent_id="agent_other")
    await till.book(other, tokens=5000)
    assert [await till.outcome(other), await till.outcome(await till.planned("alice", **fields))] == [900, 900]


async def test_a_group_counts_its_present_members_together(till: Till) -> None:
    group = await till.crowd.group("team", "alice", "bob")
    await till.set(f"group/{group}", tokens_per_day=1600)
    alice, bob = await till.planned("alice"), await till.planned("bob", session_id="s-2", root_run_id="run-2")
    await till.book(bob)
    assert await till.outcome(alice) == 500
    path = f"/api/groups/{group}/members/{bob.user_id}"
    assert (await till.crowd.call("admin", "DELETE", path))[0] == 200
    assert [await till.outcome(alice), await till.outcome(bob)] == [900, 900]


async def test_an_own_budget_of_a_user_stands_in_for_the_one_of_every_user(till: Till) -> None:
    await till.set("default_user/all", tokens_per_day=0)
    alice, bob = await till.planned("alice"), await till.planned("bob")
    assert [await till.outcome(alice), await till.outcome(bob)] == ["user", "user"]
    await till.set(f"user/{alice.user_id}")
    assert [await till.outcome(alice), await till.outcome(bob)] == [900, "user"]


@pytest.mark.parametrize(("period", "named"), [("run", "run"), ("session", "session")])
async def test_each_run_and_each_session_has_its_own_room(till: Till, period: str, named: str) -> None:
    members: dict[str, Any] = {f"tokens_per_{period}": 1000, f"cost_per_{period}": 5}
    await till.set("server/all", **members)
    call = await till.planned("alice")
    await till.book(call, (await till.gate.reserve(call)).id)
    other = await till.planned("alice", root_run_id="run-2", session_id="s-2")
    same_name = await till.planned("bob", root_run_id="run-3")
    assert [await till.outcome(each) for each in (call, other, same_name)] == [named, 900, 900]
    assert await till.at_start(call) == named


async def test_the_strictest_decides_and_the_last_to_reset_is_named(till: Till) -> None:
    call = await till.planned("alice")
    await till.set("server/all", tokens_per_month=3000)
    await till.set(f"user/{call.user_id}", tokens_per_day=1500)
    await till.book(call)
    assert await till.outcome(call) == 400
    await till.book(call, tokens=2500)
    with pytest.raises(BudgetExhaustedError) as told:
        await till.gate.reserve(call)
    assert (told.value.message, told.value.headers, told.value.resets_at) == (
        (
            "预算已用完（服务器），2026-02-01 00:00 UTC 后重置",
            "Budget used up (server), resets at 2026-02-01 00:00 UTC",
        ),
        {"Retry-After": str(int((datetime(2026, 2, 1, tzinfo=UTC) - till.house.clock.now()).total_seconds()))},
        datetime(2026, 2, 1, tzinfo=UTC),
    )


async def test_a_refusal_that_never_resets_says_so(till: Till) -> None:
    await till.set("server/all", tokens_per_run=0)
    call = await till.planned("alice")
    async with till.house.services.database.read() as db:
        with pytest.raises(BudgetExhaustedError) as told:
            await till.gate.require_room(db, call)
    assert (told.value.message, told.value.headers) == (("预算已用完（运行）", "Budget used up (run)"), {})


async def test_less_than_256_tokens_of_output_are_not_worth_a_call(till: Till) -> None:
    await till.set("server/all", tokens_per_day=1000)
    call = await till.planned("alice")
    await till.book(call, tokens=1000 - 356)
    assert await till.outcome(call) == 256
    await till.set("server/all", tokens_per_day=999)
    short = await till.planned("alice", max_tokens=5)
    assert [await till.outcome(call), await till.outcome(short)] == ["server", "server"]
    async with till.house.services.database.write() as db:
        await db.execute(sqlalchemy.delete(ReservationRow))
    assert [await till.outcome(call), await till.outcome(short)] == ["server", 5]


async def test_fifty_calls_at_once_in_three_processes_never_pass_a_ceiling_together(till: Till) -> None:
    await till.set("server/all", tokens_per_day=10_300)
    call = await till.planned("alice")
    databases = [Database(till.house.services.settings.database) for _ in range(3)]
    tills = [Till(till.crowd, gate_of(till, each)) for each in databases]
    async with asyncio.timeout(60):
        outcomes = await asyncio.gather(*(tills[number % 3].outcome(call) for number in range(50)))
    for each in databases:
        await each.close()
    assert sorted(map(str, outcomes)) == sorted(["900"] * 10 + ["server"] * 40)
    assert sum(tokens for tokens, _ in await open_reservations(till)) == 10_000


async def test_the_day_changes_at_midnight_of_the_servers_time_zone(tmp_path: Path) -> None:
    async with till_in(tmp_path, timezone="Asia/Kathmandu", budgets={"server": {"tokens_per_day": 1000}}) as till:
        call = await till.planned("alice")
        # 23:59 in Kathmandu, which is 5:45 ahead.
        till.house.clock.moment = datetime(2026, 1, 2, 18, 14, tzinfo=UTC)
        open_call = await till.gate.reserve(call)
        assert await till.outcome(call) == "server"
        with pytest.raises(BudgetExhaustedError) as told:
            await till.gate.reserve(call)
        assert told.value.headers == {"Retry-After": "60"}
        till.house.clock.move(seconds=60)
        # What is under way across midnight counts in the day in which it is booked, and only there.
        assert await till.outcome(call) == "server"
        await till.book(call, open_call.id, tokens=600)
        assert await till.outcome(call) == 300
        till.house.clock.move(days=1)
        async with till.house.services.database.write() as db:
            await db.execute(sqlalchemy.delete(ReservationRow))
        assert await till.outcome(call) == 900


async def test_an_unpriced_model_counts_tokens_and_no_money(till: Till) -> None:
    await till.set("server/all", cost_per_day=0.5, tokens_per_day=2500)
    call = await till.planned("alice", price=None)
    assert await till.at_start(call) is True
    assert [await till.outcome(call) for _ in range(3)] == [900, 900, 400]
    assert await open_reservations(till) == [(1000, None), (1000, None), (500, None)]


async def test_where_money_counts_an_unpriced_model_may_be_refused(tmp_path: Path) -> None:
    async with till_in(tmp_path, unpriced_models="refuse") as till:
        call = await till.planned("alice", price=None)
        await till.set("server/all", tokens_per_day=2500)
        assert [await till.outcome(call), await till.at_start(call)] == [900, False]
        await till.set("server/all", cost_per_day=100)
        assert [await till.outcome(call), await till.at_start(call)] == ["model_unpriced", "model_unpriced"]
        assert await till.outcome(await till.planned("alice", price=Price(Decimal(0)))) == 900


async def test_each_call_may_cost_money_of_its_own(till: Till) -> None:
    await till.set("server/all", cost_per_day=2)
    call = await till.planned("alice", price=Price(Decimal("0.001"), Decimal("0.5")))
    assert [await till.outcome(call), await till.outcome(call)] == [900, "server"]


async def test_a_raised_or_lowered_ceiling_counts_from_the_next_call_on(till: Till) -> None:
    call = await till.planned("alice")
    outcomes: list[int | str] = []
    for limit in (1000, 1300, 2400, 0, None):
        await till.set("server/all", tokens_per_day=limit)
        outcomes.append(await till.outcome(call))
    assert outcomes == [900, "server", 900, "server", 900]


async def test_what_was_not_sent_is_free_again(till: Till) -> None:
    await till.set("server/all", tokens_per_day=1000)
    call = await till.planned("alice")
    reservation = await till.gate.reserve(call)
    assert await till.outcome(call) == "server"
    await till.gate.release(reservation.id)
    assert await till.outcome(call) == 900


async def ledger(till: Till) -> list[tuple[Any, ...]]:
    async with till.house.services.database.read() as db:
        rows = await db.scalars(sqlalchemy.select(UsageRow).order_by(UsageRow.id))
        return [(row.run_id, row.input_tokens, row.output_tokens, row.cost, row.note, row.outcome) for row in rows]


async def test_a_call_of_a_lost_process_is_booked_as_reserved_within_a_minute(till: Till) -> None:
    await till.set("server/all", tokens_per_day=100_000)
    lost, call = gate_of(till, till.house.services.database), await till.planned("alice")
    await lost.reserve(call)
    own = await till.gate.reserve(call)
    for _ in range(5):
        till.house.clock.move(seconds=10)
        await till.gate.tend()
    assert await ledger(till) == [("run-1", 100, 900, "1.00000000", "estimated", "error")]
    assert await open_reservations(till) == [(1000, 10**8)]
    await till.book(call, own.id, tokens=10)
    assert await open_reservations(till) == []


async def test_a_run_that_is_taken_over_has_its_open_call_booked_at_once(till: Till) -> None:
    await till.set("server/all", tokens_per_day=100_000)
    lost = gate_of(till, till.house.services.database)
    await lost.reserve(await till.planned("alice", price=None))
    await lost.reserve(await till.planned("alice", run_id="run-2", root_run_id="run-2"))
    assert [await till.gate.book_lost(root_run_id="run-1"), await till.gate.book_lost()] == [1, 0]
    assert await ledger(till) == [("run-1", 100, 900, None, "estimated", "error")]


async def test_a_call_given_up_while_it_waits_leaves_no_reservation(till: Till) -> None:
    await till.set("server/all", tokens_per_day=100_000)
    call: PlannedCall = await till.planned("alice")
    async with till.house.services.database.write() as db:
        await db.execute(sqlalchemy.text("SELECT 1"))
        waiting = asyncio.create_task(till.gate.reserve(call))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(10):
        await till.gate.close()
    assert await open_reservations(till) == []
