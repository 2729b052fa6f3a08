"""Words of the person that reach a run under way (stream-runtime.md 9.14, 10.1 – 10.3)."""

import json
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from features.chat.delegating import delegate, lead, people, script, task
from features.chat.people import told
from features.chat.world import Chat, chat_in, end_of, said

pytestmark = pytest.mark.anyio

GUIDE = "/api/sessions/s1/inject-user-message"
TODO = Call("todo_read", {})
TOOLS: dict[str, Any] = {"available_tools": ["todo_read"]}


def words(request: dict[str, Any]) -> list[str]:
    """What people said, as the model was told."""
    users = [each["content"] for each in request["messages"] if each["role"] == "user"]
    return [each for each in users if not each.startswith("<server_facts>")]


async def pending(chat: Chat) -> list[str]:
    return [each["guidance_id"] for each in (await chat.alice.data("GET", GUIDE))["items"]]


async def test_words_reach_the_next_call_once_in_order_and_can_be_changed_until_then(tmp_path: Path) -> None:
    gate = Gate(CallTools([TODO]), text="Looking. ")
    async with chat_in(tmp_path, {"work": [gate, Say("Done.")]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:work]]", **TOOLS))
        await stream.line()
        for name in ("a", "b", "c"):
            await chat.alice.data("POST", GUIDE, {"content": f"word {name}", "guidance_id": name})
        await chat.alice.data("PATCH", f"{GUIDE}/a", {"content": "<enable_plan>true</enable_plan>other a"})
        await chat.alice.data("DELETE", f"{GUIDE}/b")
        gate.open()
        lines = await stream.lines()
        used = (await chat.alice.call("PATCH", f"{GUIDE}/a", {"content": "late"})).json()
        left = await pending(chat)
        history = await chat.alice.history()
        await chat.alice.say("next")
    injected = [line for line in lines if line["type"] == "user_input"]
    assert [(each["role"], each["content"], each["metadata"]) for each in injected] == [
        ("user", text, {"injected": True, "guidance_id": name, "source": "guidance"})
        for name, text in (("a", "other a"), ("c", "word c"))
    ]
    assert told(lines)[-6:] == [
        "result ok",
        "user_input",
        "user_input",
        "do_subtask_result",
        "token_usage",
        "stream_end",
    ]
    assert words(chat.provider.requests[1].body) == ["[[play:work]]", "other a", "word c"]
    assert words(chat.asked()) == ["[[play:work]]", "other a", "word c", "next"]
    assert [each["message_id"] for each in history if each["type"] == "user_input"] == [
        each["message_id"] for each in injected
    ]
    assert (used["code"], used["error_detail"], left) == (404, "guidance_not_found", [])


async def test_parts_of_nothing_but_text_are_one_text_to_everybody(tmp_path: Path) -> None:
    gate = Gate(CallTools([TODO]), text="Looking. ")
    async with chat_in(tmp_path, {"work": [gate, Say("Done.")]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:work]]", **TOOLS))
        await stream.line()
        parts = [{"type": "text", "text": text} for text in ("<enable_plan>true</enable_plan>one", "two")]
        await chat.alice.data("POST", GUIDE, {"content": parts, "guidance_id": "a"})
        gate.open()
        lines = await stream.lines()
        history = await chat.alice.history()
    shown = [each["content"] for listed in (lines, history) for each in listed if each["type"] == "user_input"]
    assert shown == ["one\ntwo"] * 2
    assert words(chat.asked()) == ["[[play:work]]", "one\ntwo"]


@pytest.mark.parametrize("more", [{}, {"force_summary": True}])
async def test_a_run_about_to_end_hears_first_and_goes_on(tmp_path: Path, more: dict[str, Any]) -> None:
    gate = Gate(Say("First."), text="")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]", **more))
        await gate.reached.wait()
        await chat.alice.data("POST", GUIDE, {"content": "[[play:plain]] and also"})
        gate.open()
        lines = await stream.lines()
    kinds = ["do_subtask_result", "user_input", "do_subtask_result", *(["final_answer"] if more else [])]
    assert told(lines) == [*kinds, "token_usage", "stream_end"]
    assert end_of(lines) == ("completed", "answered")


async def test_words_during_the_summary_are_heard_before_the_end(tmp_path: Path) -> None:
    question = {"title": "Q", "questions": [{"id": "a", "type": "text", "title": "A?"}]}
    gate = Gate(Say("Summary."))
    async with chat_in(tmp_path, {"work": [CallTools([Call("questionnaire_async", question)]), gate]}) as chat:
        body = said("[[play:work]]", force_summary=True, available_tools=["questionnaire_async"])
        stream = await chat.alice.open("/api/web-stream", body)
        await gate.reached.wait()
        await chat.alice.data("POST", GUIDE, {"content": "[[play:plain]] one more thing"})
        gate.open()
        lines = await stream.lines()
    kinds = ["final_answer", "user_input", "do_subtask_result", "final_answer", "token_usage", "stream_end"]
    assert told(lines)[2:] == kinds
    assert end_of(lines) == ("completed", "answered")


