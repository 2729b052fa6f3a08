"""A server killed at any moment: the client's total has no gap, no double and one end; no side effect repeats."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say, ScriptedProvider
from support.server_process import Person, ServerProcess, parsed, running, signed_in

pytestmark = pytest.mark.anyio

ANSWER = "All is done here now 完成。"
LINES = 11
"""Lines of the undisturbed run: text, call, result, call, result, four pieces of text, usage, end."""


def scripts() -> dict[str, Sequence[Any]]:
    append = "echo x >> /workspace/count.txt; sleep 0.4"
    return {
        "work": [
            CallTools([Call("execute_shell_command", json.dumps({"command": append}))], text="Running it now."),
            CallTools([Call("file_read", json.dumps({"file_path": "/workspace/count.txt"}))]),
            Say(ANSWER, pieces=4, delay_seconds=0.03),
        ]
    }


async def agent_of(person: Person, provider_url: str, name: str) -> str:
    made = {"base_url": provider_url, "api_keys": ["sk-journey-000000"], "model": "m", "thinking_style": "none"}
    provider = await person.data("POST", "/api/llm-provider/create", made)
    tools = ["execute_shell_command", "file_read", "file_write"]
    body = {"name": name, "llm_provider_id": provider["id"], "availableTools": tools}
    return str((await person.data("POST", "/api/agent/create", body))["agent_id"])


async def first_lines(person: Person, body: dict[str, Any], count: int) -> list[bytes]:
    """Starts a run and reads until `count` lines came."""
    found: list[bytes] = []
    async with person.lines("/api/web-stream", body) as lines:
        if count == 0:
            return found
        async for line in lines:
            found.append(line)
            if len(found) == count:
                break
    return found


def check_whole(lines: list[bytes]) -> list[dict[str, Any]]:
    """One end, last; every call has one result."""
    found = parsed(lines)
    assert [line["type"] for line in found].count("stream_end") == 1
    assert found[-1]["type"] == "stream_end"
    assert found[-1]["total_stream_count"] == len(found) - 1
    called = [line["tool_calls"][0]["id"] for line in found if line["type"] == "tool_call"]
    answered = [line["tool_call_id"] for line in found if line.get("role") == "tool"]
    assert sorted(called) == sorted(answered)
    return found


def answer_of(lines: list[dict[str, Any]]) -> str:
    void = {line["message_id"] for line in lines if (line.get("metadata") or {}).get("superseded")}
    said = [line for line in lines if line["type"] == "do_subtask_result" and line["message_id"] not in void]
    return "".join(line["content"] for line in said)


def told(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What history and stream must agree on."""
    return [
        (
            m["message_id"],
            m["type"],
            m.get("content") or None,
            m.get("tool_calls"),
            bool(m["metadata"].get("superseded")),
        )
        for m in messages
        if m["role"] != "user"
    ]


