"""Calls whose fragments were sent and that were never announced whole (stream-runtime.md 4.4, 4.5 rule 8, 8)."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from clary.adapters.scripted_provider import Attempts, Call, CallTools, Raw, Say, ScriptedProvider
from clary.features.chat.call_drafts import CallDraft
from clary.features.chat.lines import LineBuilder, Stamps
from clary.features.conversations.merge import merged_lines
from clary.runtime.events import CallStreamed
from support.calls import provider_body
from support.house import ADMIN_PASSWORD, house_in, login

pytestmark = pytest.mark.anyio


def fragment(arguments: str, **first: Any) -> bytes:
    """One chunk of a provider's stream with a piece of a call."""
    function = {"arguments": arguments, **({"name": first["name"]} if first else {})}
    call = {"index": 0, **({"id": first["id"], "type": "function"} if first else {}), "function": function}
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).encode() + b"\n\n"


CUT = Raw((fragment('{"file_', id="call_cut", name="file_read"), fragment('path": "/wo')))
SLOW = CallTools([Call("file_read", {"file_path": "/workspace/" + "x" * 400})], argument_piece=2, delay_seconds=0.05)
BODY: dict[str, Any] = {
    "session_id": "s1",
    "available_tools": ["file_read"],
    "stream_options": {"tool_call_deltas": True},
}


async def start(client: httpx2.AsyncClient, provider: ScriptedProvider, play: str) -> httpx2.Response:
    """A whole run of a script, seen by one client."""
    await login(client, "admin", ADMIN_PASSWORD)
    await client.post("/api/llm-provider/create", json=provider_body(provider.url))
    messages = [{"role": "user", "content": f"[[play:{play}]] go"}]
    return await client.post("/api/web-stream", json={**BODY, "messages": messages})


async def history(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """The stored messages but the first, which is the person's."""
    return (await client.get("/api/conversations/s1/messages")).json()["data"]["messages"][1:]


def sent(lines: Sequence[dict[str, Any]], message_id: str) -> tuple[str | None, str]:
    """(call id, arguments) that a client put together of the lines of one message."""
    calls = [each["tool_calls"][0] for each in lines if each.get("message_id") == message_id and "tool_calls" in each]
    return calls[0]["id"], "".join(call["function"]["arguments"] for call in calls)


async def test_a_call_that_was_cut_stays_in_history_is_marked_and_no_model_sees_it(tmp_path: Path) -> None:
    async with (
        ScriptedProvider({"cut": [Attempts([CUT, Say("Done.")])]}) as provider,
        house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house,
        house.browser() as client,
    ):
        lines = [json.loads(line) for line in (await start(client, provider, "cut")).text.splitlines()]
        draft, answer = await history(client)
        again = await client.post("/api/web-stream", json={**BODY, "messages": [{"role": "user", "content": "more"}]})
        assert json.loads(again.text.splitlines()[-1])["status"] == "completed"
        asked = json.dumps(provider.requests[-1].body)
    marker = [line for line in lines if (line.get("metadata") or {}).get("superseded")]
    assert [line["message_id"] for line in marker] == [draft["message_id"]]
    assert sent(lines, draft["message_id"]) == ("call_cut", '{"file_path": "/wo')
    assert (draft["type"], draft["metadata"], draft["tool_calls"]) == (
        "tool_call",
        {"superseded": True},
        [
            {
                "id": "call_cut",
                "type": "function",
                "index": 0,
                "function": {"name": "file_read", "arguments": '{"file_path": "/wo'},
            }
        ],
    )
    assert answer["content"] == "Done."
    assert "call_cut" not in asked


async def test_a_call_that_an_interrupt_cut_stays_in_history_as_far_as_it_was_sent(tmp_path: Path) -> None:
    async with (
        ScriptedProvider({"slow": [SLOW], "plain": [Say("Done.")]}) as provider,
        house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house,
        house.browser() as client,
    ):
        stream = asyncio.create_task(start(client, provider, "slow"))
        with anyio.fail_after(30):
            while not provider.requests or not await history(client):
                await asyncio.sleep(0.01)
            await client.post("/api/sessions/s1/interrupt", json={})
            lines = [json.loads(line) for line in (await stream).text.splitlines()]
        (draft,) = await history(client)
        more = [{"role": "user", "content": "[[play:plain]] more"}]
        again = await client.post("/api/web-stream", json={**BODY, "messages": more})
        assert json.loads(again.text.splitlines()[-1])["status"] == "completed"
        asked = json.dumps(provider.requests[-1].body)
    call_id, arguments = sent(lines, draft["message_id"])
    assert (draft["metadata"], draft["tool_calls"][0]["function"]) == (
        {"interrupted": True},
        {"name": "file_read", "arguments": arguments},
    )
    assert not [line for line in lines if line.get("role") == "tool"]
    assert str(call_id) not in asked


def test_fragments_of_a_dead_process_are_joined_as_a_watching_client_joins_them() -> None:
    builder = LineBuilder(session_id="s1", agent_name="A", stamps=Stamps(lambda: 7.0))
    pieces = (("c1", "file_read", '{"a'), (None, None, '": 1'), (None, None, ""))
    lines = [json.loads(builder.call_fragment(CallStreamed("m1", *piece))) for piece in pieces]
    draft = CallDraft("m1", 7.0)
    for line in lines:
        draft.add_line(line)
    (watched,) = merged_lines([*lines, json.loads(builder.superseded("m1", "tool_call"))])
    stored = draft.message("A", superseded=True)
    assert (stored.tool_calls, stored.metadata) == (watched["tool_calls"], watched["metadata"])
