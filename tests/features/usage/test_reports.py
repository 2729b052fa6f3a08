"""`/api/usage` and `/api/token-usage/stats` (platform.md 14.2)."""

import csv
import io
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clary.features.usage.service import LedgerEntry, record
from features.usage.till import Till
from support.crowd import Crowd
from support.house import House, house_in

pytestmark = pytest.mark.anyio

COLUMNS = (
    "id,at,user_id,agent_id,session_id,run_id,root_run_id,key_id,client_id,request_source,step_name,provider_id,model,"
    "input_tokens,output_tokens,cached_tokens,reasoning_tokens,cost,currency,attempt,outcome,note,duration_ms"
)


async def book(till: Till, name: str, *, hours: float = 0, **fields: Any) -> str:
    """A call of somebody so many hours after the start; 100 in, 20 out, 40 cached, 0.5. Returns whose it is."""
    call = await till.planned(name)
    till.house.clock.move(hours=hours)
    entry = LedgerEntry(
        at=till.house.clock.now(),
        user_id=call.user_id,
        request_source="stream",
        step_name="direct_execution",
        provider_id="system-default",
        model="m-1",
        input_tokens=100,
        output_tokens=20,
        cached_tokens=40,
        cost=Decimal("0.5"),
        agent_id="agent_1",
        session_id="s-1",
        run_id="run-1",
        root_run_id="run-1",
    )
    async with till.house.services.database.write() as db:
        await record(db, replace(entry, **fields))
    till.house.clock.move(hours=-hours)
    return call.user_id


async def get(till: Till, name: str, path: str) -> Any:
    code, slug, data = await till.crowd.call(name, "GET", path)
    assert code == 200, slug
    return data


async def tokens(till: Till, name: str, **body: Any) -> Any:
    span = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
    code, slug, data = await till.crowd.call(name, "POST", "/api/token-usage/stats", span | body)
    assert code == 200, slug
    return data


async def test_people_see_their_own_calls_and_admins_all(till: Till) -> None:
    alice = await book(till, "alice")
    bob = await book(till, "bob", hours=1, session_id="s-2", cost=None, note="estimated", duration_ms=70)
    data = await get(till, "bob", "/api/usage")
    assert data == {
        "total": 1,
        "items": [
            {
                "id": data["items"][0]["id"],
                "at": "2026-01-02T04:04:05.000000Z",
                "user_id": bob,
                "agent_id": "agent_1",
                "session_id": "s-2",
                "run_id": "run-1",
                "root_run_id": "run-1",
                "key_id": None,
                "client_id": None,
                "request_source": "stream",
                "step_name": "direct_execution",
                "provider_id": "system-default",
                "model": "m-1",
                "input_tokens": 100,
                "output_tokens": 20,
                "cached_tokens": 40,
                "reasoning_tokens": 0,
                "cost": None,
                "currency": "USD",
                "attempt": 1,
                "outcome": "ok",
                "note": "estimated",
                "duration_ms": 70,
            }
        ],
    }
    everybody = await get(till, "admin", "/api/usage?page_size=1")
    assert (everybody["total"], [row["user_id"] for row in everybody["items"]]) == (2, [bob])
    assert (await get(till, "admin", f"/api/usage?user_id={alice}"))["total"] == 1
    assert await get(till, "bob", f"/api/usage?user_id={alice}") == {"items": [], "total": 0}
    assert (await get(till, "bob", "/api/usage?session_id=s-1"))["total"] == 0


