"""Thinking before the work, and what comes after it (stream-runtime.md 9.3, 9.10, 9.11)."""

import json
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Fault, Say, Step
from features.chat.people import told
from features.chat.world import Chat, chat_in, end_of

pytestmark = pytest.mark.anyio

END = ["token_usage", "stream_end"]
THINK = "<enable_deep_thinking>true</enable_deep_thinking>"
READ = Call("file_read", {"file_path": "a.txt"})
WRITTEN = {"file_path": "/workspace/a.json", "content": "{}"}
FILES: dict[str, Any] = {"available_tools": ["file_write", "file_read", "execute_shell_command"]}


@pytest.mark.parametrize(
    ("text", "more", "analyses"),
    [
        ("hello", {"deep_thinking": True}, True),
        (f"{THINK}hello", {}, True),
        (f"{THINK}hello", {"deep_thinking": False}, False),
        ("hello", {}, False),
    ],
)
async def test_a_model_without_a_switch_analyses_first_when_asked(
    chat: Chat, text: str, more: dict[str, Any], analyses: bool
) -> None:
    lines = await chat.alice.say(text, **more)
    history = [each["type"] for each in await chat.alice.history()]
    await chat.alice.say("and?", "s1")
    kinds = [*(["task_analysis"] if analyses else []), "do_subtask_result"]
    assert told(lines) == [*kinds, *END]
    assert history == ["normal", *kinds]
    assert [each["role"] for each in chat.asked()["messages"]].count("assistant") == len(kinds)
    steps = [each["step_name"] for each in usage_of(lines)["per_step_info"]]
    assert steps == [*(["task_analysis"] if analyses else []), "direct_execution"]


def usage_of(lines: list[dict[str, Any]]) -> Any:
    return next(line for line in lines if line["type"] == "token_usage")["metadata"]["token_usage"]


@pytest.mark.parametrize(
    ("style", "text", "more", "sent"),
    [
        ("reasoning_effort", f"<thinking_level>high</thinking_level>{THINK}go", {}, {"reasoning_effort": "high"}),
        ("reasoning_effort", "go", {}, {}),
    ],
)
async def test_a_model_with_a_switch_gets_it_on_main_calls_only(
    tmp_path: Path, style: str, text: str, more: dict[str, Any], sent: dict[str, Any]
) -> None:
    async with chat_in(tmp_path) as chat:
        row = {"base_url": chat.provider.url, "api_keys": ["sk-x-0000000"], "model": "t", "thinking_style": style}
        provider_id = (await chat.alice.data("POST", "/api/llm-provider/create", row))["id"]
        lines = await chat.alice.say(text, provider_id=provider_id, more_suggest=True, **more)
        main, small = (each.body for each in chat.provider.requests)
    assert told(lines)[0] == "do_subtask_result"
    assert {key: main[key] for key in ("reasoning_effort",) if key in main} == sent
    assert "reasoning_effort" not in small


async def test_three_follow_ups_come_after_the_answer_and_a_failure_is_silent(tmp_path: Path) -> None:
    good = json.dumps({"suggestions": ["One?", "Two?", "x" * 60]})
    async with chat_in(tmp_path, {"good": [Say(good)], "bad": [Say("no JSON")]}) as chat:
        told_three = await chat.alice.say("[[play:good]]", "s1", more_suggest=True)
        silent = await chat.alice.say("[[play:bad]]", "s2", more_suggest=True)
        await chat.alice.say("[[play:plain]] on", "s1")
        seen = json.dumps(chat.asked()["messages"], ensure_ascii=False)
    line = next(each for each in told_three if each["type"] == "query_suggest")
    assert told(told_three) == ["do_subtask_result", "query_suggest", *END]
    assert [len(each) for each in line["metadata"]["suggestions"]] == [4, 4, 40]
    assert line["content"] == "\n".join(f"- {each}" for each in line["metadata"]["suggestions"])
    assert "- One?" not in seen
    assert told(silent) == ["do_subtask_result", *END]
    assert usage_of(silent)["per_step_info"][-1]["step_name"] == "query_suggest"


@pytest.mark.parametrize(("cap", "notice"), [(50, []), (1, ["normal"])])
async def test_the_summary_is_written_last_and_before_a_notice(tmp_path: Path, cap: int, notice: list[str]) -> None:
    async with chat_in(tmp_path, {"work": [CallTools([READ]), Say("Read.")]}) as chat:
        lines = await chat.alice.say("[[play:work]]", force_summary=True, max_loop_count=cap, **FILES)
        last = chat.asked()
        history = [each["type"] for each in await chat.alice.history()]
    answer = [] if notice else ["do_subtask_result"]
    assert told(lines)[2:] == [*answer, "final_answer", *notice, *END]
    assert history[-1 - len(notice) :] == ["final_answer", *notice]
    assert "tools" not in last
    assert end_of(lines) == ("completed", "loop_limit" if notice else "answered")


