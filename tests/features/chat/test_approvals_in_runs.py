"""Runs whose calls wait for a person's word (stream-runtime.md 9.13, 10.6)."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Say, Step
from clary.features.chat import waiting
from features.chat.delegating import delegate, lead, people, script, task
from features.chat.people import APPROVAL, decide, lines_to, parked, question, submit, told
from features.chat.world import Chat, chat_in, end_of, said

pytestmark = pytest.mark.anyio

WRITE = {"file_path": "/workspace/a.txt", "content": "你好"}
ASKS = {"stream_options": {"approvals": True}, "sandbox_approval_mode": "always"}


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.02)


def scripts() -> dict[str, list[Step]]:
    call = Call("file_write", WRITE)
    return {
        "write": [CallTools([call]), Say("Done.")],
        "twice": [CallTools([call]), CallTools([call]), Say("Done.")],
        "two": [CallTools([call, Call("file_write", {**WRITE, "file_path": "/workspace/b.txt"})]), Say("Done.")],
        "delete": [CallTools([Call("execute_shell_command", {"command": "rm -f a.txt"})]), Say("Done.")],
        "read": [CallTools([Call("file_read", {"file_path": "/workspace/none.txt"})]), Say("Done.")],
    }


def tools(*names: str, **more: Any) -> dict[str, Any]:
    return {"available_tools": list(names or ("file_write", "file_read")), **more}


async def files(chat: Chat, agent_id: str = "default_agent", session: str = "s1") -> list[str]:
    data = await chat.alice.data("POST", f"/api/agent/{agent_id}/file_workspace?session_id={session}")
    return sorted(each["path"] for each in data["files"])


async def test_an_approved_call_runs_once_and_every_line_and_the_audit_tell_of_it(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:write]]", **tools(), **ASKS))
        asked = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        waiting_for = await waits(chat, stream.headers["x-clary-run-id"])
        done = await decide(chat, asked)
        again = (await chat.alice.call("POST", APPROVAL, {**decision(asked), "decision": "deny"})).json()
        lines = await stream.lines()
        items = (await chat.alice.data("GET", f"{APPROVAL}/audit?session_id=s1"))["items"]
        history = await chat.alice.history()
    canonical = json.dumps(WRITE, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert asked["command_hash"] == hashlib.sha256(f"file_write\n{canonical}".encode()).hexdigest()
    shown = {"type", "role", "content", "message_id", "timestamp", "session_id", "approval_id", "tool_name", "command"}
    shown |= {"command_hash", "category", "reason", "approval_mode", "expires_at", "hint"}
    assert (shown - set(asked), asked["tool_name"], asked["approval_mode"]) == (set(), "file_write", "always")
    expiry = datetime.fromtimestamp(asked["expires_at"], UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert waiting_for == {"kind": "approval", "id": asked["approval_id"], "expires_at": expiry}
    assert done == {"success": True, "status": "approved"}
    assert (again["code"], again["error_detail"]) == (409, "approval_decided")
    assert (lines[0]["type"], lines[0]["approval_id"], lines[0]["decision"]) == (
        "sandbox_approval_resolved",
        asked["approval_id"],
        "approve",
    )
    assert told(lines)[1:] == ["result ok", "do_subtask_result", "token_usage", "stream_end"]
    assert [(item["approval_id"], item["decision"], item["decided_by"]) for item in items] == [
        (asked["approval_id"], "approve", chat.alice.user_id)
    ]
    assert [message["type"] for message in history] == ["normal", "tool_call", "tool_call_result", "do_subtask_result"]


async def waits(chat: Chat, run_id: str) -> Any:
    return (await chat.alice.run(run_id)).get("waiting")


def decision(asked: dict[str, Any]) -> dict[str, Any]:
    return {"session_id": asked["session_id"], "approval_id": asked["approval_id"], "decision": "approve"}


async def test_a_denied_call_does_not_run_and_the_model_goes_on(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:write]]", **tools(), **ASKS))
        await decide(chat, (await lines_to(stream, "sandbox_approval_requested"))[-1], "deny")
        lines = await stream.lines()
        last = chat.asked()["messages"]
    assert told(lines) == [
        "sandbox_approval_resolved",
        "result APPROVAL_DENIED",
        "do_subtask_result",
        "token_usage",
        "stream_end",
    ]
    assert [json.loads(each["content"])["error_type"] for each in last if each["role"] == "tool"] == ["APPROVAL_DENIED"]


async def test_the_same_call_again_is_asked_for_again(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:twice]]", **tools(), **ASKS))
        first = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        await decide(chat, first)
        second = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        await decide(chat, second, "deny")
        lines = await stream.lines()
    assert first["command_hash"] == second["command_hash"]
    assert first["approval_id"] != second["approval_id"]
    assert told(lines)[:2] == ["sandbox_approval_resolved", "result APPROVAL_DENIED"]


async def test_ten_minutes_without_a_word_are_a_denial_also_while_nobody_works_on_it(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:write]]", **tools(), **ASKS))
        asked = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        await parked(chat, stream.headers["x-clary-run-id"])
        chat.house.clock.move(seconds=601)
        late = (await chat.alice.call("POST", APPROVAL, decision(asked))).json()
        chat.house.services.execution.supervisor.wake(stream.headers["x-clary-run-id"])
        lines = await stream.lines()
    assert (late["code"], late["error_detail"], late["message"]) == (409, "approval_decided", "审批已结束: expired")
    assert (lines[0]["type"], lines[0]["decision"]) == ("sandbox_approval_resolved", "expired")
    assert told(lines)[1:] == ["result APPROVAL_EXPIRED", "do_subtask_result", "token_usage", "stream_end"]


async def test_a_word_on_a_parked_run_wakes_it_and_is_told_of_once(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts(), max_active_runs=1) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:two]]", **tools(), **ASKS))
        run_id = stream.headers["x-clary-run-id"]
        asked = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        await parked(chat, run_id)
        other = await chat.alice.say("hello", "s2")
        await decide(chat, asked)
        second = await lines_to(stream, "sandbox_approval_requested")
        await decide(chat, second[-1])
        lines = [*second, *await stream.lines()]
        paths = await files(chat)
    assert end_of(other) == ("completed", "answered")
    assert [line["decision"] for line in lines if line["type"] == "sandbox_approval_resolved"] == ["approve"] * 2
    assert told(lines).count("result ok") == 2
    assert (paths, end_of(lines)) == (["a.txt", "b.txt"], ("completed", "answered"))


@pytest.mark.parametrize("waits_long", [False, True])
async def test_a_client_without_approval_lines_is_asked_by_a_call_the_model_never_sees(
    tmp_path: Path, waits_long: bool
) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        body = said("[[play:write]]", **tools(), sandbox_approval_mode="always")
        stream = await chat.alice.open("/api/web-stream", body)
        form = await question(stream)
        if waits_long:
            await parked(chat, stream.headers["x-clary-run-id"])
        share = (await chat.alice.data("POST", "/api/conversations/s1/share", {}))["share_id"]
        strangers = [await chat.alice.data("GET", f"/api/share/conversations/{share}/messages")]
        await submit(chat, form, {"decision": "approve"})
        lines = await stream.lines()
        strangers.append(await chat.alice.data("GET", f"/api/share/conversations/{share}/messages"))
        messages = chat.asked()["messages"]
        await chat.alice.say("and now?")
        later = chat.asked()["messages"]
    assert [(each["id"], each["default"]) for each in form["questions"]] == [("decision", "deny")]
    assert told(lines) == ["result ok", "result ok", "do_subtask_result", "token_usage", "stream_end"]
    answered = next(line for line in lines if line.get("tool_call_id") == form["call_id"])
    assert answered["content"]["answers"] == {"decision": "approve"}
    # Whoever has a link sees the conversation, but nothing of approvals, while they are open or afterwards.
    assert [[each["type"] for each in view["messages"]] for view in strangers] == [
        ["normal", "tool_call"],
        ["normal", "tool_call", "tool_call_result", "do_subtask_result"],
    ]
    assert [view["message_count"] for view in strangers] == [2, 4]
    assert "approval" not in str(strangers)
    for seen in (messages, later):
        called = [call["function"]["name"] for each in seen for call in each.get("tool_calls") or ()]
        assert (called, [each["role"] for each in seen].count("tool")) == (["file_write"], 1)


async def test_an_interrupted_question_leaves_nothing_for_the_model(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        body = said("[[play:write]]", **tools(), sandbox_approval_mode="always")
        stream = await chat.alice.open("/api/web-stream", body)
        form = await question(stream)
        await chat.alice.data("POST", "/api/sessions/s1/interrupt", {})
        lines = await stream.lines()
        path = f"/api/questionnaires/{form['questionnaire_id']}/submit"
        late = await chat.alice.call("POST", path, {"answers": {"decision": "approve"}})
        await chat.alice.say("and now?")
        seen = chat.asked()["messages"]
    assert told(lines) == ["result INTERRUPTED", "result INTERRUPTED", "token_usage", "stream_end"]
    assert (late.status_code, late.json()["error_detail"]) == (410, "questionnaire_closed")
    called = [call["id"] for each in seen for call in each.get("tool_calls") or ()]
    assert [each["tool_call_id"] for each in seen if each["role"] == "tool"] == called


@pytest.mark.parametrize(
    ("server", "agent", "asked", "script", "is_asked"),
    [
        ("auto", "auto", None, "write", False),
        ("risky", "auto", "auto", "write", False),
        ("auto", "risky", None, "delete", True),
        ("risky", "auto", "auto", "delete", True),
        ("auto", "always", "auto", "write", True),
        ("always", "auto", "auto", "write", True),
        ("auto", "auto", "always", "read", False),
    ],
)
async def test_the_strictest_of_server_agent_and_request_counts(
    tmp_path: Path, server: str, agent: str, asked: str | None, script: str, is_asked: bool
) -> None:
    async with chat_in(tmp_path, scripts(), sandbox=True, tool_approval_mode=server) as chat:
        names = ["file_write", "file_read", "execute_shell_command"]
        agent_id = await chat.alice.agent(toolApprovalMode=agent, availableTools=names)
        more = {"sandbox_approval_mode": asked} if asked else {}
        body = said(f"[[play:{script}]]", agent_id=agent_id, stream_options={"approvals": True}, **more)
        stream = await chat.alice.open("/api/web-stream", body)
        call = await lines_to(stream, "tool_call")
        following = await stream.line()
    assert call[-1]["type"] == "tool_call"
    assert (following["type"] == "sandbox_approval_requested") == is_asked


@pytest.mark.parametrize("waits_long", [False, True])
async def test_an_interrupt_tells_readers_that_an_open_approval_is_over(tmp_path: Path, waits_long: bool) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:write]]", **tools(), **ASKS))
        asked = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        if waits_long:
            await parked(chat, stream.headers["x-clary-run-id"])
        await chat.alice.data("POST", "/api/sessions/s1/interrupt", {})
        lines = await stream.lines()
        [item] = (await chat.alice.data("GET", f"{APPROVAL}/audit?session_id=s1"))["items"]
    assert told(lines) == ["sandbox_approval_resolved", "result INTERRUPTED", "token_usage", "stream_end"]
    assert (lines[0]["approval_id"], lines[0]["decision"]) == (asked["approval_id"], "expired")
    assert (item["approval_id"], item["decision"]) == (asked["approval_id"], "expired")


@pytest.mark.parametrize(
    ("word", "result"), [("approve", "result ok"), ("deny", "result APPROVAL_DENIED")], ids=["approve", "deny"]
)
async def test_a_decision_answers_the_questionnaire_that_asks_the_same_at_once(
    tmp_path: Path, word: str, result: str
) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        body = said("[[play:write]]", **tools(), sandbox_approval_mode="always")
        stream = await chat.alice.open("/api/web-stream", body)
        form = await question(stream)
        [item] = (await chat.alice.data("GET", f"{APPROVAL}/audit?session_id=s1"))["items"]
        answer = {"session_id": "s1", "approval_id": item["approval_id"], "decision": word}
        await chat.alice.data("POST", APPROVAL, answer)
        lines = await stream.lines()
        path = f"/api/questionnaires/{form['questionnaire_id']}/submit"
        late = await chat.alice.call("POST", path, {"answers": {"decision": "approve"}})
    assert told(lines) == ["result ok", result, "do_subtask_result", "token_usage", "stream_end"]
    answered = next(line for line in lines if line.get("tool_call_id") == form["call_id"])
    assert (answered["content"]["answers"], answered["content"]["is_auto_submit"]) == ({"decision": word}, False)
    assert (late.status_code, late.json()["error_detail"]) == (409, "questionnaire_submitted")


async def test_the_audit_of_a_conversation_tells_of_calls_of_its_children_too(tmp_path: Path) -> None:
    async with chat_in(tmp_path, scripts()) as chat:
        [member] = await people(chat, "Writer", availableTools=["file_write"])
        words = script(chat, delegate(task(member, "write")), Say("All done."))
        agent_id = await lead(chat, member, availableTools=["file_write"])
        stream = await chat.alice.open("/api/web-stream", said(words, agent_id=agent_id, **ASKS))
        asked = (await lines_to(stream, "sandbox_approval_requested"))[-1]
        await decide(chat, asked)
        lines = await stream.lines()
        found = [
            [
                item["approval_id"]
                for item in (await chat.alice.data("GET", f"{APPROVAL}/audit?session_id={each}"))["items"]
            ]
            for each in ("s1", "s1_sub_1")
        ]
    assert (asked["session_id"], end_of(lines)) == ("s1_sub_1", ("completed", "answered"))
    assert found == [[asked["approval_id"]]] * 2


async def test_first_words_that_agent_or_request_deny_are_refused_and_odd_shapes_add_nothing(tmp_path: Path) -> None:
    shell = [Call("execute_shell_command", {"command": each}) for each in ("rm -f a", "touch a", "ls")]
    steps: dict[str, list[Step]] = {"three": [*(CallTools([each]) for each in shell), Say("Done.")]}
    async with chat_in(tmp_path, steps, sandbox=True) as chat:
        names = ["execute_shell_command"]
        agent_id = await chat.alice.agent(commandPolicy={"deny": ["rm"]}, availableTools=names)
        policies: list[Any] = [{"deny": ["touch"]}, ["touch"], {"allow": ["rm"], "deny": "touch"}]
        heard = [
            told(await chat.alice.say("[[play:three]]", agent_id=agent_id, command_policy=policy))
            for policy in policies
        ]
    results = [[each for each in kinds if each.startswith("result")] for kinds in heard]
    denied = "result PERMISSION_DENIED"
    assert results == [[denied, denied, "result ok"], *[[denied, "result ok", "result ok"]] * 2]
