"""One key, one run (stream-runtime.md 6.8, 12 A14)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Gate, Say
from features.chat.world import Chat, chat_in, end_of, said

pytestmark = pytest.mark.anyio

KEY = {"Idempotency_Key": "key-1"}


@pytest.fixture
async def gate() -> Gate:
    return Gate(Say("done"), text="begun ")


async def users(chat: Chat, session: str = "s1") -> list[str]:
    return [each["content"] for each in await chat.alice.history(session) if each["role"] == "user"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/stream", "/api/web-stream"])
async def test_the_same_request_joins_the_run_from_line_0_whatever_its_state(
    tmp_path: Path, gate: Gate, path: str
) -> None:
    body = said("[[play:slow]]", agent_id="default_agent")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        first = await chat.alice.open(path, body, **KEY)
        await first.line()
        # Neither busy nor a replacement.
        second = await chat.alice.open(path, body, **KEY)
        gate.open()
        whole = await second.lines()
        rest = await first.lines()
        third = await chat.alice.open(path, body, **KEY)
        late = await third.lines()
        told = await users(chat)
    assert whole[1:] == rest
    assert late == whole
    assert end_of(whole) == ("completed", "answered")
    assert len({each.headers["x-clary-run-id"] for each in (first, second, third)}) == 1
    assert told == ["[[play:slow]]"]
    assert len(chat.provider.requests) == 1


async def test_without_a_session_id_the_joined_answer_names_the_one_that_was_made(chat: Chat) -> None:
    first = await chat.alice.open("/api/web-stream", said("x", None), **KEY)
    second = await chat.alice.open("/api/web-stream", said("x", None), **KEY)
    assert await first.lines() == await second.lines()
    assert first.headers["x-clary-session-id"] == second.headers["x-clary-session-id"]
    assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/web-stream", said("other text")),
        ("/api/web-stream", said("x", "s2")),
        ("/api/web-stream", said("x", None)),
        ("/api/web-stream", said("x", agent_id="default_agent")),
        ("/api/stream", said("x")),
    ],
    ids=["text", "session", "no session", "agent", "endpoint"],
)
async def test_other_content_under_a_key_is_a_409_and_starts_nothing(chat: Chat, path: str, body: Any) -> None:
    await (await chat.alice.open("/api/web-stream", said("x"), **KEY)).lines()
    answer = await chat.alice.call("POST", path, body, **KEY)
    envelope = answer.json()
    assert (answer.status_code, envelope["error_detail"]) == (409, "idempotency_mismatch")
    assert envelope["message"] == "幂等键已用于不同的请求"
    assert len(chat.provider.requests) == 1
    assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 1


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "é"])
async def test_a_key_is_1_to_255_visible_ascii_characters(chat: Chat, key: str) -> None:
    answer = await chat.alice.open("/api/web-stream", said("x"), Idempotency_Key=key)
    assert answer.status == 422
    longest = await chat.alice.open("/api/web-stream", said("x"), Idempotency_Key="k" * 255)
    assert end_of(await longest.lines()) == ("completed", "answered")


async def test_fifty_requests_with_one_key_at_one_moment_are_one_run(tmp_path: Path, gate: Gate) -> None:
    body = said("[[play:slow]]", None)
    async with chat_in(tmp_path, {"slow": [gate]}, max_views_per_run=50) as chat:
        streams = await asyncio.gather(*(chat.alice.open("/api/web-stream", body, **KEY) for _ in range(50)))
        gate.open()
        answers = [await stream.lines() for stream in streams]
        [session] = {stream.headers["x-clary-session-id"] for stream in streams}
        runs = await chat.alice.runs_of(session)
        told = await users(chat, session)
    assert {stream.status for stream in streams} == {200}
    assert {stream.headers["x-clary-run-id"] for stream in streams} == {runs[0]["run_id"]}
    assert all(lines == answers[0] for lines in answers)
    assert (len(runs), len(chat.provider.requests), told) == (1, 1, ["[[play:slow]]"])


async def test_the_key_of_somebody_else_is_another_key(chat: Chat) -> None:
    bob = await chat.person("bob")
    mine = await chat.alice.open("/api/web-stream", said("mine"), **KEY)
    theirs = await bob.open("/api/web-stream", said("theirs"), **KEY)
    assert end_of(await mine.lines()) == end_of(await theirs.lines()) == ("completed", "answered")
    assert mine.headers["x-clary-run-id"] != theirs.headers["x-clary-run-id"]
    assert (await bob.history())[0]["content"] == "theirs"


async def test_a_refused_start_does_not_use_up_its_key(chat: Chat) -> None:
    refused = await chat.alice.open("/api/web-stream", said("x", agent_id="agent_00000000"), **KEY)
    started = await chat.alice.open("/api/web-stream", said("x"), **KEY)
    assert (refused.status, end_of(await started.lines())) == (404, ("completed", "answered"))


async def test_a_key_is_forgotten_with_its_log(chat: Chat) -> None:
    first = await chat.alice.open("/api/web-stream", said("x"), **KEY)
    await first.lines()
    chat.house.clock.move(hours=25)
    await chat.house.services.runs.sweep_expired_logs()
    await chat.alice.sign_in()
    second = await chat.alice.open("/api/web-stream", said("x"), **KEY)
    assert end_of(await second.lines()) == ("completed", "answered")
    assert first.headers["x-clary-run-id"] != second.headers["x-clary-run-id"]
