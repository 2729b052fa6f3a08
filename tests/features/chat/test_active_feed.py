"""The feed of a person's active runs (stream-runtime.md 7, 11 C7)."""

from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Gate, Say
from clary.features.chat import active
from clary.features.chat.active import QUIET_SECONDS
from features.chat.world import chat_in, said
from support.open_stream import OpenStream

pytestmark = pytest.mark.anyio

PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
FEED = "/api/stream/active_sessions"


async def shown(feed: OpenStream, *wanted: tuple[str, str]) -> list[dict[str, Any]]:
    """The first snapshot with these (session, status); every one before it is whole as well."""
    while True:
        snapshot = await feed.snapshot()
        if [(each["session_id"], each["status"]) for each in snapshot] == list(wanted):
            return snapshot


async def test_the_first_frame_comes_at_once_and_is_empty_when_idle(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        feed = await chat.alice.open(FEED)
        piece = await feed.piece()
    assert (feed.status, feed.headers["content-type"]) == (200, "text/event-stream")
    assert piece == b"data: []\n\n"


async def test_a_snapshot_follows_each_start_and_end_newest_first_and_only_ones_own(tmp_path: Path) -> None:
    gates = {name: [Gate(Say("done"), text="begun")] for name in ("a", "b", "bob")}
    async with chat_in(tmp_path, gates) as chat:
        bob = await chat.person("bob")
        await bob.open("/api/web-stream", said("[[play:bob]]", "s-bob"))
        feed = await chat.alice.open(FEED)
        assert await feed.snapshot() == []
        first = await chat.alice.open("/api/web-stream", said("[[play:a]]", "s-a"))
        [alone] = await shown(feed, ("s-a", "running"))
        chat.house.clock.move(seconds=3)
        second = await chat.alice.open("/api/chat", said("[[play:b]]", "s-b", agent_id="default_agent"))
        await shown(feed, ("s-b", "running"), ("s-a", "running"))
        # Somebody who comes later sees the same at once.
        late = await (await chat.alice.open(FEED)).snapshot()
        gates["a"][0].open()
        await shown(feed, ("s-b", "running"))
        gates["b"][0].open()
        await shown(feed)
        gates["bob"][0].open()
        await first.lines()
        await second.lines()
        assert [each["session_id"] for each in late] == ["s-b", "s-a"]
        epoch = chat.house.clock.epoch() - 3
    assert alone == {
        "session_id": "s-a",
        "query": "[[play:a]]",
        "created_at": epoch,
        "is_completed": False,
        "last_activity": epoch,
        "status": "running",
        "run_id": first.headers["x-clary-run-id"],
    }


async def test_the_query_is_plain_text_without_tags_and_images_of_500_characters(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "<skill>a</skill>[[play:slow]] " + "x" * 600}, PNG]
    async with chat_in(tmp_path, {"slow": [Gate(Say("done"), text="begun")]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said(parts))
        await stream.line()
        [item] = await (await chat.alice.open(FEED)).snapshot()
    assert item["query"] == ("[[play:slow]] " + "x" * 600)[:500]


@pytest.mark.parametrize("quiet_seconds", [QUIET_SECONDS, 0])
async def test_a_waiting_run_is_shown_as_queued_and_as_running_once_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_seconds: float
) -> None:
    # However soon the feed reads: a row that is not yet changed must not be its last word.
    monkeypatch.setattr(active, "QUIET_SECONDS", quiet_seconds)
    gates = {name: [Gate(Say("done"), text="begun")] for name in ("bob", "mine")}
    async with chat_in(tmp_path, gates, max_active_runs=1) as chat:
        bob = await chat.person("bob")
        first = await bob.open("/api/web-stream", said("[[play:bob]]"))
        await first.line()
        await chat.alice.open("/api/web-stream", said("[[play:mine]]"))
        feed = await chat.alice.open(FEED)
        await shown(feed, ("s1", "queued"))
        # Somebody else's run ends and makes room.
        gates["bob"][0].open()
        await shown(feed, ("s1", "running"))
        gates["mine"][0].open()
        await shown(feed)


async def test_it_needs_an_identity(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat, chat.house.browser() as nobody:
        answer = await nobody.get(FEED)
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


async def test_the_query_of_a_run_that_guidance_starts_has_no_control_tags(tmp_path: Path) -> None:
    gate = Gate(Say("done"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        await chat.alice.say("[[play:plain]] hi")
        words = {"content": "<enable_plan>false</enable_plan>[[play:slow]] go on"}
        await chat.alice.data("POST", "/api/sessions/s1/inject-user-message", words)
        stream = await chat.alice.open("/api/web-stream", {"messages": [], "session_id": "s1"})
        [shown_run] = await (await chat.alice.open(FEED)).snapshot()
        gate.open()
        await stream.lines()
    assert shown_run["query"] == "[[play:slow]] go on"
