"""Tasks over the API, with a clock that tests move (platform.md 15, 16.2 A39, A40)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from clary.adapters.model_api import client
from clary.adapters.model_api.config import NO_RETRY
from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from clary.db.database import UnavailableError
from clary.features.accounts.ports import MailError
from clary.features.schedules.service import Scheduler
from clary.features.schedules.service import scheduler as scheduling
from clary.features.schedules.tables import TaskRow
from features.chat.test_worked_examples import agent_named
from features.chat.world import chat_in
from features.schedules.desk import Desk
from permissions.objects import caller
from support.house import house_in

pytestmark = pytest.mark.anyio


async def test_a_due_task_runs_once_in_a_conversation_of_its_name(desk: Desk) -> None:
    task_id = await desk.make("*/5 * * * *")
    await desk.tick(seconds=5)
    assert await desk.history(task_id) == []
    await asyncio.gather(desk.tick(minutes=1), desk.tick())
    (start,) = await desk.ended(task_id)
    assert (start["status"], start["trigger"], start["error"]) == ("completed", "schedule", None)
    assert start["scheduled_for"] == "2026-01-02T03:05:00.000000Z"
    task = await desk.task(task_id)
    assert (task["status"], task["run_count"], task["last_status"]) == ("active", 1, "completed")
    assert task["next_run_at"] == "2026-01-02T03:10:00.000000Z"
    history = await desk.chat.alice.history(start["session_id"])
    assert history[0]["metadata"] == {
        "task_id": task_id,
        "task_run_id": start["task_run_id"],
        "scheduled_for": start["scheduled_for"],
    }
    run = await desk.chat.alice.data("GET", f"/api/runs/{start['run_id']}")
    assert (run["endpoint"], run["attached"]) == ("task", False)
    talks = await desk.chat.alice.data("GET", "/api/conversations")
    assert "Report" in json.dumps(talks)


async def test_times_that_passed_meanwhile_are_caught_up_once_or_recorded(desk: Desk) -> None:
    caught, skipped = await desk.make("@hourly"), await desk.make("@hourly", missed="skip")
    paused = await desk.make("@hourly")
    await desk.data("POST", f"/{paused}/enable", {"enabled": False})
    await desk.tick(hours=3)
    items = await desk.ended(caught, 3)
    assert (items[0]["status"], items[0]["trigger"]) == ("completed", "catch_up")
    assert [each["status"] for each in items[1:]] == ["missed", "missed"]
    assert [each["status"] for each in await desk.history(skipped)] == ["missed"] * 3
    text, _ = await desk.chat.house.services.observability.metrics.render(accept="", gauges=[])
    counted = {line.decode() for line in text.splitlines() if line.startswith(b"clary_tasks_total{")}
    assert counted == {'clary_tasks_total{status="completed"} 1.0', 'clary_tasks_total{status="missed"} 5.0'}
    await desk.data("POST", f"/{paused}/enable")
    await desk.tick()
    assert await desk.history(paused) == []


async def test_a_run_that_goes_on_lets_the_next_time_wait_or_pass(desk: Desk) -> None:
    waits = await desk.make("* * * * *", "[[play:gate]]", overlap="queue")
    passes = await desk.make("* * * * *", "[[play:gate]]")
    for task_id in (waits, passes):
        await desk.data("POST", f"/{task_id}/run")
        assert (await desk.ask("POST", f"/{task_id}/run"))["error_detail"] == "task_busy"
        assert (await desk.task(task_id))["status"] == "running"
    for _ in range(2):
        await desk.tick(minutes=1)
    assert await desk.statuses(waits) == ["skipped", "queued", "running"]
    assert await desk.statuses(passes) == ["skipped", "skipped", "running"]
    for ended in (1, 2):
        (running,) = [each for each in await desk.history(waits) if each["status"] == "running"]
        await desk.chat.alice.data("POST", f"/api/sessions/{running['session_id']}/interrupt", {})
        await desk.ended(waits, ended + 1)
    assert await desk.statuses(waits) == ["skipped", "interrupted", "interrupted"]


async def test_a_failure_that_may_pass_is_tried_again_in_the_same_conversation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The call itself is not tried again for half a minute first.
    monkeypatch.setattr(client, "RetryPolicy", lambda: NO_RETRY)
    task_id = await desk.make("2026-01-02T04:00:00Z", "[[play:broken]]", max_retries=1)
    await desk.tick(minutes=56)
    items = await desk.ended(task_id)
    assert items[-1]["status"] == "failed"
    again = items[0]
    assert (again["status"], again["trigger"], again["attempt"]) == ("queued", "retry", 2)
    assert (await desk.task(task_id))["status"] == "pending"
    await desk.tick(minutes=1)
    items = await desk.ended(task_id, 2)
    assert [each["status"] for each in items] == ["failed", "failed"]
    assert items[0]["session_id"] == items[1]["session_id"]
    task = await desk.task(task_id)
    assert (task["status"], task["failure_count"], task["next_run_at"]) == ("failed", 2, None)


class Post:
    """A mail server that is away at first."""

    def __init__(self) -> None:
        self.is_away = True
        self.letters: list[tuple[str, str, str]] = []

    async def send(self, *, to: str, subject: str, text: str) -> None:
        if self.is_away:
            self.is_away = False
            raise MailError
        self.letters.append((to, subject, text))


async def test_ten_failures_in_a_row_pause_a_task_and_its_owner_gets_one_mail(desk: Desk) -> None:
    post = desk.chat.house.services.schedules.notices.mailer = Post()
    async with caller(desk.chat.house, "admin") as admin:
        changed = await admin.post(
            "/api/user/update", json={"user_id": desk.chat.alice.user_id, "email": "alice@example.com"}
        )
        assert changed.json()["code"] == 200
    task_id = await desk.make("@daily", "[[play:gone]]")
    for count in range(1, 11):
        await desk.data("POST", f"/{task_id}/run")
        await desk.ended(task_id, count)
        desk.chat.house.clock.move(seconds=1)
    task = await desk.task(task_id)
    assert (task["status"], task["last_status"], task["failure_count"]) == ("paused", "too_many_failures", 10)
    async with asyncio.timeout(60):
        while post.is_away:
            await asyncio.sleep(0.05)
        await desk.tick(minutes=6)
        while not post.letters:
            await asyncio.sleep(0.05)
    ((to, subject, text),) = post.letters
    assert (to, subject) == ("alice@example.com", "Clary：任务“Report”已暂停 / Clary: the task “Report” is paused")
    assert ("它已连续失败多次。" in text, "It has failed many times in a row." in text) == (True, True)


async def test_many_that_wait_for_a_run_keep_nobody_else_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "AT_ONCE", 1)
    blocked, other = [await desk.make("* * * * *", "[[play:gate]]", overlap="queue") for _ in range(2)]
    for task_id in (blocked, other):
        await desk.data("POST", f"/{task_id}/run")
    await desk.tick(minutes=1)
    (running,) = [each for each in await desk.history(other) if each["status"] == "running"]
    await desk.chat.alice.data("POST", f"/api/sessions/{running['session_id']}/interrupt", {})
    await desk.ended(other)
    await desk.tick()
    assert await desk.statuses(other) == ["running", "interrupted"]
    assert await desk.statuses(blocked) == ["queued", "running"]


async def test_a_start_by_hand_is_refused_in_the_envelope(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"gate": [Gate(Say("Slowly."))]}, max_active_runs_per_user=1) as chat:
        await chat.house.services.schedules.scheduler.stop()
        desk = Desk(chat, (await agent_named(chat, "Clerk"))["agent_id"])
        begun = await desk.data("POST", f"/{await desk.make('@hourly', '[[play:gate]]')}/run")
        busy = await desk.make("@daily", session_mode="same", session_id=begun["session_id"])
        for task_id, slug, code in ((busy, "session_busy", 409), (await desk.make("@daily"), "too_many_runs", 429)):
            answer = await chat.alice.call("POST", f"/tasks/{task_id}/run", None)
            body = answer.json()
            assert (answer.status_code, body["code"], body["error_detail"]) == (200, code, slug)


async def test_nothing_of_a_disabled_owner_starts(desk: Desk) -> None:
    task_id = await desk.make("*/5 * * * *")
    async with caller(desk.chat.house, "admin") as admin:
        user_id = (await admin.get("/api/user/list?q=alice")).json()["data"]["items"][0]["user_id"]
        disabled = await admin.post("/api/user/update", json={"user_id": user_id, "disabled": True})
        assert disabled.json()["code"] == 200
        desk.chat.house.clock.move(minutes=1)
        await desk.tick()
        seen = (await admin.get(f"/tasks/{task_id}/history")).json()["data"]
        noted = (await admin.get("/api/audit?action=admin.read")).json()["data"]["items"]
    assert [entry["object"]["id"] for entry in noted if entry["object"]["type"] == "task"] == [task_id]
    assert seen == {"items": [], "total": 0}


async def test_agents_make_and_change_tasks_of_the_person_alone(tmp_path: Path) -> None:
    body = {"name": "Daily", "description": "[[play:plain]]", "agent_id": "default_agent", "schedule": "@daily"}
    names = ("add_task", "list_tasks", "delete_task")
    calls = [CallTools([Call("add_task", {**body, "is_recurring": False})]), CallTools([Call("list_tasks", {})])]
    refused = [CallTools([Call("delete_task", {"task_id": "rec_0123456789abcdef"})]), Say("Done.")]
    async with chat_in(tmp_path, {"tools": [*calls, *refused]}) as chat:
        agent = await agent_named(chat, "Clerk", *names)
        lines = await chat.alice.say("[[play:tools]]", "s_tools", **agent)
        results = [line["content"] for line in lines if line["type"] == "tool_call_result"]
        (task,) = (await chat.alice.data("GET", "/api/tasks"))["items"]
    assert results[0]["task"]["created_by"] == task["created_by"] == "agent"
    assert [each["task_id"] for each in results[1]["tasks"]] == [task["task_id"]]
    assert results[2]["error"] is True


async def test_a_run_of_a_task_makes_five_tasks_and_no_more(tmp_path: Path) -> None:
    body = {"name": "More", "description": "[[play:plain]]", "agent_id": "default_agent", "schedule": "@daily"}
    scripts = {"breeds": [CallTools([Call("add_task", body)] * 6), Say("Done.")]}
    async with chat_in(tmp_path, scripts) as chat:
        await chat.house.services.schedules.scheduler.stop()
        desk = Desk(chat, (await agent_named(chat, "Clerk", "add_task"))["agent_id"])
        task_id = await desk.make("@daily", "[[play:breeds]]")
        await desk.data("POST", f"/{task_id}/run")
        await desk.ended(task_id)
        found = (await desk.data("GET", ""))["items"]
    assert sorted(each["created_by"] for each in found) == ["agent"] * 5 + ["user"]


async def test_limits_and_what_a_task_may_not_hold(tmp_path: Path) -> None:
    async with chat_in(tmp_path, tasks_max_per_user=1) as chat:
        desk = Desk(chat, (await agent_named(chat, "Clerk"))["agent_id"])
        await desk.make("@daily", run_options={"deep_thinking": True})
        fields = {"name": "x", "description": "y", "agent_id": desk.agent_id, "schedule": "@daily"}
        assert (await desk.ask("POST", "", fields))["error_detail"] == "task_limit"
        for options in ({"llm_model_config": {}}, {"extra_mcp_config": {}}, {"max_loop_count": "many"}, {"x": 1}):
            assert (await desk.ask("POST", "", {**fields, "run_options": options}))["code"] == 422
        key = {"name": "k", "scopes": ["read", "write"]}
        made = (await chat.alice.data("POST", "/api/user/keys", key))["key"]
        async with chat.house.browser(Authorization=f"Bearer {made}") as narrow:
            assert (await narrow.post("/tasks", json=fields)).json()["error_detail"] == "forbidden"
            (task,) = (await narrow.get("/tasks")).json()["data"]["items"]
            started = await narrow.post(f"/tasks/{task['task_id']}/run")
            assert started.json()["error_detail"] == "forbidden"


async def test_words_of_a_query_that_mean_nothing_find_nothing(desk: Desk) -> None:
    await desk.make("@daily")
    for word in ("active", "x" * 16, "x" * 17, "x" * 65):
        found = await desk.data("GET", f"?status={word}")
        assert found["total"] == (1 if word == "active" else 0)
    for wanted in (f"schedule={'x' * 1000}", f"schedule=@daily&timezone={'x' * 1000}"):
        assert (await desk.ask("GET", f"/preview?{wanted}"))["error_detail"] == "schedule_invalid"


async def test_what_is_away_for_a_moment_costs_no_task_its_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await desk.make("2026-01-02T04:00:00Z"), await desk.make("2026-01-02T04:00:00Z")
    chat, away = desk.chat.house.services.execution.chat, [first]
    start = chat.start

    async def start_unless_away(**wanted: Any) -> Any:
        metadata = wanted["request"].messages[0].metadata
        if metadata["task_id"] in away:
            raise UnavailableError
        return await start(**wanted)

    monkeypatch.setattr(chat, "start", start_unless_away)
    await desk.tick(minutes=56)
    assert [len(await desk.history(each)) for each in (first, second)] == [0, 1]
    assert (await desk.task(first))["next_run_at"] == "2026-01-02T04:00:00.000000Z"
    away.clear()
    (started,) = await desk.ended(first)
    assert (started["status"], started["attempt"], started["error"]) == ("completed", 1, None)


async def test_what_is_saved_and_can_no_longer_be_read_fails_alone(desk: Desk) -> None:
    options, schedule, sound = [await desk.make("*/5 * * * *") for _ in range(3)]
    async with desk.chat.house.services.database.write() as db:
        for task_id, column, value in (
            (options, "run_options", {"max_loop_count": "many"}),
            (schedule, "schedule", "?"),
        ):
            await db.execute(update(TaskRow).where(TaskRow.task_id == task_id).values({column: value}))
    await desk.tick(minutes=1)
    assert [each["error"] for each in await desk.history(options)] == ["validation_error"]
    assert [each["error"] for each in await desk.history(schedule)] == ["schedule_invalid"]
    paused = await desk.task(schedule)
    assert (paused["status"], paused["last_status"], paused["next_run_at"]) == ("paused", "schedule_invalid", None)
    (start,) = await desk.ended(sound)
    assert start["status"] == "completed"
    assert (await desk.ask("POST", f"/{options}/run"))["error_detail"] == "validation_error"


async def test_an_attempt_that_waits_is_no_run_and_its_end_is_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RetryPolicy", lambda: NO_RETRY)
    once = await desk.make("2026-01-02T03:05:00Z", "[[play:broken]]", max_retries=5)
    often = await desk.make("*/5 * * * *", "[[play:broken]]", max_retries=5)
    await desk.tick(minutes=1)
    for task_id in (once, often):
        assert [each["status"] for each in await desk.ended(task_id)] == ["queued", "failed"]
    await desk.data("PUT", f"/{once}", {"description": "[[play:plain]]"})
    assert (await desk.task(once))["status"] == "failed"
    assert await desk.statuses(once) == ["skipped", "failed"]
    await desk.tick(minutes=1)
    assert [each["attempt"] for each in await desk.ended(often, 2)] == [3, 2, 1]
    # The third attempt waits for five minutes, in which a time of its own comes.
    await desk.tick(minutes=4)
    triggers = [each["trigger"] for each in await desk.ended(often, 3)]
    assert triggers == ["retry", "catch_up", "retry", "retry", "schedule"]
    await desk.data("POST", f"/{often}/run")


async def test_a_worker_runs_what_it_finds_due(tmp_path: Path) -> None:
    async with chat_in(tmp_path, takes_over=False) as chat:
        await chat.house.services.schedules.scheduler.stop()
        desk = Desk(chat, (await agent_named(chat, "Clerk"))["agent_id"])
        task_id = await desk.make("*/5 * * * *")
        await desk.tick(minutes=1)
        # No lease ends before: the clock stands still.
        (start,) = await desk.ended(task_id)
        assert (start["status"], len(chat.provider.requests)) == ("completed", 1)


async def test_a_worker_leaves_runs_of_others_to_servers(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"gate": [Gate(Say("Slowly."))]}) as chat:
        desk = Desk(chat, (await agent_named(chat, "Clerk"))["agent_id"])
        started = await desk.data("POST", f"/{await desk.make('@daily', '[[play:gate]]')}/run")
    for takes_over in (False, True):
        async with house_in(tmp_path, takes_over=takes_over) as house, caller(house, "admin") as admin:
            run = (await admin.get(f"/api/runs/{started['run_id']}")).json()["data"]
            assert run["takeovers"] == int(takes_over)


@pytest.mark.parametrize(("jobs", "scheduler"), [(True, True), (False, True), (True, False)])
async def test_a_process_that_does_no_jobs_looks_for_no_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: bool, scheduler: bool
) -> None:
    looks: list[Scheduler] = []

    async def look(self: Scheduler) -> None:
        looks.append(self)

    monkeypatch.setattr(Scheduler, "tick", look)
    async with house_in(tmp_path, jobs=jobs, scheduler=scheduler) as house, caller(house, "admin") as admin:
        answer = (await admin.get("/tasks")).json()
    assert (bool(looks), answer["code"]) == (jobs and scheduler, 200 if scheduler else 400)
