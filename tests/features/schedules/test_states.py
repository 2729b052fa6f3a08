"""What ends, pauses and reopens a task (platform.md 15.1, 15.3)."""

import asyncio
from typing import Any

import pytest

from clary.adapters.model_api import client
from clary.adapters.model_api.config import NO_RETRY
from features.schedules.desk import Desk

pytestmark = pytest.mark.anyio

SOON = "2026-01-02T03:05:00Z"
LATER = "2026-01-03T00:00:00Z"


@pytest.mark.parametrize("schedule", ["*/5 * * * *", SOON])
async def test_any_task_whose_agent_is_gone_is_paused_with_the_reason(desk: Desk, schedule: str) -> None:
    task_id = await desk.make(schedule)
    await desk.chat.alice.data("DELETE", f"/api/agent/{desk.agent_id}")
    await desk.tick(minutes=1)
    (start,) = await desk.history(task_id)
    assert (start["status"], start["error"], start["run_id"]) == ("failed", "agent_not_found", None)
    task = await desk.task(task_id)
    assert (task["status"], task["last_status"], task["enabled"]) == ("paused", "agent_not_found", False)


async def test_ten_failures_in_a_row_pause_a_task_whose_time_has_passed(desk: Desk) -> None:
    task_id = await desk.make(SOON, "[[play:gone]]")
    await desk.tick(minutes=1)
    await desk.ended(task_id)
    assert (await desk.task(task_id))["status"] == "failed"
    for count in range(2, 11):
        await desk.data("POST", f"/{task_id}/run")
        await desk.ended(task_id, count)
        desk.chat.house.clock.move(seconds=1)
    task = await desk.task(task_id)
    assert (task["status"], task["last_status"], task["enabled"]) == ("paused", "too_many_failures", False)


@pytest.mark.parametrize("schedule", ["@daily", LATER])
async def test_a_task_completed_during_its_run_is_completed_at_once_and_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    monkeypatch.setattr(client, "RetryPolicy", lambda: NO_RETRY)
    task_id = await desk.make(schedule, "[[play:broken]]")
    await desk.data("POST", f"/{task_id}/run")
    answers = [await desk.data("POST", f"/{task_id}/complete"), await desk.task(task_id)]
    # The run fails in a way that is tried again as a rule.
    assert [each["status"] for each in await desk.ended(task_id)] == ["failed"]
    for change in ({"schedule": "@hourly"}, {"schedule": "2026-02-02T00:00:00Z"}, {"enabled": False}):
        answers.append(await desk.data("PUT", f"/{task_id}", change))
    answers.append(await desk.data("POST", f"/{task_id}/enable"))
    assert {(each["status"], each["next_run_at"]) for each in answers} == {("completed", None)}
    await desk.tick(days=40)
    assert len(await desk.history(task_id)) == 1


@pytest.mark.parametrize(("says", "status"), [("[[play:plain]]", "completed"), ("[[play:gone]]", "failed")])
async def test_a_one_off_task_whose_time_has_passed_goes_on_with_another_time_only(
    desk: Desk, says: str, status: str
) -> None:
    task_id = await desk.make(SOON, says)
    await desk.tick(minutes=1)
    await desk.ended(task_id)

    async def state() -> tuple[Any, ...]:
        task = await desk.task(task_id)
        return task["status"], task["enabled"], task["next_run_at"]

    assert (await desk.ask("POST", f"/{task_id}/enable"))["error_detail"] == "schedule_invalid"
    # What was read is sent back with another name.
    await desk.data("PUT", f"/{task_id}", {**await desk.task(task_id), "name": "Other"})
    assert await state() == (status, True, None)
    await desk.data("POST", f"/{task_id}/enable", {"enabled": False})
    for method, path, body in (("POST", "/enable", None), ("PUT", "", {"enabled": True})):
        assert (await desk.ask(method, f"/{task_id}{path}", body))["error_detail"] == "schedule_invalid"
    assert (await state())[:2] == (status, False)
    await desk.data("PUT", f"/{task_id}", {"schedule": LATER, "enabled": True})
    assert await state() == ("pending", True, "2026-01-03T00:00:00.000000Z")


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\x7fb", "\x85", "\t", " ", ""])
async def test_a_name_of_a_task_holds_no_control_characters_and_is_not_blank(desk: Desk, name: str) -> None:
    task_id = await desk.make("@daily")
    fields = {"description": "y", "agent_id": desk.agent_id, "schedule": "@daily"}
    assert (await desk.ask("POST", "", {**fields, "name": name}))["code"] == 422
    assert (await desk.ask("PUT", f"/{task_id}", {"name": name}))["code"] == 422


async def test_texts_of_a_task_read_back_as_they_were_given(desk: Desk) -> None:
    given = {"name": " 報告 a  b ", "description": " [[play:plain]]\n ", "schedule": " @daily "}
    task_id = await desk.make(given["schedule"], given["description"], name=given["name"])
    task = await desk.task(task_id)
    assert {key: task[key] for key in given} == given
    await desk.tick(days=1)
    (start,) = await desk.ended(task_id)
    assert start["status"] == "completed"


async def test_a_time_that_comes_again_after_the_clock_went_back_is_passed_over(desk: Desk) -> None:
    task_id = await desk.make("@hourly")
    await desk.tick(hours=1)
    await desk.ended(task_id)
    await desk.tick(hours=-1)
    changed = await desk.data("PUT", f"/{task_id}", {"schedule": "0 * * * *"})
    assert changed["next_run_at"] == "2026-01-02T04:00:00.000000Z"
    await desk.tick(hours=1)
    assert (await desk.task(task_id))["next_run_at"] == "2026-01-02T05:00:00.000000Z"
    await desk.tick(hours=1)
    items = await desk.ended(task_id, 2)
    assert [each["scheduled_for"][11:16] for each in items] == ["05:00", "04:00"]


async def test_a_clock_that_jumped_ahead_and_came_back_leaves_no_task_behind(desk: Desk) -> None:
    task_id = await desk.make("@daily")
    await desk.tick(days=1800)
    await desk.ended(task_id)
    await desk.tick(days=-1800)
    assert (await desk.task(task_id))["next_run_at"] == "2026-01-03T00:00:00.000000Z"
    await desk.tick(days=1)
    async with asyncio.timeout(60):
        while len(done := (await desk.data("GET", f"/{task_id}/history?status=completed"))["items"]) < 2:
            await asyncio.sleep(0.05)
            await desk.tick()
    assert done[-1]["scheduled_for"] == "2026-01-03T00:00:00.000000Z"