async def test_filters_narrow_and_ends_are_days_of_the_servers_zone_or_moments(till: Till) -> None:
    await book(till, "alice")
    await book(till, "alice", hours=24, model="m-2", step_name="task_analysis", request_source="chat", run_id="run-2")
    totals = {
        query: (await get(till, "alice", f"/api/usage?{query}"))["total"]
        for query in (
            "to=2026-01-02",
            "from=2026-01-03",
            "from=2026-01-02&to=2026-01-03",
            "from=2026-01-02T03:04:05Z&to=2026-01-02T03:04:06Z",
            "to=2026-01-02T03:04:05Z",
            "model=m-2",
            "step_name=task_analysis",
            "request_source=stream",
            "run_id=run-2",
            "agent_id=agent_1",
            "key_id=nokey",
        )
    }
    assert list(totals.values()) == [1, 1, 2, 1, 0, 1, 1, 1, 1, 2, 0]
    assert (await till.crowd.call("alice", "GET", "/api/usage?from=yesterday"))[0] == 422


async def test_sums_by_each_key(till: Till) -> None:
    alice = await book(till, "alice")
    bob = await book(till, "bob", hours=24, model="m-2", provider_id="demo", agent_id=None, cost=None)
    group = await till.crowd.group("team", "alice")
    figures = {"calls": 1, "input_tokens": 100, "output_tokens": 20, "cached_tokens": 40, "cache_hit_rate": 0.4}
    priced, free = {**figures, "cost": 0.5, "unpriced_calls": 0}, {**figures, "cost": 0.0, "unpriced_calls": 1}
    span = "&from=2026-01-01&to=2026-01-31"
    data = await get(till, "admin", f"/api/usage/summary?group_by=day{span}")
    assert data == {
        "items": [
            {"key": "2026-01-02", "label": "2026-01-02", **priced},
            {"key": "2026-01-03", "label": "2026-01-03", **free},
        ],
        "totals": {
            "calls": 2,
            "input_tokens": 200,
            "output_tokens": 40,
            "cached_tokens": 80,
            "cache_hit_rate": 0.4,
            "cost": 0.5,
            "unpriced_calls": 1,
        },
        "currency": "USD",
    }
    labels = {
        grouping: [
            (each["key"], each["label"])
            for each in (await get(till, "admin", f"/api/usage/summary?group_by={grouping}{span}"))["items"]
        ]
        for grouping in ("model", "provider", "agent", "user", "group", "key", "step")
    }
    assert labels == {
        "model": [("m-1", "m-1"), ("m-2", "m-2")],
        "provider": [("demo", "Clary 演示模型（非真实模型）"), ("system-default", "Default LLM Provider")],
        "agent": [(None, ""), ("agent_1", "agent_1")],
        "user": sorted([(alice, "alice"), (bob, "bob")]),
        "group": [(group, "team")],
        "key": [(None, "")],
        "step": [("direct_execution", "direct_execution")],
    }
    own = await get(till, "alice", f"/api/usage/summary?group_by=user{span}")
    assert [each["key"] for each in own["items"]] == [alice]
    assert (await till.crowd.call("alice", "GET", f"/api/usage/summary?group_by=group{span}"))[:2] == (403, "forbidden")


async def test_a_summary_spans_at_most_366_days(till: Till) -> None:
    assert (await get(till, "admin", "/api/usage/summary?group_by=day&from=2025-01-01&to=2026-01-01"))["items"] == []
    too_long = "/api/usage/summary?group_by=day&from=2024-12-31&to=2026-01-01"
    assert (await till.crowd.call("admin", "GET", too_long))[:2] == (422, "validation_error")
    assert (await till.crowd.call("admin", "GET", "/api/usage/summary"))[:2] == (422, "validation_error")
    assert (await till.crowd.call("admin", "GET", "/api/usage/summary?group_by=moon"))[:2] == (422, "validation_error")


async def test_days_begin_at_midnight_of_the_servers_zone(tmp_path: Path) -> None:
    # Nepal is a quarter of an hour off: its day begins at 18:15 in UTC.
    async with house_in(tmp_path, timezone="Asia/Kathmandu") as house, AsyncExitStack() as stack:
        till = Till(Crowd(house, stack))
        await book(till, "alice", hours=15, model="before")  # 18:04:05
        await book(till, "alice", hours=15.2, model="after")  # 18:16:05
        data = await get(till, "alice", "/api/usage/summary?group_by=day&from=2026-01-01&to=2026-01-03")
        assert [each["key"] for each in data["items"]] == ["2026-01-02", "2026-01-03"]
        assert [row["model"] for row in (await get(till, "alice", "/api/usage?to=2026-01-02"))["items"]] == ["before"]