def merged(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of lines, as a client builds them."""
    messages: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line["type"] in ("token_usage", "stream_end", "tool_progress"):
            continue
        known = messages.setdefault(line["message_id"], {**line, "content": line.get("content") and ""})
        if (line.get("metadata") or {}).get("superseded"):
            known["metadata"] = {"superseded": True}
        elif isinstance(line.get("content"), str) and line["role"] == "assistant":
            known["content"] = (known["content"] or "") + line["content"]
        else:
            known["content"] = line.get("content")
    return list(messages.values())


async def killed_after(server: ServerProcess, person: Person, agent: str, count: int) -> None:
    """Kills after `count` lines, restarts, resumes at `count`, and checks everything."""
    session = f"session_{count}"
    body = {"messages": [{"role": "user", "content": "[[play:work]] go"}], "session_id": session, "agent_id": agent}
    before = await first_lines(person, body, count)
    await server.kill()
    await server.start()
    async with asyncio.timeout(30):
        after = await person.all_lines(f"/api/stream/resume/{session}?last_index={count}")
    lines = check_whole(before + after)
    assert lines[-1]["status"] == "completed"
    assert answer_of(lines).endswith(ANSWER)
    assert await person.all_lines(f"/api/stream/resume/{session}?last_index=0") == before + after
    history = await person.data("GET", f"/api/conversations/{session}/messages")
    assert told(history["messages"]) == told(merged(lines))
    assert history["next_stream_index"] == len(lines)
    check_side_effect(lines)


def check_side_effect(lines: list[dict[str, Any]]) -> None:
    """The file has one line more per run, or the call was reported as unknown."""
    results = [line["content"] for line in lines if line.get("role") == "tool"]
    kinds = [content.get("error_type") for content in results if isinstance(content, dict)]
    assert kinds[0] in (None, "OUTCOME_UNKNOWN"), results


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with ScriptedProvider(scripts()) as built:
        yield built


@pytest.mark.timeout(180)
async def test_a_kill_after_any_of_the_first_lines_loses_nothing_and_repeats_nothing(
    tmp_path: Path, provider: ScriptedProvider
) -> None:
    async with running(tmp_path / "data", CLARY_BUDGETS='{"server":{"tokens_per_day":100000000}}') as server:
        person = await signed_in(server)
        for count in (0, 1, 2, 3, 6):
            agent = await agent_of(person, provider.url, f"agent {count}")
            await killed_after(server, person, agent, count)
            # What the killed process had reserved was booked at the takeover (platform.md 14.3).
            [state] = await person.data("GET", "/api/budgets/me")
            assert (state["reserved"], state["spent"] > 0) == (0, True)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_kill_after_every_line_loses_nothing_and_repeats_nothing(
    tmp_path: Path, provider: ScriptedProvider
) -> None:
    async with running(tmp_path / "data") as server:
        person = await signed_in(server)
        for count in range(LINES - 1):
            agent = await agent_of(person, provider.url, f"agent {count}")
            await killed_after(server, person, agent, count)


@pytest.mark.timeout(120)
async def test_a_polite_stop_ends_streams_without_an_end_and_the_next_start_goes_on(tmp_path: Path) -> None:
    gate = Gate(Say("two three", pieces=2), text="one ")
    async with ScriptedProvider({"slow": [gate]}) as provider, running(tmp_path / "data") as server:
        person = await signed_in(server)
        agent = await agent_of(person, provider.url, "slow")
        body = {"messages": [{"role": "user", "content": "[[play:slow]]"}], "session_id": "s1", "agent_id": agent}
        async with person.lines("/api/web-stream", body) as lines:
            before = [await anext(lines)]
            await server.stop()
            before += [line async for line in lines]
        assert all(line["type"] != "stream_end" for line in parsed(before))
        gate.open()
        await server.start()
        after = await person.all_lines(f"/api/stream/resume/s1?last_index={len(before)}")
        found = check_whole(before + after)
        assert answer_of(found) == "one two three"


@pytest.mark.timeout(120)
async def test_five_readers_get_identical_bytes_while_one_reads_slowly(tmp_path: Path) -> None:
    gate = Gate(Say("".join(f"piece {n} " + "word " * 200 for n in range(300)), pieces=300), text="start ")
    async with ScriptedProvider({"long": [gate]}) as provider, running(tmp_path / "data") as server:
        person = await signed_in(server)
        agent = await agent_of(person, provider.url, "long")
        body = {"messages": [{"role": "user", "content": "[[play:long]]"}], "session_id": "s1", "agent_id": agent}
        async with person.lines("/api/web-stream", body) as lines:
            first = [await anext(lines)]
            slow = asyncio.create_task(read_slowly(person))
            others = [asyncio.create_task(person.all_lines("/api/stream/resume/s1")) for _ in range(3)]
            await asyncio.sleep(0)
            gate.open()
            first += [line async for line in lines]
        async with asyncio.timeout(60):
            assert all([await other == first for other in others])
            assert await slow == first
        check_whole(first)


async def read_slowly(person: Person) -> list[bytes]:
    """Takes one line, waits, then the rest."""
    found: list[bytes] = []
    async with person.lines("/api/stream/resume/s1") as lines:
        async for line in lines:
            found.append(line)
            if len(found) == 1:
                await asyncio.sleep(1.5)
    return found