async def test_a_summary_without_words_is_asked_for_again_and_at_last_written_by_the_server(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"deaf": [CallTools([READ])]}) as chat:
        lines = await chat.alice.say("[[play:deaf]]", force_summary=True, max_loop_count=1, **FILES)
    assert len(chat.provider.requests) == 4
    assert told(lines) == ["call file_read", "result EXECUTION_ERROR", "final_answer", "normal", *END]
    assert lines[2]["content"] == "任务：[[play:deaf]]\n\n已执行的调用：file_read × 1\n\n最后的答复：–"


async def test_a_model_that_goes_in_circles_is_reminded_and_stopped_whatever_the_clock_says(tmp_path: Path) -> None:
    calls = [Call("execute_shell_command", {"command": "echo same"}), READ]
    async with chat_in(tmp_path, {"loop": [CallTools(calls)]}, sandbox=True) as chat:
        lines = await chat.alice.say("[[play:loop]]", **FILES)
        reminded = ["three times" in json.dumps(each.body["messages"]) for each in chat.provider.requests]
    assert (told(lines).count("call execute_shell_command"), end_of(lines)) == (5, ("completed", "repetition"))
    assert reminded == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("name", "content", "answer", "faults"),
    [
        ("a.py", "def f(:\n", "Written.", 2),
        ("a.json", "{", "Written.", 2),
        ("a.toml", "a = 1", "See [it](/workspace/a.toml).", 0),
        ("a.txt", "x", "See [the other](/workspace/none.txt).", 2),
        ("a.txt", "x", "See [the other](none%20of%20it.txt) and [web](https://example.org/a.txt).", 2),
        ("my note.txt", "x", "See [it](my%20note.txt#top) and [up](#top).", 0),
    ],
)
async def test_what_was_written_is_looked_at_twice_at_most(
    tmp_path: Path, name: str, content: str, answer: str, faults: int
) -> None:
    write = Call("file_write", {"file_path": f"/workspace/{name}", "content": content})
    async with chat_in(tmp_path, {"write": [CallTools([write]), Say(answer)]}, sandbox=True) as chat:
        lines = await chat.alice.say("[[play:write]]", **FILES)
        seen = chat.asked()["messages"]
    reports = [line for line in lines if line["type"] == "observation"]
    assert len(reports) == faults
    assert all(each["metadata"]["self_check_passed"] is False for each in reports)
    assert [each["content"] for each in reports if each["content"] not in [m["content"] for m in seen]] == []
    assert end_of(lines) == ("completed", "answered")


async def test_what_a_client_seeds_is_no_work_of_the_run(tmp_path: Path) -> None:
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": "file_write", "arguments": json.dumps(WRITTEN)}}
        for number in range(4)
    ]
    seeded: list[Any] = [{"role": "user", "content": "earlier"}]
    for call in calls:
        seeded.append({"role": "assistant", "tool_calls": [call]})
        seeded.append({"role": "tool", "tool_call_id": call["id"], "content": '{"status":"success"}'})
    body = {"messages": [*seeded, {"role": "user", "content": "[[play:write]]"}], "session_id": "s1", **FILES}
    async with chat_in(tmp_path, {"write": [CallTools([Call("file_write", WRITTEN)]), Say("Done.")]}) as chat:
        lines = await (await chat.alice.open("/api/stream", body)).lines()
        again = {"messages": [*seeded, {"role": "user", "content": "[[play:plain]] thanks"}], "session_id": "s2"}
        thanks = await (await chat.alice.open("/api/stream", again)).lines()
    # Neither counts among five equal calls, nor is looked at: the file of the second talk was never written.
    assert (told(lines)[-3:], end_of(lines)) == (["do_subtask_result", *END], ("completed", "answered"))
    assert told(thanks) == ["do_subtask_result", *END]


async def test_a_file_that_was_mended_passes(tmp_path: Path) -> None:
    path = "/workspace/a.json"
    script: list[Step] = [
        CallTools([Call("file_write", {"file_path": path, "content": "{"})]),
        Say("Written."),
    ]
    mended = [CallTools([Call("file_write", {"file_path": path, "content": "{}"})]), Say("Mended.")]
    async with chat_in(tmp_path, {"write": script, "mend": mended}, sandbox=True) as chat:
        await chat.alice.say("[[play:write]]", **FILES)
        lines = await chat.alice.say("[[play:mend]]", **FILES)
    assert told(lines) == ["call file_write", "result ok", "do_subtask_result", *END]


async def test_a_failed_run_has_neither_summary_nor_follow_ups(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"bad": [Fault("status", status=401)]}) as chat:
        lines = await chat.alice.say("[[play:bad]]", force_summary=True, more_suggest=True)
    assert told(lines) == ["final_answer", *END]
    assert end_of(lines) == ("failed", "model_error")