async def test_tokens_by_agent_user_and_session(till: Till) -> None:
    alice = await book(till, "alice")
    await book(till, "alice", hours=1, agent_id="agent_2", session_id="s-2", input_tokens=1000)
    bob = await book(till, "bob", hours=2)
    data = await tokens(till, "alice", dimension="agent")
    item = {
        "user_id": None,
        "session_id": None,
        "session_count": 1,
        "output_tokens": 20,
        "cached_tokens": 40,
        "reasoning_tokens": 0,
        "model_call_count": 1,
        "cost": 0.5,
    }
    later, sooner = "2026-01-02T04:04:05.000000Z", "2026-01-02T03:04:05.000000Z"
    assert data == {
        "summary": {
            "session_count": 2,
            "input_tokens": 1100,
            "output_tokens": 40,
            "total_tokens": 1140,
            "average_tokens_per_session": 570.0,
            "model_call_count": 2,
            "cost": 1.0,
            "currency": "USD",
        },
        "items": [
            {"agent_id": "agent_2", "input_tokens": 1000, "total_tokens": 1020, "started_at": later}
            | item
            | {"finished_at": later},
            {"agent_id": "agent_1", "input_tokens": 100, "total_tokens": 120, "started_at": sooner}
            | item
            | {"finished_at": sooner},
        ],
    }
    people = (await tokens(till, "admin", dimension="user"))["items"]
    assert [(each["user_id"], each["total_tokens"]) for each in people] == [(alice, 1140), (bob, 120)]
    # The same id of two people's conversations is two conversations.
    sessions = (await tokens(till, "admin", dimension="session"))["items"]
    assert [each["session_id"] for each in sessions] == ["s-2", "s-1", "s-1"]
    assert (await tokens(till, "alice", dimension="session", user_id=bob))["items"] == []
    assert (await tokens(till, "alice", dimension="user", start_date="2026-01-03"))["summary"]["model_call_count"] == 0


async def test_days_come_as_a_pair_and_only_one_session_needs_none(till: Till) -> None:
    await book(till, "alice")

    async def code(**body: Any) -> int:
        return (await till.crowd.call("alice", "POST", "/api/token-usage/stats", body))[0]

    assert await code(dimension="session", session_id="s-1") == 200
    assert await code(dimension="session") == 422
    assert await code(dimension="agent", session_id="s-1") == 422
    assert await code(dimension="agent", start_date="2026-01-01") == 422
    assert await code(dimension="session", session_id="s-1", end_date="2026-01-01") == 422
    assert await code(dimension="agent", start_date="2026-01-02", end_date="2026-01-01") == 422
    assert await code(dimension="moon", start_date="2026-01-01", end_date="2026-01-01") == 422


async def test_an_export_is_csv_oldest_first_that_no_spreadsheet_calculates(till: Till) -> None:
    await book(till, "alice", model="=HYPERLINK(1)", cost=Decimal("0.00000001"))
    await book(till, "alice", hours=1, model='a,"b"')
    await book(till, "bob")
    client = await till.crowd.client("alice")
    answer = await client.get("/api/usage/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    assert answer.text.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["model"], row["cost"]) for row in rows] == [("'=HYPERLINK(1)", "0.00000001"), ('a,"b"', "0.5")]
    assert rows[0]["key_id"] == ""


async def test_a_stranger_reads_nothing(house: House) -> None:
    async with house.browser() as stranger:
        for path in ("/api/usage", "/api/usage/summary?group_by=day", "/api/usage/export"):
            assert (await stranger.get(path)).status_code == 401
        assert (await stranger.post("/api/token-usage/stats", json={"dimension": "user"})).status_code == 401