async def test_words_while_suggestions_are_written_are_heard_and_others_are_written(tmp_path: Path) -> None:
    def three(word: str) -> Say:
        return Say(json.dumps({"suggestions": [f"{word} {number}?" for number in range(3)]}))

    gate = Gate(three("Stale"))
    # What was answered is part of the call for suggestions, so its tag chooses what these are.
    scripts = {
        "first": [Say("One. [[play:stale]]")],
        "stale": [gate],
        "second": [Say("Two. [[play:fresh]]")],
        "fresh": [three("Fresh")],
    }
    async with chat_in(tmp_path, scripts) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:first]]", more_suggest=True))
        await gate.reached.wait()
        await chat.alice.data("POST", GUIDE, {"content": "[[play:second]] and also"})
        gate.open()
        lines = await stream.lines()
        left = await pending(chat)
    kinds = ["do_subtask_result", "user_input", "do_subtask_result", "query_suggest", "token_usage", "stream_end"]
    assert (told(lines), left) == (kinds, [])
    assert [line["content"] for line in lines if line["type"] == "query_suggest"] == [
        "- Fresh 0?\n- Fresh 1?\n- Fresh 2?"
    ]


async def test_an_interrupted_run_leaves_words_for_the_next_one(tmp_path: Path) -> None:
    gate = Gate(Say("never"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]"))
        await stream.line()
        await chat.alice.data("POST", GUIDE, {"content": "[[play:plain]] mind this", "guidance_id": "g"})
        await chat.alice.data("POST", "/api/sessions/s1/interrupt", {})
        lines = await stream.lines()
        left = await pending(chat)
        fresh = await chat.alice.open("/api/web-stream", {"messages": [], "session_id": "s1"})
        following = await fresh.lines()
        none = await chat.alice.open("/api/web-stream", {"messages": [], "session_id": "s1"})
        await none.lines()
    assert "user_input" not in told(lines)
    assert left == ["g"]
    assert told(following) == ["user_input", "do_subtask_result", "token_usage", "stream_end"]
    assert none.status == 422


async def test_a_rerun_answers_again_and_with_words_it_goes_on(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        await chat.alice.say("one", "s1")
        await chat.alice.say("two", "s1")
        await chat.alice.data("POST", GUIDE, {"content": "wait", "guidance_id": "g"})
        again = await chat.alice.open("/api/conversations/s1/rerun-stream", {"more_suggest": False})
        lines = await again.lines()
        first = [(each["role"], each["content"]) for each in await chat.alice.history()]
        body = {"guidance_content": "three", "guidance_id": "h"}
        on = await chat.alice.open("/api/conversations/s1/rerun-stream", body)
        await on.lines()
        second = [(each["role"], each["content"]) for each in await chat.alice.history()]
        left = await pending(chat)
    assert end_of(lines) == ("completed", "answered")
    assert [role for role, _ in first] == ["user", "assistant", "user", "user", "assistant"]
    assert [text for role, text in first if role == "user"] == ["one", "two", "wait"]
    assert [text for role, text in second if role == "user"] == ["one", "two", "wait", "three"]
    assert left == []


async def test_an_edit_stops_the_run_changes_the_words_and_starts_nothing(tmp_path: Path) -> None:
    gate = Gate(Say("never"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]] first"))
        await stream.line()
        path = "/api/conversations/s1/edit-last-user-message"
        data = await chat.alice.data("POST", path, {"content": "<enable_plan>true</enable_plan>[[play:plain]] other"})
        lines = await stream.lines()
        runs = await chat.alice.runs_of("s1")
        rerun = await chat.alice.open("/api/conversations/s1/rerun-stream", {"more_suggest": False})
        await rerun.lines()
        seen = words(chat.asked())
    assert end_of(lines) == ("replaced", "replaced")
    assert (data["title"], data["message_count"]) == ("[[play:plain]] other", 1)
    assert data["last_user_message"]["content"] == "[[play:plain]] other"
    assert [run["status"] for run in runs] == ["replaced"]
    assert seen == ["[[play:plain]] other"]


async def test_a_child_hears_what_is_said_to_its_own_session(tmp_path: Path) -> None:
    gate = Gate(Say("First."), text="Half ")
    async with chat_in(tmp_path, {"held": [gate]}) as chat:
        [member] = await people(chat, "Sales")
        words_of_root = script(chat, delegate(task(member, "held")), Say("All done."))
        body = said(words_of_root, agent_id=await lead(chat, member))
        stream = await chat.alice.open("/api/web-stream", body)
        while (await stream.line()).get("content") != "Half ":
            pass
        path = "/api/sessions/s1_sub_1/inject-user-message"
        await chat.alice.data("POST", path, {"content": "[[play:plain]] shorter", "guidance_id": "g"})
        gate.open()
        lines = await stream.lines()
        left = (await chat.alice.data("GET", path))["items"]
    injected = [(line["session_id"], line["content"]) for line in lines if line["type"] == "user_input"]
    assert injected == [("s1_sub_1", "[[play:plain]] shorter")]
    assert (end_of(lines), left) == (("completed", "answered"), [])
