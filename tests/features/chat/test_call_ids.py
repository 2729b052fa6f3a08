"""Ids of tool calls are unique in their session, whatever a provider sends (stream-runtime.md 4.2)."""

from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Say
from features.chat.world import chat_in, end_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("deltas", [False, True])
async def test_a_provider_that_counts_anew_in_each_response_gets_ids_of_ours(tmp_path: Path, deltas: bool) -> None:
    step = CallTools([Call("todo_read", id="call_0"), Call("todo_read", {"n": 1}, id="call_1")])
    async with chat_in(tmp_path, {"work": [step, step, Say("done")]}) as chat:
        more = {"available_tools": ["todo_read"], "stream_options": {"tool_call_deltas": deltas}}
        lines = [line for _ in range(2) for line in await chat.alice.say("[[play:work]]", **more)]
        asked = chat.asked()["messages"]
        history = await chat.alice.history()
    announced = [line["tool_calls"][0]["id"] for line in lines if line["type"] == "tool_call"]
    called = [each for each in dict.fromkeys(announced) if each]
    answered = [line["tool_call_id"] for line in lines if line["type"] == "tool_call_result"]
    assert len(called) == 8
    assert called[:2] == ["call_0", "call_1"]
    assert sorted(answered) == sorted(called)
    assert end_of(lines[-2:]) == ("completed", "answered")
    assert [each["tool_calls"][0]["id"] for each in history if each["type"] == "tool_call"] == called
    assert [call["id"] for each in asked for call in each.get("tool_calls", ())] == called
