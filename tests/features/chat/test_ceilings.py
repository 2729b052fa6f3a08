"""Budgets and the runs they bind, over HTTP (platform.md 14.3, 16.2 A37, A38; stream-runtime.md 9.3, 9.17)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after
from sqlalchemy import func, select

from clary.adapters.scripted_provider import Attempts, Call, CallTools, Fault, Gate, Say, Tokens
from clary.features.usage.tables import ReservationRow, UsageRow
from features.chat.world import Chat, Lines, Speaker, chat_in, end_of, said
from support.house import ADMIN_PASSWORD, login

pytestmark = pytest.mark.anyio
Json = dict[str, Any]

USED = Tokens(1500, 300)
PRICES = {"currency": "USD", "per": 1000, "input": 1, "output": 1}
LOOK = CallTools([Call("list_dir", {}, id="call_look")], usage=USED)
TASK = {"agent_id": "kid", "task_name": "t", "original_task": "o", "content": "[[play:kid]] Do it."}
KID = {"agent_id": "kid", "name": "Kid", "description": "Helps."}
HELD = Gate(Say("Better words."), text="Half ")
SCRIPTS = {
    "held": [HELD],
    "big": [Say("Plainly.", usage=USED)],
    "look": [LOOK, LOOK, LOOK, Say("Done.", usage=USED)],
    "lost": [Attempts([Fault("cut", text="half "), Say("Whole.", usage=USED)])],
    "todo": [
        CallTools([Call("todo_write", {"tasks": [{"id": "1", "content": "look"}]}, id="call_todo")], usage=USED),
        Say("Looked.", usage=USED),
        Say('{"status": "done", "reason": ""}', usage=USED),
    ],
    "parent": [CallTools([Call("sys_delegate_task", {"tasks": [TASK]})], usage=USED), Say("Handed on.", usage=USED)],
    "kid": [
        CallTools([Call("sys_finish_task", {"status": "success", "result": "kid is done"})], usage=Tokens(1000, 1000))
    ],
    "ask": [Say("Better words.", usage=USED)],
    "draft": [Say('{"name": "Reporter", "description": "d", "systemPrefix": "You write."}', usage=USED)],
}


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """Alice may have many runs at once."""
    async with chat_in(tmp_path, SCRIPTS, max_active_runs_per_user=100) as built:
        yield built


async def saved(chat: Chat, target: str, **members: Any) -> None:
    """The admin sets a budget `scope/id`."""
    async with chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        answer = await admin.put(f"/api/budgets/{target}", json=members)
    assert answer.json()["code"] == 200, answer.text


async def spent(chat: Chat, **narrowed: Any) -> int:
    """Tokens of the ledger."""
    async with chat.house.services.database.read() as db:
        query = select(func.sum(UsageRow.input_tokens + UsageRow.output_tokens)).filter_by(**narrowed)
        return int(await db.scalar(query) or 0)


async def reserved(chat: Chat) -> int:
    """Reservations that are open."""
    async with chat.house.services.database.read() as db:
        return int(await db.scalar(select(func.count()).select_from(ReservationRow)) or 0)


async def booked(chat: Chat) -> list[tuple[str, str, str | None, int]]:
    """(step, outcome, note, attempt) of every row, oldest first."""
    async with chat.house.services.database.read() as db:
        rows = (await db.scalars(select(UsageRow).order_by(UsageRow.id))).all()
    return [(row.step_name, row.outcome, row.note, row.attempt) for row in rows]


@dataclass(frozen=True)
class Tried:
    """What came of many runs."""

    answered: int
    stopped: int
    refused: int


async def many(chat: Chat, person: Speaker, count: int, **more: Any) -> Tried:
    """Starts runs at once, each in a session of its own, and waits for all."""
    headers = more.pop("headers", {})

    async def one(number: int) -> str:
        body = said("[[play:big]] Go.", f"s{number}", **more)
        stream = await person.open("/api/web-stream", body, **headers)
        lines = await stream.lines()
        if stream.status != 200:
            assert (stream.status, stream.body["error_detail"]) == (429, "budget_exhausted")
            return "refused"
        status, reason = end_of(lines)
        assert status == "completed"
        if reason == "budget":
            assert [line["content"] for line in lines if line["type"] == "normal"][-1].startswith("预算已用完（")
        return reason

    with fail_after(60):
        ends = await asyncio.gather(*(one(number) for number in range(count)))
    return Tried(ends.count("answered"), ends.count("budget"), ends.count("refused"))


@pytest.mark.parametrize(
    ("scope", "unit"), [*((scope, "tokens") for scope in ("server", "user", "group", "key", "agent")), ("user", "cost")]
)
async def test_many_runs_at_once_never_pass_a_ceiling_together(chat: Chat, scope: str, unit: str) -> None:
    count = 50 if scope == "server" else 15
    alice = chat.alice
    await alice.data("PUT", f"/api/llm-provider/update/{alice.provider_id}", {"prices": PRICES})
    agent, headers, target = await alice.agent(), {}, "server/all"
    if scope == "user":
        target = f"user/{alice.user_id}"
    elif scope == "agent":
        target = f"agent/{agent}"
    elif scope == "group":
        target = f"group/{await _group_of(chat, alice)}"
    elif scope == "key":
        key = await alice.data("POST", "/api/user/keys", {"name": "k"})
        headers, target = {"Authorization": f"Bearer {key['key']}"}, f"key/{key['id']}"
    limit = 20_000
    budget = {f"{unit}_per_day": limit if unit == "tokens" else limit / 1000}
    if scope == "key":
        await alice.data("PUT", f"/api/budgets/{target}", budget)
    else:
        await saved(chat, target, **budget)
    tried = await many(chat, alice, count, agent_id=agent, headers=headers)
    assert tried.answered + tried.stopped + tried.refused == count
    # Each call used 1800; what is reserved for one is some 6000, so that two or three go on at once.
    assert (tried.answered > 0, await spent(chat)) == (True, 1800 * tried.answered)
    assert (await spent(chat) <= limit, await reserved(chat)) == (True, 0)
    # What is left after all of them is used to the end, one after the other.
    while (await many(chat, alice, 1, agent_id=agent, headers=headers)).answered:
        pass
    assert (limit - 1800 - 1800 < await spent(chat) <= limit, await reserved(chat)) == (True, 0)


async def _group_of(chat: Chat, person: Speaker) -> str:
    async with chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        made = (await admin.post("/api/groups", json={"name": "team"})).json()["data"]
        path = f"/api/groups/{made['id']}/members"
        assert (await admin.post(path, json={"user_ids": [person.user_id], "role": "member"})).json()["code"] == 200
    return made["id"]


def notice_of(lines: Lines) -> str:
    """The last notice of a run."""
    return [line["content"] for line in lines if line["type"] == "normal"][-1]


async def test_a_run_that_spends_its_budget_ends_with_a_notice_and_whole_calls(chat: Chat) -> None:
    agent = await chat.alice.agent(availableTools=["list_dir"])
    await saved(chat, f"agent/{agent}", tokens_per_run=7000)
    lines = await chat.alice.say("[[play:look]] Look around.", agent_id=agent)
    assert (end_of(lines), notice_of(lines)) == (("completed", "budget"), "预算已用完（运行）")
    calls = [call["id"] for line in lines for call in line.get("tool_calls") or ()]
    results = [line["tool_call_id"] for line in lines if line.get("role") == "tool"]
    assert (len(calls) in (1, 2, 3), calls) == (True, results)
    assert [line["type"] for line in lines][-3:] == ["normal", "token_usage", "stream_end"]
    assert (await spent(chat), await reserved(chat)) == (1800 * len(calls), 0)
    assert [each["type"] for each in await chat.alice.history()][-2:] == ["tool_call_result", "normal"]
    # The next run is a fresh one for this ceiling, and the notice is not in the model's way.
    again = await chat.alice.say("[[play:big]] Go on.", agent_id=agent)
    assert end_of(again) == ("completed", "answered")


async def test_the_output_of_a_call_is_shortened_to_what_fits(chat: Chat) -> None:
    agent = await chat.alice.agent()
    await chat.alice.say("[[play:big]] Go.", "s0", agent_id=agent)
    whole = chat.asked()["max_tokens"]
    await saved(chat, f"user/{chat.alice.user_id}", tokens_per_day=1800 + 4000)
    assert end_of(await chat.alice.say("[[play:big]] Go.", agent_id=agent)) == ("completed", "answered")
    assert 256 <= chat.asked()["max_tokens"] < whole


@pytest.mark.parametrize(
    ("target", "members", "message"),
    [
        ("server/all", {"tokens_per_day": 0}, "Budget used up (server), resets at 2026-01-03 00:00 UTC"),
        ("user/{user}", {"tokens_per_month": 0}, "Budget used up (user), resets at 2026-02-01 00:00 UTC"),
        ("default_user/all", {"tokens_per_run": 0}, "Budget used up (run)"),
        ("agent/{agent}", {"tokens_per_day": 0}, "Budget used up (agent), resets at 2026-01-03 00:00 UTC"),
    ],
)
async def test_what_is_spent_before_a_start_is_refused_with_the_time_of_the_reset(
    chat: Chat, target: str, members: Json, message: str
) -> None:
    agent = await chat.alice.agent()
    await saved(chat, target.format(user=chat.alice.user_id, agent=agent), **members)
    for path in ("/api/chat", "/api/stream", "/api/web-stream"):
        answer = await chat.alice.call("POST", path, said("Hi", agent_id=agent), X_Locale="en-US")
        assert (answer.status_code, answer.json()["code"], answer.json()["error_detail"], answer.json()["message"]) == (
            429,
            429,
            "budget_exhausted",
            message,
        )
        assert ("Retry-After" in answer.headers) == ("resets" in message)
    assert (chat.provider.requests, (await chat.alice.data("GET", "/api/conversations"))["list"]) == ([], [])


async def test_a_spent_session_binds_this_session_alone(chat: Chat) -> None:
    agent = await chat.alice.agent()
    await saved(chat, "default_user/all", tokens_per_session=6000)
    await chat.alice.say("[[play:big]] Go.", agent_id=agent)
    second = await chat.alice.say("[[play:big]] Go.", agent_id=agent)
    third = await chat.alice.say("[[play:big]] Go.", agent_id=agent)
    assert end_of(second)[1] == "answered" or end_of(third)[1] == "budget"
    while True:
        lines = await chat.alice.say("[[play:big]] Go.", agent_id=agent)
        if end_of(lines)[1] == "budget":
            break
    assert notice_of(lines) == "预算已用完（会话）"
    assert end_of(await chat.alice.say("[[play:big]] Go.", "s2", agent_id=agent))[1] == "answered"
    assert (await spent(chat, session_id="s1") <= 6000, await reserved(chat)) == (True, 0)


async def test_retries_judges_and_children_count_on_the_root_run(chat: Chat) -> None:
    agent = await chat.alice.agent(agentMode="fibre", availableTools=["todo_write", "list_dir"])
    await saved(chat, f"agent/{agent}", tokens_per_day=10**6)
    assert end_of(await chat.alice.say("[[play:lost]] Go.", agent_id=agent)) == ("completed", "answered")
    assert await booked(chat) == [
        ("direct_execution", "error", "provider_bad_response", 1),
        ("direct_execution", "ok", None, 2),
    ]
    assert end_of(await chat.alice.say("[[play:todo]] Go.", "s2", agent_id=agent)) == ("completed", "answered")
    assert [step for step, *_ in await booked(chat)][2:] == [
        "direct_execution",
        "direct_execution",
        "task_completion_judge",
    ]


async def test_children_are_booked_on_their_root_and_share_its_budget(chat: Chat) -> None:
    agent = await chat.alice.agent(agentMode="fibre")
    await saved(chat, f"agent/{agent}", tokens_per_run=20_000)
    kid = {"agent_id": agent, "custom_sub_agents": [KID], "path": "/api/stream"}
    lines = await chat.alice.say("[[play:parent]] Hand on.", **kid)
    assert end_of(lines) == ("completed", "answered")
    [run] = await chat.alice.runs_of("s1")
    assert (await spent(chat, root_run_id=run["run_id"], agent_id=agent), await reserved(chat)) == (5600, 0)
    await saved(chat, f"agent/{agent}", tokens_per_run=4500)
    lines = await chat.alice.say("[[play:parent]] Hand on.", "s2", **kid)
    assert end_of(lines) == ("completed", "budget")
    [run] = await chat.alice.runs_of("s2")
    assert (await spent(chat, root_run_id=run["run_id"]) <= 4500, await reserved(chat)) == (True, 0)
    assert [line["session_id"] for line in lines if line["type"] == "normal"][-1] == "s2"


BESIDE_RUNS: list[tuple[str, Json]] = [
    (
        "/api/llm-provider/verify",
        {"base_url": "{provider}", "api_keys": ["sk-verify-000000"], "model": "m", "thinking_style": "none"},
    ),
    (
        "/api/llm-provider/verify-multimodal",
        {"base_url": "{provider}", "api_keys": ["sk-verify-000000"], "model": "m", "thinking_style": "none"},
    ),
    ("/api/agent/auto-generate", {"agent_description": "[[play:draft]] An agent."}),
    ("/api/agent/system-prompt/optimize", {"original_prompt": "[[play:ask]] You write."}),
    ("/api/chat/optimize-input", {"current_input": "[[play:ask]] words", "agent_id": "{agent}"}),
    ("/api/chat/optimize-input/stream", {"current_input": "[[play:ask]] words", "agent_id": "{agent}"}),
]


@pytest.mark.parametrize(("path", "body"), BESIDE_RUNS)
async def test_calls_outside_runs_are_bound_too(chat: Chat, path: str, body: Json) -> None:
    agent = await chat.alice.agent()
    values = {"provider": chat.provider.url, "agent": agent}
    body = {key: value.format(**values) if isinstance(value, str) else value for key, value in body.items()}
    await saved(chat, "default_user/all", tokens_per_day=0)
    answer = await chat.alice.call("POST", path, body, X_Locale="en-US")
    told = answer.json()
    assert (answer.status_code, told["code"], told["error_detail"], told["message"]) == (
        429 if path.endswith("/stream") else 200,
        429,
        "budget_exhausted",
        "Budget used up (user), resets at 2026-01-03 00:00 UTC",
    )
    assert answer.headers["Retry-After"] == "75355"
    assert (chat.provider.requests, await booked(chat), await reserved(chat)) == ([], [], 0)
    # With room the same call is made, counted, and nothing stays reserved.
    await saved(chat, "default_user/all", tokens_per_day=10**6)
    assert (await chat.alice.call("POST", path, body)).status_code == 200
    assert ({outcome for _, outcome, *_ in await booked(chat)}, await reserved(chat)) == ({"ok"}, 0)
    used = await spent(chat, user_id=chat.alice.user_id)
    [state] = await chat.alice.data("GET", "/api/budgets/me")
    assert (used > 0, state["spent"], state["reserved"]) == (True, used, 0)


async def test_a_draft_counts_for_its_agent_and_a_verification_does_not(chat: Chat) -> None:
    agent = await chat.alice.agent()
    await saved(chat, f"agent/{agent}", tokens_per_day=0)
    refused = await chat.alice.call("POST", "/api/chat/optimize-input", {"current_input": "x", "agent_id": agent})
    assert refused.json()["message"].startswith("预算已用完（智能体）")
    await chat.alice.data("POST", BESIDE_RUNS[0][0], {**BESIDE_RUNS[0][1], "base_url": chat.provider.url})


async def test_a_draft_that_is_cut_is_booked_as_estimated(chat: Chat) -> None:
    await saved(chat, "default_user/all", tokens_per_day=10**6)
    body = {"current_input": "[[play:held]] words"}
    stream = await chat.alice.open("/api/chat/optimize-input/stream", body)
    with fail_after(10):
        await HELD.reached.wait()
        assert await reserved(chat) == 1
        await stream.leave()
        while await reserved(chat):
            await asyncio.sleep(0.01)
    assert await booked(chat) == [("optimize_input", "cut", "estimated", 1)]
