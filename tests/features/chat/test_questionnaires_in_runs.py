"""Runs that ask their person (stream-runtime.md 9.12, 10.5)."""

import json
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say, Step
from clary.features.chat import waiting
from clary.features.runs.service import RunRepository
from features.chat.people import lines_to, parked, question, submit, told
from features.chat.world import Chat, chat_in, end_of, said, until
from support.mcp_servers import friend, serving

pytestmark = pytest.mark.anyio

QUESTIONS = [
    {"id": "color", "type": "single_choice", "title": "Colour?", "options": [{"label": "Red", "value": "red"}]},
    {"id": "note", "type": "text", "title": "Why?", "default": "because"},
]
ASKING: list[Step] = [
    CallTools([Call("questionnaire", {"title": "Pick", "questions": QUESTIONS, "wait_time": 60})]),
    Say("Thanks."),
]
TOOLS: dict[str, Any] = {"available_tools": ["questionnaire", "questionnaire_async"]}


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.02)


async def asked(chat: Chat) -> tuple[Any, dict[str, Any]]:
    stream = await chat.alice.open("/api/web-stream", said("[[play:ask]]", **TOOLS))
    return stream, await question(stream)


async def test_whoever_sees_the_question_can_answer_it_at_once(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"ask": ASKING}) as chat:
        stream, form = await asked(chat)
        waiting_for = await waits(chat, stream.headers["x-clary-run-id"])
        await submit(chat, form, {"color": "red"})
        path = f"/api/questionnaires/{form['questionnaire_id']}"
        second = await chat.alice.call("POST", f"{path}/submit", {"answers": {"color": "red"}})
        lines = await stream.lines()
        results = await chat.alice.data("GET", f"{path}/results")
    assert (waiting_for["kind"], waiting_for["id"]) == ("questionnaire", form["questionnaire_id"])
    assert form["questionnaire_id"] == f"s1__questionnaire__{form['call_id']}"
    assert (second.status_code, second.json()["detail"]) == (409, "问卷已提交")
    assert told(lines) == ["result ok", "do_subtask_result", "token_usage", "stream_end"]
    content = lines[0]["content"]
    assert {key: content[key] for key in ("success", "status", "answers", "is_auto_submit", "questionnaire_kind")} == {
        "success": True,
        "status": "submitted",
        "answers": {"color": "red", "note": "because"},
        "is_auto_submit": False,
        "questionnaire_kind": "general",
    }
    assert (results["status"], results["answers"]) == ("submitted", content["answers"])


async def test_a_question_that_is_refused_leaves_no_run_waiting(tmp_path: Path) -> None:
    refused = CallTools([Call("questionnaire", {"title": "Pick", "questions": QUESTIONS, "wait_time": [1]})])
    gate = Gate(Say("Done."))
    async with chat_in(tmp_path, {"ask": [refused, gate]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:ask]]", **TOOLS))
        result = (await lines_to(stream, "tool_call_result"))[-1]
        waiting_for = await waits(chat, stream.headers["x-clary-run-id"])
        gate.open()
        lines = await stream.lines()
    assert (result["content"]["error_type"], waiting_for) == ("INVALID_ARGUMENTS", None)
    assert end_of(lines) == ("completed", "answered")


async def test_a_run_that_waits_takes_no_place_and_an_answer_wakes_it(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"ask": ASKING}, max_active_runs=1) as chat:
        stream, form = await asked(chat)
        run_id = stream.headers["x-clary-run-id"]
        await parked(chat, run_id)
        other = await chat.alice.say("hello", "s2")
        run = await chat.alice.run(run_id)
        await submit(chat, form, {"color": "red"})
        lines = await stream.lines()
    assert end_of(other) == ("completed", "answered")
    assert run["status"] == "running"
    assert told(lines) == ["result ok", "do_subtask_result", "token_usage", "stream_end"]
    assert end_of(lines) == ("completed", "answered")


