"""What the model is shown of a long conversation (stream-runtime.md 9.4, 9.8)."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Fault, Say, Step, Tokens
from features.chat.people import question, submit, told
from features.chat.world import Chat, chat_in, end_of, said
from features.skills.archives import skill_zip

pytestmark = pytest.mark.anyio

SMALL: dict[str, Any] = {"llm_model_config": {"max_model_len": 6000, "max_tokens": 500}}
SMALL_TURN: dict[str, Any] = {"max_model_len": 6800, "max_tokens": 500}
RULE = {"role": "system", "content": "RULE: answer in rhymes."}
TOO_LONG = Fault("status", status=400, body={"error": {"message": "maximum context length exceeded"}})


def long(word: str, tokens: int = 1200) -> str:
    return f"{word} " + "fill " * (tokens * 4 // 5)


def is_summary(request: dict[str, Any]) -> bool:
    return str(request["messages"][0]["content"]).startswith("Summarise the conversation")


def mains(chat: Chat) -> list[dict[str, Any]]:
    """Requests of main calls."""
    return [each.body for each in chat.provider.requests if not is_summary(each.body)]


def is_paired(request: dict[str, Any]) -> bool:
    """Whether every result stands behind its call, and every call has one."""
    open_ids: list[str] = []
    for message in request["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_ids:
                return False
            open_ids.remove(message["tool_call_id"])
        elif open_ids:
            return False
        open_ids += [call["id"] for call in message.get("tool_calls") or ()]
    return not open_ids


async def test_a_full_context_is_summarised_once_and_what_the_person_said_stays_word_for_word(tmp_path: Path) -> None:
    form = {"title": "Q", "questions": [{"id": "colour", "type": "text", "title": "Colour?"}], "wait_time": 0}
    scripts: dict[str, list[Step]] = {
        "ask": [CallTools([Call("questionnaire", form)]), Say(long("asked"))],
        "long": [Say(long("answer"))],
    }
    more: dict[str, Any] = {
        "llm_model_config": {"max_model_len": 10_000, "max_tokens": 500},
        "available_tools": ["questionnaire"],
        "available_skills": ["dates"],
    }
    async with chat_in(tmp_path, scripts) as chat:
        await chat.alice.upload("/api/skills/upload", skill_zip(body="Use ISO."))
        body = said("<skill>dates</skill>[[play:ask]] The limit is 42.", **more)
        body["messages"].insert(0, RULE)
        stream = await chat.alice.open("/api/web-stream", body)
        await submit(chat, await question(stream), {"colour": "ultramarine"})
        await stream.lines()
        for word in ("second", "third", "fourth", "fifth"):
            await chat.alice.say(f"[[play:long]] {word}", **more)
        before = await chat.alice.history()
        chat.provider.requests.clear()
        lines = await chat.alice.say("[[play:plain]] sixth", **more)
        first = [each.body for each in chat.provider.requests]
        chat.provider.requests.clear()
        await chat.alice.say("[[play:plain]] seventh", **more)
        again = [each.body for each in chat.provider.requests]
        after = await chat.alice.history()
    assert [is_summary(each) for each in first] == [True, False]
    assert [is_summary(each) for each in again] == [False]
    assert told(lines) == [
        "call compress_conversation_history",
        "result ok",
        "do_subtask_result",
        "token_usage",
        "stream_end",
    ]
    call, result = lines[:2]
    assert call["metadata"] == result["metadata"]
    assert (call["metadata"]["auto_generated"], call["tool_calls"][0]["id"][:14]) == (True, "auto_compress_")
    for request in (first[1], again[0]):
        summary = str(next(m["content"] for m in request["messages"] if "<conversation_summary>" in str(m["content"])))
        assert ("The limit is 42." in summary, "ultramarine" in summary, is_paired(request)) == (True, True, True)
        assert sum("Use ISO." in str(m["content"]) for m in request["messages"]) == 1
        assert "asked fill" not in str(request["messages"])
        words = [str(m["content"]) for m in request["messages"] if m["role"] == "user"]
        assert [any(word in each for each in words) for word in ("fourth", "fifth", "sixth")] == [True] * 3
    assert after[: len(before)] == before


async def test_an_edit_within_what_was_summarised_drops_the_summary(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"long": [Say(long("answer"))]}) as chat:
        first = said("[[play:long]] first", **SMALL)
        first["messages"][0]["message_id"] = "m1"
        await (await chat.alice.open("/api/web-stream", first)).lines()
        for word in ("second", "third", "fourth", "fifth"):
            await chat.alice.say(f"[[play:long]] {word}", **SMALL)
        summarised = any(is_summary(each.body) for each in chat.provider.requests)
        chat.provider.requests.clear()
        body = said("[[play:plain]] last", **SMALL)
        body["messages"].insert(0, {"role": "user", "content": "changed", "message_id": "m1"})
        await (await chat.alice.open("/api/web-stream", body)).lines()
        requests = [each.body for each in chat.provider.requests]
    assert summarised
    assert is_summary(requests[0])
    assert "Earlier summary" not in str(requests[0])
    assert "changed" in str(requests[0])


async def test_old_tool_output_is_shortened_first(tmp_path: Path) -> None:
    write = Call("file_write", {"file_path": "a.txt", "content": long("body", 1500)})
    read = Call("file_read", {"file_path": "a.txt"})
    script: list[Step] = [CallTools([write]), CallTools([read]), CallTools([read]), Say("Done.")]
    async with chat_in(tmp_path, {"work": script}) as chat:
        more: dict[str, Any] = {"llm_model_config": {"max_model_len": 6800, "max_tokens": 500}}
        lines = await chat.alice.say("[[play:work]]", available_tools=["file_write", "file_read"], **more)
        last = chat.asked()
        cut = next(m for m in last["messages"] if m["role"] == "tool" and "left out" in str(m["content"]))
        place = cut["content"].split("the whole is in /workspace/")[1].split("]")[0]
        query = f"file_path={place}&session_id=s1"
        kept = await chat.alice.call("GET", f"/api/agent/default_agent/file_workspace/download?{query}")
    assert json.loads(kept.text)["content"] == long("body", 1500)
    results = [str(m["content"]) for m in last["messages"] if m["role"] == "tool"]
    assert end_of(lines) == ("completed", "answered")
    assert [("characters left out" in each) for each in results] == [False, True, False]
    assert is_paired(last)


async def test_what_stays_too_long_for_the_provider_is_asked_for_twice_and_no_more(tmp_path: Path) -> None:
    scripts: dict[str, list[Step]] = {
        "long": [Say(long("answer"))],
        "never": [TOO_LONG],
    }
    async with chat_in(tmp_path, scripts) as chat:
        for word in ("first", "second", "third", "fourth"):
            await chat.alice.say(f"[[play:long]] {word}")
        chat.provider.requests.clear()
        failed = await chat.alice.say("[[play:never]]")
        kinds = [is_summary(each.body) for each in chat.provider.requests]
    assert kinds == [False, True, False]
    assert told(failed) == [
        "call compress_conversation_history",
        "result ok",
        "final_answer",
        "token_usage",
        "stream_end",
    ]
    assert failed[2]["error_info"]["kind"] == "context_overflow"


async def test_a_message_that_alone_does_not_fit_fails_and_is_only_told_of_later(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        huge = long("huge", 7000)
        lines = await chat.alice.say(huge, **SMALL)
        await chat.alice.say("what now?", **SMALL)
        requests = [each.body for each in chat.provider.requests]
        history = await chat.alice.history()
    assert (told(lines), lines[0]["error_info"]["kind"]) == (
        ["final_answer", "token_usage", "stream_end"],
        "input_too_large",
    )
    assert len(requests) == 1
    assert [m["content"] for m in requests[0]["messages"][1:3]] == [
        f"[A message of {len(huge)} characters is left out here: it did not fit into the context.]",
        "what now?",
    ]
    assert history[0]["content"] == huge


async def test_words_during_a_run_count_as_turns_and_are_covered_for_the_next_run_too(tmp_path: Path) -> None:
    guide = "/api/sessions/s1/inject-user-message"
    async with chat_in(tmp_path, {"long": [Say(long("answer"))]}) as chat:
        await chat.alice.say("[[play:long]] first", **SMALL)
        for word in ("second", "third", "fourth", "fifth", "sixth"):
            await chat.alice.data("POST", guide, {"content": f"[[play:long]] {word}", "guidance_id": word})
        stream = await chat.alice.open("/api/web-stream", {"messages": [], "session_id": "s1", **SMALL})
        lines = await stream.lines()
        chat.provider.requests.clear()
        await chat.alice.say("[[play:plain]] and?", **SMALL)
        last = chat.asked()
    assert end_of(lines) == ("completed", "answered")
    said_to = [str(m["content"]) for m in last["messages"]]
    assert len([each for each in said_to if "<conversation_summary>" in each]) <= 1
    assert is_paired(last)


async def test_what_stands_before_the_messages_is_the_same_bytes_in_every_call_and_run(tmp_path: Path) -> None:
    script: list[Step] = [
        CallTools([Call("todo_write", {"tasks": [{"id": "1", "content": "Look"}]})]),
        CallTools([Call("file_write", {"file_path": "a.txt", "content": "x"})]),
        Say("Done.", usage=Tokens(prompt=1000, completion=5, cached=900)),
    ]
    async with chat_in(tmp_path, {"work": script}) as chat:
        agent_id = await chat.alice.agent(
            availableTools=["file_write"], systemContext={"b": [1], "a": {"z": 1, "y": 2}}, memoryType="user"
        )
        lines = await chat.alice.say("[[play:work]] one", agent_id=agent_id)
        chat.house.clock.move(minutes=5)
        await chat.alice.say("[[play:work]] two", agent_id=agent_id)
        calls = mains(chat)
    heads = {json.dumps([each["messages"][0], each["tools"]], sort_keys=True) for each in calls if "tools" in each}
    assert len(heads) == 1
    stable = [[json.dumps(m) for m in each["messages"][:-1]] for each in calls if "tools" in each]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(stable))
    usage = next(line for line in lines if line["type"] == "token_usage")["metadata"]["token_usage"]["total_info"]
    assert usage["cached_tokens"] == 900


async def test_one_overlong_turn_goes_on_with_its_latest_results_cut_and_kept_whole_in_the_workspace(
    tmp_path: Path,
) -> None:
    names = [f"{number}.txt" for number in range(4)]
    writes = [Call("file_write", {"file_path": name, "content": long(name, 1500)}) for name in names]
    reads = [Call("file_read", {"file_path": name}) for name in names]
    scripts: dict[str, list[Step]] = {
        "write": [*(CallTools([each]) for each in writes), Say("Written.")],
        "read": [CallTools(reads), Say("Read.")],
    }
    async with chat_in(tmp_path, scripts) as chat:
        agent_id = await chat.alice.agent(availableTools=["file_write", "file_read"])
        await chat.alice.say("[[play:write]]", "s0", agent_id=agent_id)
        lines = await chat.alice.say("[[play:read]]", "s1", agent_id=agent_id, llm_model_config=SMALL_TURN)
        last = chat.asked()
        results = [str(m["content"]) for m in last["messages"] if m["role"] == "tool"]
        query = f"file_path={results[0].split('the whole is in /workspace/')[1].split(']')[0]}&session_id=s1"
        kept = await chat.alice.call("GET", f"/api/agent/{agent_id}/file_workspace/download?{query}")
    assert end_of(lines) == ("completed", "answered")
    assert ["characters left out" in each for each in results] == [True] * 4
    assert (is_paired(last), kept.json()["content"]) == (True, long("0.txt", 1500))


async def test_notes_in_the_workspace_are_cut_however_long_they_are(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await chat.alice.agent()
        for name, text in (("AGENT.md", "行" * 50_000), ("USER.md", "u" * 4001)):
            path = f"/api/agent/{agent}/file_workspace/upload"
            await chat.alice.upload(path, text.encode(), name=name)
        await chat.alice.say("[[play:plain]]", agent_id=agent)
        head = chat.asked()["messages"][0]["content"]
    assert ("行" * 8000 in head, "行" * 8001 in head) == (True, False)
    assert ("u" * 1000 in head, "u" * 1001 in head) == (True, False)
