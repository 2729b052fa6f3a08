"""Drafts rewritten before they are sent (stream-runtime.md 10.4)."""

import json
from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Fault, Gate, Say
from features.chat.world import chat_in

pytestmark = pytest.mark.anyio

PATH = "/api/chat/optimize-input"


async def test_a_draft_is_rewritten_whole_or_live_and_leaves_no_conversation(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"better": [Say("A better draft", pieces=2)]}) as chat:
        body = {
            "current_input": "[[play:better]] hi",
            "history_messages": [{"role": "user", "content": f"turn {n}"} for n in range(30)],
            "language": "en",
            "session_id": "s1",
        }
        whole = await chat.alice.data("POST", PATH, body)
        asked = str(chat.asked()["messages"])
        lines = await (await chat.alice.open(f"{PATH}/stream", body)).lines()
        listed = (await chat.alice.data("GET", "/api/conversations"))["list"]
        usage = await chat.alice.call("GET", "/api/conversations/s1/messages")
    assert whole == {"optimized_input": "A better draft", "language": "en"}
    assert ("turn 29" in asked, "turn 10" in asked, "turn 9'" in asked) == (True, True, False)
    assert {line["type"] for line in lines[:-1]} == {"delta"}
    assert "".join(line["content"] for line in lines[:-1]) == "A better draft"
    assert (lines[-1]["type"], lines[-1]["optimized_input"]) == ("done", "A better draft")
    assert (listed, usage.json()["code"]) == ([], 404)


async def test_a_failing_model_and_a_bad_draft_are_told(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"bad": [Fault("status", status=401)]}) as chat:
        failed = (await chat.alice.call("POST", PATH, {"current_input": "[[play:bad]]"})).json()
        lines = await (await chat.alice.open(f"{PATH}/stream", {"current_input": "[[play:bad]]"})).lines()
        empty = (await chat.alice.call("POST", PATH, {"current_input": ""})).json()
        foreign = (await chat.alice.call("POST", PATH, {"current_input": "x", "agent_id": "nobody"})).json()
    assert failed["code"] != 200
    assert "sk-" not in json.dumps(failed)
    assert [line["type"] for line in lines] == ["error"]
    assert (empty["code"], foreign["code"]) == (422, 404)


async def test_a_client_that_hangs_up_ends_the_call(tmp_path: Path) -> None:
    gate = Gate(Say("never"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        stream = await chat.alice.open(f"{PATH}/stream", {"current_input": "[[play:slow]]"})
        await stream.line()
        await stream.leave()
        await chat.provider.requests[0].client_left.wait()