async def test_an_answer_whose_process_dies_at_once_still_finds_its_run(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"ask": ASKING}) as chat:
        stream, form = await asked(chat)
        run_id = stream.headers["x-clary-run-id"]
        await parked(chat, run_id)
        services = chat.house.services
        services.execution.interventions.wakers.target = None
        await submit(chat, form, {"color": "red"})
        async with services.database.read() as db:
            free = [
                run.run_id for run in await RunRepository(db).list_abandoned(chat.house.clock.epoch(), everything=False)
            ]
        services.execution.supervisor.wake(run_id)
        lines = await stream.lines()
    assert free == [run_id]
    assert end_of(lines) == ("completed", "answered")


async def test_hours_of_waiting_are_no_activity(tmp_path: Path) -> None:
    forever = CallTools([Call("questionnaire", {"title": "Pick", "questions": QUESTIONS, "wait_time": 0})])
    async with chat_in(tmp_path, {"ask": [forever, Say("Thanks.")]}) as chat:
        stream, form = await asked(chat)
        run_id = stream.headers["x-clary-run-id"]
        await parked(chat, run_id)
        chat.house.clock.move(hours=30)
        await chat.alice.sign_in()
        waiting_for = (await chat.alice.run(run_id))["waiting"]
        await submit(chat, form, {"color": "red"})
        lines = await stream.lines()
    assert waiting_for == {"kind": "questionnaire", "id": form["questionnaire_id"], "expires_at": None}
    assert told(lines) == ["result ok", "do_subtask_result", "token_usage", "stream_end"]
    assert end_of(lines) == ("completed", "answered")


async def test_at_the_deadline_the_defaults_count_and_a_late_answer_is_refused(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"ask": ASKING}) as chat:
        stream, form = await asked(chat)
        await until(lambda: waits(chat, stream.headers["x-clary-run-id"]))
        chat.house.clock.move(seconds=69)
        early = (await chat.alice.data("GET", f"/api/questionnaires/{form['questionnaire_id']}/results"))["status"]
        chat.house.clock.move(seconds=2)
        # Without this the sweep would find it, within five seconds.
        chat.house.services.execution.supervisor.wake(stream.headers["x-clary-run-id"])
        lines = await stream.lines()
        path = f"/api/questionnaires/{form['questionnaire_id']}/submit"
        late = await chat.alice.call("POST", path, {"answers": {"color": "red"}})
    content = lines[0]["content"]
    assert early == "pending"
    assert (content["status"], content["answers"], content["is_auto_submit"]) == (
        "timeout",
        {"color": "", "note": "because"},
        True,
    )
    assert (late.status_code, late.json()["detail"]) == (410, "问卷已过期")
    assert end_of(lines) == ("completed", "answered")


async def waits(chat: Chat, run_id: str) -> Any:
    return (await chat.alice.run(run_id)).get("waiting")


@pytest.mark.parametrize("waits_long", [False, True])
async def test_an_interrupt_or_a_new_message_ends_the_waiting(tmp_path: Path, waits_long: bool) -> None:
    async with chat_in(tmp_path, {"ask": ASKING}) as chat:
        stream, form = await asked(chat)
        if waits_long:
            await parked(chat, stream.headers["x-clary-run-id"])
        fresh = await chat.alice.say("never mind")
        lines = await stream.lines()
        late = await chat.alice.call(
            "POST", f"/api/questionnaires/{form['questionnaire_id']}/submit", {"answers": {"color": "red"}}
        )
    assert told(lines) == ["result INTERRUPTED", "token_usage", "stream_end"]
    assert (end_of(lines), end_of(fresh)) == (("replaced", "replaced"), ("completed", "answered"))
    assert late.status_code == 410


async def test_a_question_that_is_not_right_is_told_to_the_model_and_opens_nothing(tmp_path: Path) -> None:
    wrong = CallTools([Call("questionnaire", {"title": "Pick", "questions": [{**QUESTIONS[0], "options": []}]})])
    async with chat_in(tmp_path, {"ask": [wrong, Say("Sorry.")]}) as chat:
        stream, form = await asked(chat)
        lines = await stream.lines()
        results = await chat.alice.call("GET", f"/api/questionnaires/{form['questionnaire_id']}/results")
    assert told(lines)[:2] == ["result INVALID_ARGUMENTS", "do_subtask_result"]
    assert results.status_code == 404


