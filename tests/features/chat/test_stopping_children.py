"""Ends that come from outside while children work: interrupts, replacement, deletion, people (stream-runtime.md 6)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from features.chat.delegating import (
    ask,
    block,
    check_tree,
    delegate,
    delegated,
    finish,
    kinds,
    lead,
    people,
    requests_for,
    result_of,
    script,
    task,
    usage_of,
)
from features.chat.world import Chat, Json, Lines, chat_in, end_of, said, until
from support.house import ADMIN_PASSWORD, login
from support.open_stream import OpenStream

pytestmark = pytest.mark.anyio

INTERRUPTED = {
    "error": True,
    "error_type": "INTERRUPTED",
    "message": "工具执行已被用户中断",
    "tool_name": "sys_delegate_task",
}
QUESTION = {"id": "q", "type": "text", "title": "Which?"}
ASK = CallTools([Call("questionnaire", {"title": "T", "questions": [QUESTION], "wait_time": 0}, id="call_q")])


class Held:
    """A run whose first child is done, whose second is held in its text, and whose third waits for a place."""

    def __init__(self, chat: Chat, stream: OpenStream, gate: Gate, lines: Lines) -> None:
        self.chat = chat
        self.stream = stream
        self.gate = gate
        self.lines = lines

    async def rest(self) -> Lines:
        """All lines."""
        self.lines += await self.stream.lines()
        return self.lines

    async def ends(self) -> list[tuple[str, str | None]]:
        """(status, end reason) of the three children."""
        runs = [(await self.chat.alice.runs_of(f"s1_sub_{n}"))[0] for n in (1, 2, 3)]
        return [(run["status"], run.get("end_reason")) for run in runs]

    async def secrets(self) -> int:
        """How many runs still hold their input."""
        async with self.chat.house.services.database.read() as db:
            found = await db.scalar(text("select count(*) from runs where input_sealed is not null"))
        return int(found or 0)


@asynccontextmanager
async def held(folder: Path, path: str = "/api/web-stream") -> AsyncIterator[Held]:
    gate = Gate(Say("never"), text="Half ")
    async with chat_in(folder, {"held": [gate]}, max_parallel_children=1) as chat:
        (member,) = await people(chat, "Sales")
        parts = [task(member, name) for name in ("plain", "held", "plain")]
        words = script(chat, delegate(*parts), Say("All done."))
        stream = await chat.alice.open(path, said(words, agent_id=await lead(chat, member)))
        lines = [await stream.line()]
        while lines[-1].get("content") != "Half ":
            lines.append(await stream.line())
        yield Held(chat, stream, gate, lines)


async def test_interrupting_the_root_ends_its_children_first_and_all_of_them(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        active = await run.chat.alice.open("/api/stream/active_sessions")
        shown = [each["session_id"] for each in await active.snapshot()]
        await active.leave()
        listed = (await run.chat.alice.data("GET", "/api/conversations"))["list"]
        told = await run.chat.alice.data("POST", "/api/sessions/s1/interrupt", {"message": "stop"})
        lines = await run.rest()
        ends, secrets = await run.ends(), await run.secrets()
        history = await run.chat.alice.history()
        again = await run.chat.alice.say("hello")
    check_tree(lines)
    assert (shown, [(each["session_id"], each["status"]) for each in listed]) == (["s1"], [("s1", "running")])
    assert told["interrupted"] is True
    assert end_of(lines) == ("interrupted", "interrupt_request")
    assert (result_of(lines), kinds(lines, "s1_sub_2")) == (
        INTERRUPTED,
        ["normal", "do_subtask_result", "token_usage"],
    )
    assert [each["session_id"] for each in lines if each["type"] == "token_usage"][-1] == "s1"
    assert ends == [("completed", "answered"), *[("interrupted", "interrupt_request")] * 2]
    assert secrets == 0
    assert usage_of(lines, "s1")["total_info"]["prompt_tokens"] >= 20
    half = next(each for each in history if each.get("content") == "Half ")
    assert (half["metadata"], end_of(again)) == ({"interrupted": True}, ("completed", "answered"))


@pytest.mark.parametrize("number", [2, 3])
async def test_interrupting_one_child_stops_it_alone_and_its_parent_hears_of_it(tmp_path: Path, number: int) -> None:
    async with held(tmp_path) as run:
        told = await run.chat.alice.data("POST", f"/api/sessions/s1_sub_{number}/interrupt")
        run.gate.open()
        lines = await run.rest()
        ends = await run.ends()
        late = await run.chat.alice.data("POST", f"/api/sessions/s1_sub_{number}/interrupt")
        stream = await run.chat.alice.open(f"/api/stream/resume/s1_sub_{number}")
        fallback = await stream.lines()
    check_tree(lines)
    assert (told["interrupted"], late["interrupted"]) == (True, False)
    assert end_of(lines) == ("completed", "answered")
    assert [end[0] for end in ends] == ["completed", *["interrupted" if n == number else "completed" for n in (2, 3)]]
    agent = next(line for line in lines if line["type"] == "tool_call")
    (first, *_) = json.loads(agent["tool_calls"][0]["function"]["arguments"])["tasks"]
    results = str(result_of(lines)).split("\n\n")
    assert results[number - 1] == block(first["agent_id"], f"s1_sub_{number}", "interrupted", "failed")
    assert [each.count("Task finished: success") for each in results].count(1) == 2
    assert [(each["type"], each["resume_fallback"]) for each in fallback] == [("stream_end", True)]


async def test_what_was_said_at_the_stop_of_a_child_is_told_when_it_goes_on(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        await run.chat.alice.data("POST", "/api/sessions/s1_sub_2/interrupt", {"message": "NOT-LIKE-THAT"})
        lines = await run.rest()
        (first, *_) = delegated(lines)
        run.chat.scripts["again"] = [Say("Better.")]
        (other,) = await people(run.chat, "Other")
        again = task(other, "again", session_id="s1_sub_2")
        agent = await run.chat.alice.agent(name="Lead 2", agentMode="fibre", availableSubAgentIds=[other])
        more = await ask(run.chat, agent, again)
        (request,) = requests_for(run.chat, "again")
        info = (await run.chat.alice.data("GET", "/api/conversations/s1_sub_2/messages"))["conversation_info"]
    assert result_of(more) == block(other, "s1_sub_2", "Better.")
    assert "NOT-LIKE-THAT" in json.dumps(request)
    assert (first["agent_id"] != other, info["agent_id"]) == (True, other)


async def test_replacing_the_root_ends_its_children_as_replaced(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        fresh = await run.chat.alice.say("hello")
        lines = await run.rest()
        ends = await run.ends()
    check_tree(lines)
    assert (end_of(lines), end_of(fresh)) == (("replaced", "replaced"), ("completed", "answered"))
    assert ends == [("completed", "answered"), *[("replaced", "replaced")] * 2]


async def test_readers_that_leave_an_attached_run_end_its_children_with_it(tmp_path: Path) -> None:
    async with held(tmp_path, "/api/stream") as run:
        await run.stream.leave()

        async def all_ended() -> bool:
            return all(status != "running" and status != "queued" for status, _ in await run.ends())

        await until(all_ended)
        ends = await run.ends()
    assert ends == [("completed", "answered"), *[("interrupted", "client_disconnect")] * 2]


async def test_an_admin_stops_a_child_of_somebody_and_a_stranger_finds_none(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        bob = await run.chat.person("bob")
        foreign = (await bob.call("POST", "/api/sessions/s1_sub_2/interrupt")).json()
        async with run.chat.house.browser() as admin:
            await login(admin, "admin", ADMIN_PASSWORD)
            told = (await admin.post("/api/sessions/s1_sub_2/interrupt", json={})).json()
        lines = await run.rest()
        ends = await run.ends()
    assert (foreign["code"], foreign["error_detail"]) == (404, "session_not_found")
    assert (told["data"]["interrupted"], told["data"]["user_id"]) == (True, run.chat.alice.user_id)
    assert (end_of(lines), [status for status, _ in ends]) == (
        ("completed", "answered"),
        ["completed", "interrupted", "completed"],
    )


async def test_deleting_the_conversation_removes_its_children(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        await run.chat.alice.data("DELETE", "/api/conversations/s1")
        lines = await run.rest()
        codes = [
            (await run.chat.alice.call("GET", f"/api/conversations/{name}/messages")).json()["code"]
            for name in ("s1", "s1_sub_1", "s1_sub_2", "s1_sub_3")
        ]
    assert (end_of(lines), codes) == (("interrupted", "interrupt_request"), [404] * 4)


async def test_history_then_resume_is_what_a_watcher_has_at_any_line_of_a_delegation(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        data = await run.chat.alice.data("GET", "/api/conversations/s1/messages")
        index = data["next_stream_index"]
        rest = await run.chat.alice.open(f"/api/stream/resume/s1?last_index={index}")
        run.gate.open()
        tail = await rest.lines()
        lines = await run.rest()
    assert index == len(run.lines) - len(tail)
    assert lines[index:] == tail
    shown = {each["message_id"] for each in data["messages"][1:]}
    assert shown == {line["message_id"] for line in lines[:index] if line["type"] != "token_usage"}


async def test_a_child_asks_the_person_and_goes_on_with_the_answer(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"asks": [ASK, finish("Blue it is.")]}) as chat:
        (member,) = await people(chat, "Sales", availableTools=["questionnaire"])
        stream, _ = await opened(chat, member, "asks")
        waiting = await until(lambda: waiting_of(chat))
        answer = {"answers": {"q": "blue"}}
        await chat.alice.data("POST", f"/api/questionnaires/{waiting['id']}/submit", answer)
        lines = await stream.lines()
    check_tree(lines)
    assert (waiting["kind"], waiting["id"]) == ("questionnaire", "s1_sub_1__questionnaire__call_q")
    assert result_of(lines, "questionnaire", "s1_sub_1")["answers"] == {"q": "blue"}
    assert (result_of(lines), end_of(lines)) == (
        block(member, "s1_sub_1", "Blue it is."),
        ("completed", "answered"),
    )


async def test_a_run_whose_waiting_child_is_stopped_waits_no_more(tmp_path: Path) -> None:
    gate = Gate(Say("held"))
    async with chat_in(tmp_path, {"asks": [ASK, finish("never")], "held": [gate]}) as chat:
        (member,) = await people(chat, "Sales", availableTools=["questionnaire"])
        stream, run_id = await opened(chat, member, "asks", "held")
        await until(lambda: waiting_of(chat))
        await gate.reached.wait()
        await chat.alice.data("POST", "/api/sessions/s1_sub_1/interrupt", {})

        async def waits_no_more() -> bool:
            return (await chat.alice.run(run_id)).get("waiting") is None

        await until(waits_no_more)
        gate.open()
        lines = await stream.lines()
    assert end_of(lines) == ("completed", "answered")


async def test_a_tree_that_only_waits_for_people_is_parked_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    asks = {"asks": [ASK, finish("Blue it is.")], "also": [ASK, finish("Green then.")]}
    async with chat_in(tmp_path, asks) as chat:
        (member,) = await people(chat, "Sales", availableTools=["questionnaire"])
        stream, run_id = await opened(chat, member, "asks", "also", "plain")
        await parked(chat, run_id)
        for number, answer in ((1, "blue"), (2, "green")):
            path = f"/api/questionnaires/s1_sub_{number}__questionnaire__call_q/submit"
            await chat.alice.data("POST", path, {"answers": {"q": answer}})
        lines = await stream.lines()
        asked = [each.script for each in chat.provider.requests]
        run = await chat.alice.run(run_id)
    check_tree(lines)
    assert str(result_of(lines)).split("\n\n") == [
        block(member, "s1_sub_1", "Blue it is."),
        block(member, "s1_sub_2", "Green then."),
        block(member, "s1_sub_3", "Plainly."),
    ]
    assert (asked.count("asks"), asked.count("also"), asked.count("plain")) == (2, 2, 1)
    assert (run["takeovers"], run.get("waiting"), end_of(lines)) == (0, None, ("completed", "answered"))
    assert usage_of(lines, "s1")["total_info"]["prompt_tokens"] == 10 * (2 + 2 + 2 + 1)


async def test_a_parked_tree_is_stopped_at_once_and_one_child_of_it_alone(tmp_path: Path) -> None:
    asks = {"asks": [ASK, finish("Blue it is.")]}
    async with chat_in(tmp_path, asks) as chat:
        (member,) = await people(chat, "Sales", availableTools=["questionnaire"])
        stream, run_id = await opened(chat, member, "asks", "asks")
        await parked(chat, run_id)
        one = await chat.alice.data("POST", "/api/sessions/s1_sub_1/interrupt")
        still = await chat.alice.run(run_id)
        both = await chat.alice.data("POST", "/api/sessions/s1/interrupt")
        lines = await stream.lines()
        late = await chat.alice.call(
            "POST", "/api/questionnaires/s1_sub_2__questionnaire__call_q/submit", {"answers": {"q": "blue"}}
        )
        ends = [(await chat.alice.runs_of(f"s1_sub_{n}"))[0]["status"] for n in (1, 2)]
    check_tree(lines)
    assert (one["interrupted"], one["status"], still["status"]) == (True, "interrupted", "running")
    assert (both["interrupted"], end_of(lines)) == (True, ("interrupted", "interrupt_request"))
    assert (ends, late.status_code) == (["interrupted"] * 2, 410)
    assert result_of(lines) == INTERRUPTED


@pytest.mark.parametrize("shows", [True, False])
async def test_a_child_asks_for_approval_by_the_stricter_policy_of_the_two(tmp_path: Path, shows: bool) -> None:
    write = CallTools([Call("file_write", {"file_path": "/workspace/a.txt", "content": "x"}, id="call_w")])
    async with chat_in(tmp_path, {"writes": [write, finish("written")]}) as chat:
        (member,) = await people(chat, "Sales", availableTools=["file_write"])
        options = {"stream_options": {"approvals": shows}, "sandbox_approval_mode": "always"}
        stream, _ = await opened(chat, member, "writes", **options)
        waiting = await until(lambda: waiting_of(chat))
        if shows:
            body = {"session_id": "s1_sub_1", "approval_id": waiting["id"], "decision": "approve"}
            await chat.alice.data("POST", "/api/sandbox/approval", body)
        else:
            answer = {"answers": {"decision": "approve"}}
            await chat.alice.data("POST", f"/api/questionnaires/{waiting['id']}/submit", answer)
        lines = await stream.lines()
    check_tree(lines)
    asked = [
        line["type"] for line in lines if line["type"].startswith("sandbox_approval") and "_sub_" in line["session_id"]
    ]
    assert asked == (["sandbox_approval_requested", "sandbox_approval_resolved"] if shows else [])
    assert waiting["kind"] == ("approval" if shows else "questionnaire")
    assert (result_of(lines), end_of(lines)) == (block(member, "s1_sub_1", "written"), ("completed", "answered"))
    assert result_of(lines, "file_write", "s1_sub_1")["status"] == "success"


async def test_a_child_whose_conversation_is_deleted_is_stopped_and_its_parent_goes_on(tmp_path: Path) -> None:
    async with held(tmp_path) as run:
        await run.chat.alice.data("DELETE", "/api/conversations/s1_sub_2")
        lines = await run.rest()
        left = [each["session_id"] for each in await run.chat.alice.history()]
    check_tree(lines)
    assert end_of(lines) == ("completed", "answered")
    assert str(result_of(lines)).count("Task finished: success") == 2
    assert "s1_sub_2" not in left


async def parked(chat: Chat, run_id: str) -> None:
    """Waits until a run that only waits for people holds no lease."""

    async def has_no_lease() -> bool:
        chat.house.clock.move(seconds=6)
        async with chat.house.services.database.read() as db:
            query = text("select waiting is not null and lease_owner is null from runs where run_id = :run")
            return bool(await db.scalar(query, {"run": run_id}))

    await until(lambda: waiting_of(chat))
    await until(has_no_lease)


async def opened(chat: Chat, member: str, *plays: str, **more: Any) -> tuple[OpenStream, str]:
    """A run whose children follow scripts, under way."""
    words = script(chat, delegate(*[task(member, play) for play in plays]), Say("All done."))
    stream = await chat.alice.open("/api/web-stream", said(words, agent_id=await lead(chat, member), **more))
    return stream, stream.headers["x-clary-run-id"]


async def waiting_of(chat: Chat) -> Json | None:
    """What the run of the session waits for."""
    run = (await chat.alice.runs_of("s1"))[-1]
    return run.get("waiting")
