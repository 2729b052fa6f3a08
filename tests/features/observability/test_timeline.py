"""`/api/runs` and `/api/runs/{run_id}/timeline` (platform.md 12.4, 16.2 A36)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from clary.features.usage.tables import UsageRow
from features.chat.people import decide, lines_to
from features.chat.world import Chat, said
from features.observability.conftest import TOOLS
from support.house import ADMIN_PASSWORD, login

pytestmark = pytest.mark.anyio
KID = {"agent_id": "kid", "name": "Kid", "description": "Helps."}


async def timeline(chat: Chat, session: str = "s1", query: str = "") -> Any:
    [run] = await chat.alice.runs_of(session)
    return await chat.alice.data("GET", f"/api/runs/{run['run_id']}/timeline{query}")


async def test_a_run_is_told_step_by_step(chat: Chat) -> None:
    await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
    data = await timeline(chat)
    run = data["run"]
    assert run == await chat.alice.run(run["run_id"])
    assert data["trace_id"] == run["run_id"].replace("-", "")
    told = [(step["kind"], step["name"], step["status"], step["parent_id"], step["attempt"]) for step in data["steps"]]
    assert told == [
        ("model", "direct_execution", "ok", None, 1),
        ("tool", "list_dir", "ok", None, 1),
        ("tool", "todo_read", "ok", None, 1),
        ("model", "direct_execution", "ok", None, 1),
    ]
    first, look = data["steps"][:2]
    assert first["detail"] == {
        "provider_id": chat.alice.provider_id,
        "model": "m",
        "step_name": "direct_execution",
        "input_tokens": 1000,
        "output_tokens": 200,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "cost": None,
        "finish_reason": "tool_calls",
        "first_token_ms": 0,
    }
    size = look["detail"].pop("result_bytes")
    assert look["detail"] == {"tool": "list_dir", "tool_call_id": "call_look", "effect": "read"}
    assert size > 0
    assert set(look) == {
        *("id", "parent_id", "run_id", "session_id", "kind", "name", "status", "started_at", "ended_at"),
        *("duration_ms", "line_from", "line_to", "attempt", "detail"),
    }
    assert (look["session_id"], look["started_at"][:10]) == ("s1", "2026-01-02")
    assert 0 <= look["line_from"] <= look["line_to"] <= run["line_count"]
    totals = data["totals"]
    assert {name: totals[name] for name in ("model_calls", "tool_calls", "input_tokens", "output_tokens")} == {
        "model_calls": 2,
        "tool_calls": 2,
        "input_tokens": 2000,
        "output_tokens": 400,
    }
    assert {"object": f"provider:{chat.alice.provider_id}", "rule": "owner"} in data["permissions"]
    assert data["warnings"] == run["warnings"]


async def test_children_are_steps_with_steps_of_their_own(chat: Chat) -> None:
    await chat.alice.say("[[play:parent]] go", agent_mode="fibre", custom_sub_agents=[KID])
    data = await timeline(chat)
    [child] = [step for step in data["steps"] if step["kind"] == "child_run"]
    [hand] = [step for step in data["steps"] if step["name"] == "sys_delegate_task"]
    assert (child["name"], child["status"], child["parent_id"]) == ("Kid", "ok", hand["id"])
    below = [(step["kind"], step["name"]) for step in data["steps"] if step["parent_id"] == child["id"]]
    assert below == [("model", "direct_execution"), ("tool", "sys_finish_task")]
    assert len({step["id"] for step in data["steps"]}) == len(data["steps"])
    alone = await timeline(chat, query="?children=false")
    assert {step["kind"] for step in alone["steps"]} == {"model", "tool"}
    assert alone["totals"]["model_calls"] == 2


async def test_a_wait_is_a_step_below_its_call_while_it_lasts_and_after(chat: Chat) -> None:
    asks = {"stream_options": {"approvals": True}, "sandbox_approval_mode": "always", "available_tools": ["file_write"]}
    stream = await chat.alice.open("/api/web-stream", said("[[play:write]] go", **asks))
    asked = (await lines_to(stream, "sandbox_approval_requested"))[-1]
    waiting = await timeline(chat)
    [wait] = [step for step in waiting["steps"] if step["kind"] == "wait"]
    assert (wait["status"], wait["ended_at"], wait["detail"]) == (
        "running",
        None,
        {"kind": "approval", "id": asked["approval_id"]},
    )
    chat.house.clock.move(seconds=2)
    await decide(chat, asked)
    await stream.lines()
    data = await timeline(chat)
    [wait] = [step for step in data["steps"] if step["kind"] == "wait"]
    [call] = [step for step in data["steps"] if step["kind"] == "tool"]
    assert (wait["status"], wait["duration_ms"], wait["parent_id"]) == ("ok", 2000, call["id"])
    assert (call["detail"]["approval_id"], call["detail"]["effect"]) == (asked["approval_id"], "write")
    assert data["totals"]["waiting_ms"] == 2000


async def test_a_failed_call_names_the_kind_of_its_error(chat: Chat) -> None:
    await chat.alice.say("[[play:broken]] go")
    [step] = (await timeline(chat))["steps"]
    assert (step["status"], step["detail"]["error_kind"]) == ("error", "provider_auth")


async def test_a_call_that_streams_nothing_has_null_for_what_only_a_stream_has(chat: Chat) -> None:
    await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
    async with chat.house.services.database.write() as db:
        # As a judge is booked: in the ledger, and in no step.
        await db.execute(update(UsageRow).values(step_name="judge"))
    step = next(each for each in (await timeline(chat))["steps"] if each["name"] == "judge")
    absent = object()
    assert [step["detail"].get(name, absent) for name in ("finish_reason", "first_token_ms")] == [None, None]


async def test_others_find_nothing_and_admins_everything(chat: Chat) -> None:
    await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
    [run] = await chat.alice.runs_of("s1")
    path = f"/api/runs/{run['run_id']}/timeline"
    bob = await chat.person("bob")
    foreign, unknown = (await bob.call("GET", path)).json(), (await bob.call("GET", "/api/runs/none/timeline")).json()
    for answer in (foreign, unknown):
        assert (answer["code"], answer["error_detail"]) == (404, "run_not_found")
    assert await bob.data("GET", "/api/runs") == {"items": [], "total": 0}
    assert await bob.data("GET", f"/api/runs?user_id={chat.alice.user_id}") == {"items": [], "total": 0}
    async with chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        assert (await admin.get(path)).json()["data"]["run"]["user_id"] == chat.alice.user_id
        assert (await admin.get(f"/api/runs?user_id={chat.alice.user_id}")).json()["data"]["total"] == 1


async def test_runs_are_listed_newest_first_and_narrowed(chat: Chat) -> None:
    await chat.alice.say("[[play:plain]] go", "s1")
    chat.house.clock.move(minutes=1)
    await chat.alice.say("[[play:broken]] go", "s2")
    listed = await chat.alice.data("GET", "/api/runs")
    assert [run["session_id"] for run in listed["items"]] == ["s2", "s1"]
    counted = {
        query: (await chat.alice.data("GET", f"/api/runs?{query}"))["total"]
        for query in ("status=failed", "session_id=s1", "agent_id=none", "from=2026-01-03", "to=2026-01-02", "page=2")
    }
    assert list(counted.values()) == [1, 1, 0, 0, 2, 2]


async def test_steps_are_kept_as_long_as_the_operator_says(chat: Chat) -> None:
    await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
    chat.house.clock.move(days=31)
    await chat.alice.sign_in()
    assert (await timeline(chat))["steps"] == []
    await asyncio.wait_for(chat.house.services.execution.run_reports.prune(), 30)
    assert (await timeline(chat))["steps"] == []
    # What tools somebody used is still counted.
    used = await chat.alice.data("POST", "/api/system/agent/usage-stats", {"days": 60})
    assert used == {"usage": {"list_dir": 1, "todo_read": 1}}
    chat.house.clock.move(days=365)
    await chat.alice.sign_in()
    await asyncio.wait_for(chat.house.services.execution.run_reports.prune(), 30)
    used = await chat.alice.data("POST", "/api/system/agent/usage-stats", {"days": 365})
    assert used == {"usage": {}}
