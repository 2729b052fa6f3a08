"""Plans that a person confirms, workflows, the task list (stream-runtime.md 9.6, 9.9)."""

from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say, Step
from features.chat.people import lines_to, question, submit, told
from features.chat.world import Chat, chat_in, end_of, said
from support.open_stream import OpenStream

pytestmark = pytest.mark.anyio

PLAN = "Goal: tidy.\n1. Read it\n2. Write it"
TAG = "<enable_plan>true</enable_plan>"
TOOLS: dict[str, Any] = {"available_tools": ["file_write", "file_read", "todo_write", "execute_shell_command"]}


def scripts() -> dict[str, list[Step]]:
    read, write = Call("file_read", {"file_path": "a.txt"}), Call("file_write", {"file_path": "a.txt", "content": "x"})
    return {
        "plan": [CallTools([read]), Say(PLAN), CallTools([write]), Say("Carried out.")],
        "replan": [Say(PLAN)],
        "endless": [CallTools([read])],
        "sneaky": [CallTools([write]), Say(PLAN)],
    }


async def asked(chat: Chat, script: str, **more: Any) -> tuple[OpenStream, dict[str, Any]]:
    stream = await chat.alice.open("/api/web-stream", said(f"{TAG}[[play:{script}]]", **{**TOOLS, **more}))
    return stream, await question(stream)


def offered(request: dict[str, Any]) -> set[str]:
    return {each["function"]["name"] for each in request.get("tools", ())}


async def test_a_plan_is_made_by_reading_and_carried_out_when_accepted(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream, form = await asked(chat, "plan")
        await submit(chat, form, {"decision": "execute_plan", "feedback": "carefully"})
        lines = await stream.lines()
        tasks = (await chat.alice.data("POST", "/api/sessions/s1/tasks_status"))["tasks_status"]["tasks"]
        requests = [each.body for each in chat.provider.requests]
    assert form["questionnaire_kind"] == "plan_confirmation"
    options = [each["value"] for each in form["questions"][0]["options"]]
    assert (options, "default" in form["questions"][0]) == (["execute_plan", "adjust_plan", "add_requirements"], False)
    assert offered(requests[0]) == {"file_read", "questionnaire", "todo_write", "todo_read"}
    assert offered(requests[2]) == {"file_write", "file_read", "todo_write", "todo_read"}
    assert told(lines) == [
        "result ok",
        "call file_write",
        "result ok",
        "do_subtask_result",
        "token_usage",
        "stream_end",
    ]
    assert [(each["id"], each["content"], each["status"]) for each in tasks] == [
        ("1", "Read it", "pending"),
        ("2", "Write it", "pending"),
    ]
    assert end_of(lines) == ("completed", "answered")


async def test_other_wishes_make_another_plan_five_times_and_then_it_is_the_persons_turn(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream, form = await asked(chat, "replan")
        for decision in ("adjust_plan", "add_requirements", "adjust_plan", "adjust_plan", "adjust_plan"):
            await submit(chat, form, {"decision": decision, "feedback": "more"})
            form = await question(stream)
        await submit(chat, form, {"decision": "adjust_plan"})
        lines = await stream.lines()
    assert (told(lines), end_of(lines)) == (
        ["result ok", "token_usage", "stream_end"],
        ("completed", "need_user_input"),
    )
    assert len(chat.provider.requests) == 6


async def test_no_answer_ends_the_run_and_the_next_one_knows_the_plan(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream, form = await asked(chat, "replan")
        await submit(chat, form, {"decision": "", "feedback": ""})
        lines = await stream.lines()
        await chat.alice.say("[[play:plain]] go ahead")
        seen = [each.get("content") for each in chat.asked()["messages"]]
    assert end_of(lines) == ("completed", "need_user_input")
    assert PLAN in seen


async def test_words_during_the_planning_reach_the_plan(tmp_path: Path) -> None:
    gate = Gate(CallTools([Call("file_read", {"file_path": "a.txt"})]))
    async with chat_in(tmp_path, {"slow": [gate, Say(PLAN)]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said(f"{TAG}[[play:slow]]", **TOOLS))
        await gate.reached.wait()
        await chat.alice.data("POST", "/api/sessions/s1/inject-user-message", {"content": "mind the order"})
        gate.open()
        form = await question(stream)
        await submit(chat, form, {"decision": ""})
        await stream.lines()
        seen = [each["content"] for each in chat.provider.requests[1].body["messages"] if each["role"] == "user"]
    assert "mind the order" in seen


async def test_a_plan_has_at_most_ten_calls_and_tools_that_write_do_not_run(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        endless = await chat.alice.say(f"{TAG}[[play:endless]]", **TOOLS)
        calls = len(chat.provider.requests)
        stream = await chat.alice.open("/api/web-stream", said(f"{TAG}[[play:sneaky]]", "s2", **TOOLS))
        before = await lines_to(stream, "tool_call_result")
        form = await question(stream)
        await submit(chat, form, {"decision": ""})
        await stream.lines()
        listed = await chat.alice.data("POST", "/api/agent/default_agent/file_workspace?session_id=s2")
    assert (calls, end_of(endless)) == (10, ("failed", "model_error"))
    assert told(before)[-2:] == ["call file_write", "result PERMISSION_DENIED"]
    assert listed["files"] == []


async def test_a_workflow_becomes_the_task_list_when_it_is_loaded_or_named(tmp_path: Path) -> None:
    steps = {"weekly report": ["Collect", "Write"], "周报": ["收集"]}
    load = [CallTools([Call("load_workflow", {"workflow_name": "weekly report"})]), Say("Loaded.")]
    more = {"available_workflows": steps, "available_tools": []}
    async with chat_in(tmp_path, {"load": load}) as chat:
        await chat.alice.say("[[play:load]] please", "s1", **more)
        await chat.alice.say("[[play:plain]] do the Weekly Report now", "s2", **more)
        await chat.alice.say("[[play:plain]] 请按周报流程做", "s3", **more)
        await chat.alice.say("[[play:plain]] weekly reporting is fun", "s4", **more)
        facts = chat.provider.requests[2].body["messages"][-1]["content"]
        listed = [await tasks_of(chat, session) for session in ("s1", "s2", "s3", "s4")]
    assert listed == [["Collect", "Write"], ["Collect", "Write"], ["收集"], []]
    assert "Collect" in facts


async def tasks_of(chat: Chat, session: str) -> list[str]:
    data = await chat.alice.data("POST", f"/api/sessions/{session}/tasks_status")
    return [each["content"] for each in data["tasks_status"]["tasks"]]