async def test_an_async_questionnaire_ends_the_run_and_the_reply_is_read_as_words(tmp_path: Path) -> None:
    asking = CallTools([Call("questionnaire_async", {"title": "Pick", "questions": QUESTIONS})])
    reply = {
        "type": "questionnaire_response",
        "questionnaire_id": "q",
        "status": "submitted",
        "answers": [{"question_id": "color", "question": "Colour?", "type": "single_choice", "answer": "Red"}],
    }
    sent = f"<questionnaire-response>{json.dumps(reply)}</questionnaire-response>"
    async with chat_in(tmp_path, {"ask": [asking, Say("no")]}) as chat:
        lines = await chat.alice.say("[[play:ask]]", **TOOLS)
        await chat.alice.say(sent)
        seen = chat.asked()["messages"]
        stored = [each["content"] for each in await chat.alice.history() if each["role"] == "user"]
        await chat.alice.say(sent, "s2")
        title = (await chat.alice.data("GET", "/api/conversations/s2/messages"))["conversation_info"]["title"]
    assert told(lines) == ["call questionnaire_async", "result ok", "token_usage", "stream_end"]
    assert end_of(lines) == ("completed", "need_user_input")
    assert {key: lines[1]["content"][key] for key in ("success", "validation_passed", "title")} == {
        "success": True,
        "validation_passed": True,
        "title": "Pick",
    }
    assert stored[-1] == sent
    words = [each["content"] for each in seen if each["role"] == "user"][-2]
    assert ("questionnaire-response" in words, "Colour?: Red" in words) == (False, True)
    assert ("questionnaire" in title, "Red" in title) == (False, True)


async def test_inline_forms_pass_through_unchanged(tmp_path: Path) -> None:
    form = '<questionnaire>{"title": "Pick", "questions": []}</questionnaire>\n```questionnaire\ntitle: Pick\n```'
    async with chat_in(tmp_path, {"form": [Say(form)]}) as chat:
        lines = await chat.alice.say("[[play:form]]")
        history = await chat.alice.history()
    assert "".join(line["content"] for line in lines if line["type"] == "do_subtask_result") == form
    assert history[-1]["content"] == form


async def test_a_call_of_questionnaire_that_was_not_offered_asks_nobody(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"ask": ASKING}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:ask]]", available_tools=["file_read"]))
        call = (await lines_to(stream, "tool_call"))[-1]
        lines = await stream.lines()
        form = json.loads(call["tool_calls"][0]["function"]["arguments"])
        path = f"/api/questionnaires/{form['questionnaire_id']}/submit"
        answer = await chat.alice.call("POST", path, {"answers": {"color": "red"}})
    assert told(lines)[0] == "result TOOL_NOT_FOUND"
    assert answer.status_code == 404


async def test_a_server_asks_the_person_in_a_call_that_the_model_never_sees(tmp_path: Path) -> None:
    go = [CallTools([Call("ask", {})]), Say("Went.")]
    async with serving(friend().streamable_http_app()) as origin, chat_in(tmp_path, {"go": go}) as chat:
        address = {"protocol": "streamable_http", "streamable_http_url": f"{origin}/mcp"}
        await chat.alice.data("POST", "/api/mcp/add", {"name": "one", **address})
        stream = await chat.alice.open("/api/web-stream", said("[[play:go]]", available_tools=["ask"]))
        form = await question(stream)
        await submit(chat, form, {"city": "Rome"})
        lines = await stream.lines()
        seen = [each["role"] for each in chat.asked()["messages"]]
        await chat.alice.call("DELETE", "/api/mcp/one")
    assert (form["title"], [each.get("default") for each in form["questions"]]) == ("one: Where to?", [None, "true"])
    assert [each["content"] for each in lines if each["type"] == "tool_call_result"][-1] == "accept Rome True"
    assert seen.count("tool") == 1
    assert end_of(lines) == ("completed", "answered")
