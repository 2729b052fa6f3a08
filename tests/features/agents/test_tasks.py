"""Drafts and better instructions in the background (product.md 3.7, A13)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Gate, Say, ScriptedProvider
from features.agents.test_generation import DRAFT, DRAFTED, OPTIMIZE, SCRIPTS, refusal, wish
from features.chat.world import Chat, Speaker, chat_in
from support.house import bearer, house_in, login

pytestmark = pytest.mark.anyio

TASKS = "/api/agent/tasks"
START = 1767323045.0


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """Alice with a model that drafts."""
    async with chat_in(tmp_path, SCRIPTS) as built:
        yield built


async def submitted(person: Speaker, script: str) -> Any:
    """A task that drafts an agent."""
    return await person.data("POST", f"{DRAFT}/submit", wish(script))


async def ended(person: Speaker, task_id: str) -> Any:
    """The task, when it has ended."""
    async with asyncio.timeout(20):
        while (task := await person.data("GET", f"{TASKS}/{task_id}"))["status"] in ("pending", "running"):
            await asyncio.sleep(0.01)
    return task


async def until_asked(provider: ScriptedProvider, times: int) -> None:
    """Waits until the model has been called so often."""
    async with asyncio.timeout(20):
        while len(provider.requests) < times:
            await asyncio.sleep(0.01)


async def test_a_task_ends_with_what_the_direct_call_answers(chat: Chat) -> None:
    task = await submitted(chat.alice, "draft")
    assert task == {
        "task_id": task["task_id"],
        "task_type": "auto_generate",
        "status": "pending",
        "progress": 0,
        "result": None,
        "error": None,
        "metadata": {"step": ""},
        "created_at": START,
        "updated_at": START,
    }
    done = await ended(chat.alice, task["task_id"])
    result = done.pop("result")
    assert done == {
        **{name: value for name, value in task.items() if name != "result"},
        "status": "completed",
        "progress": 100,
        "metadata": {"step": "done"},
    }
    assert (result["name"], result["systemPrefix"]) == (DRAFTED["name"], DRAFTED["systemPrefix"])
    assert result == {**(await chat.alice.data("POST", DRAFT, wish("draft"))), "exportTime": result["exportTime"]}
    better = await chat.alice.data("POST", f"{OPTIMIZE}/submit", {"original_prompt": "[[play:better]]"})
    assert better["task_type"] == "system_prompt_optimize"
    assert (await ended(chat.alice, better["task_id"]))["result"]["optimized_prompt"] == "# Role\nBetter."


async def test_a_task_that_failed_says_why_in_the_readers_language(chat: Chat) -> None:
    task = await submitted(chat.alice, "weather")
    failed = await ended(chat.alice, task["task_id"])
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["error"] == "模型调用失败: 模型服务返回了无法识别的内容"
    english = await chat.alice.call("GET", f"{TASKS}/{task['task_id']}", X_Locale="en-US")
    assert english.json()["data"]["error"] == "The model call failed: The model service sent an unreadable answer"


async def test_calling_a_task_off_ends_its_model_call_within_a_second(chat: Chat) -> None:
    task = await submitted(chat.alice, "hold")
    await until_asked(chat.provider, 1)
    path = f"{TASKS}/{task['task_id']}"
    running = await chat.alice.data("GET", path)
    assert (running["status"], running["progress"], running["metadata"]) == ("running", 10, {"step": "model"})
    for _ in range(2):
        assert (await chat.alice.data("POST", f"{path}/cancel"))["status"] == "cancelled"
    async with asyncio.timeout(1):
        await chat.provider.requests[0].client_left.wait()
    assert (await chat.alice.data("GET", path))["status"] == "cancelled"
    whole = await submitted(chat.alice, "draft")
    await ended(chat.alice, whole["task_id"])
    assert (await chat.alice.data("POST", f"{TASKS}/{whole['task_id']}/cancel"))["status"] == "completed"


async def test_a_foreign_task_answers_like_an_unknown_one(chat: Chat) -> None:
    task, bob = await submitted(chat.alice, "draft"), await chat.person("bob")
    gone = (200, 404, "task_not_found", "任务不存在")
    for each in (task["task_id"], "0" * 32, "x" * 300, "%2e%2e"):
        answer = (await bob.call("GET", f"{TASKS}/{each}")).json()
        assert (answer["code"], answer["error_detail"], answer["message"]) == gone[1:]
        assert await refusal(bob, f"{TASKS}/{each}/cancel", {}) == gone
    assert (await ended(chat.alice, task["task_id"]))["status"] == "completed"


async def test_of_a_hundred_tasks_at_once_five_are_taken(chat: Chat) -> None:
    answers = await asyncio.gather(*(chat.alice.call("POST", f"{DRAFT}/submit", wish("hold")) for _ in range(100)))
    codes = [answer.json()["code"] for answer in answers]
    assert (codes.count(200), codes.count(429)) == (5, 95)
    refused = next(answer for answer in answers if answer.json()["code"] == 429)
    assert (refused.status_code, refused.headers["retry-after"]) == (200, "30")
    assert refused.json()["error_detail"] == "throttled"
    taken = [answer.json()["data"]["task_id"] for answer in answers if answer.json()["code"] == 200]
    await chat.alice.data("POST", f"{TASKS}/{taken[0]}/cancel")
    await submitted(chat.alice, "draft")
    assert (await chat.person("bob")).provider_id


async def test_a_task_is_finished_by_the_next_server_after_a_restart(tmp_path: Path) -> None:
    gate = Gate(SCRIPTS["draft"][0])
    async with ScriptedProvider({"gate": [gate], "plain": [Say("Plainly.")]}) as provider:
        async with house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house:
            chat = Chat(house, provider, {})
            alice = await chat.person("alice")
            task = await submitted(alice, "gate")
            await until_asked(provider, 1)
            await chat.close()
        assert provider.requests[0].client_left.is_set()
        gate.open()
        async with house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house, house.browser() as client:
            client.headers.update(bearer(await login(client, "alice")))
            async with asyncio.timeout(20):
                while (found := (await client.get(f"{TASKS}/{task['task_id']}")).json()["data"])["result"] is None:
                    await asyncio.sleep(0.01)
    assert (found["status"], found["result"]["name"]) == ("completed", "Reporter")
