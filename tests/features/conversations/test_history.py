"""History at any moment (stream-runtime.md 8): stored messages, then the log's tail."""

from typing import Any

import pytest

from clary.features.conversations.errors import SessionAmbiguousError, SessionNotFoundError
from clary.features.conversations.history import page_of
from clary.features.conversations.merge import merged_lines
from clary.features.conversations.repository.messages import add_message
from clary.features.conversations.service import NewMessage
from clary.kit import json_text
from features.conversations.world import ADMIN, ALICE, BOB, World, ids, text

pytestmark = pytest.mark.anyio


def delta(message_id: str, content: str, kind: str = "do_subtask_result") -> dict[str, Any]:
    return {
        "role": "assistant",
        "type": kind,
        "content": content,
        "message_id": message_id,
        "session_id": "s1",
        "timestamp": 2.0,
        "agent_name": "Tutor",
        "metadata": {},
    }


async def test_a_stored_message_has_all_keys_of_the_contract_and_no_null_ones(world: World) -> None:
    row = await world.conversation(ALICE, "s1", text("user", "hi", "m1"), title="Greeting")
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    result = {"error": True, "message": "no"}
    async with world.database.write() as db:
        connection = await db.connection()
        for message in (
            NewMessage("m2", "assistant", "tool_call", None, 2.0, tool_calls=calls, agent_name="Tutor"),
            NewMessage("m3", "tool", "tool_call_result", result, 3.0, tool_call_id="c1", is_error=True),
        ):
            await connection.run_sync(add_message, row.conversation_id, "run-0", message)
    extra = {"is_final": False, "is_chunk": False, "metadata": {}, "session_id": "s1"}
    moment = "2026-01-02T03:04:05.000000Z"
    assert await world.read(ALICE, "s1") == {
        "conversation_id": "s1",
        "messages": [
            {
                "role": "user",
                "type": "normal",
                "message_type": "normal",
                "content": "hi",
                "message_id": "m1",
                "chunk_id": "m1",
                "timestamp": 1.0,
                **extra,
            },
            {
                "role": "assistant",
                "type": "tool_call",
                "message_type": "tool_call",
                "tool_calls": calls,
                "message_id": "m2",
                "chunk_id": "m2",
                "timestamp": 2.0,
                "agent_name": "Tutor",
                **extra,
            },
            {
                "role": "tool",
                "type": "tool_call_result",
                "message_type": "tool_call_result",
                "tool_call_id": "c1",
                "is_error": True,
                "content": result,
                "message_id": "m3",
                "chunk_id": "m3",
                "timestamp": 3.0,
                **extra,
            },
        ],
        "message_count": 3,
        "next_stream_index": 0,
        "next_stream_run_id": None,
        "conversation_info": {
            "session_id": "s1",
            "agent_id": "agent_1",
            "agent_name": "Tutor",
            "title": "Greeting",
            "created_at": moment,
            "updated_at": moment,
        },
    }


async def test_history_of_an_active_run_is_the_store_and_the_lines_after_it(world: World) -> None:
    row = await world.conversation(ALICE, "s1", text("user", "hi", "m1"), text("assistant", "First.", "m2"))
    run = await world.run(row, "run-1", stored_lines=2)
    await world.append(run, delta("m2", "Fir"), delta("m2", "st."), delta("m3", "Sec"), delta("m3", "ond"))
    data = await world.read(ALICE, "s1")
    assert [each["content"] for each in data["messages"]] == ["hi", "First.", "Second"]
    assert (data["next_stream_index"], data["next_stream_run_id"]) == (4, "run-1")
    assert {"message_type", "chunk_id", "is_final", "is_chunk"} <= set(data["messages"][2])


async def test_history_and_the_rest_of_the_log_give_at_every_moment_what_a_watcher_has(world: World) -> None:
    lines = [
        delta("r1", "Think", "reasoning_content"),
        delta("a1", "An"),
        delta("a1", "swer", "do_subtask_result"),
        {**delta("a1", ""), "metadata": {"superseded": True}},
        delta("a2", "Ans"),
        delta("a2", "wer."),
        {**delta("u1", "", "token_usage")},
        {"type": "stream_end", "session_id": "s1", "timestamp": 3.0},
    ]
    row = await world.conversation(ALICE, "s1")
    run = await world.run(row, "run-1")
    watched = merged_lines(lines)
    for written, line in enumerate(lines, start=1):
        await world.append(run, line)
        data = await world.read(ALICE, "s1")
        assert data["next_stream_index"] == written
        fields = set(watched[0])
        shown = [{key: value for key, value in each.items() if key in fields} for each in data["messages"]]
        rest = [json_text.loads(raw) for raw in await world.event_log.read(run.log_id, written, 1 << 20)]
        assert rest == []
        assert merged_lines([*shown, *lines[written:]]) == watched


async def test_a_run_without_a_line_yet_is_named(world: World) -> None:
    run = await world.run(await world.conversation(ALICE, "s1"), "run-1")
    data = await world.read(ALICE, "s1")
    assert (data["next_stream_index"], data["next_stream_run_id"]) == (0, run.run_id)


async def test_the_index_of_an_ended_run_is_its_full_length_while_the_log_is_kept(world: World) -> None:
    row = await world.conversation(ALICE, "s1", text("assistant", "Done.", "m1"))
    run = await world.run(row, "run-1")
    await world.append(run, delta("m1", "Done."), {"type": "stream_end"})
    await world.change_run(run, status="completed", line_count=2, stored_lines=1)
    data = await world.read(ALICE, "s1")
    assert (data["next_stream_index"], data["next_stream_run_id"], ids(data)) == (2, "run-1", ["m1"])
    await world.change_run(run, log_id=0)
    data = await world.read(ALICE, "s1")
    assert (data["next_stream_index"], data["next_stream_run_id"], ids(data)) == (0, None, ["m1"])


async def test_the_active_run_wins_over_a_later_one(world: World) -> None:
    row = await world.conversation(ALICE, "s1")
    await world.append(await world.run(row, "run-1"), delta("m1", "x"))
    world.clock.advance(5)
    await world.run(row, "run-2", status="completed", line_count=7)
    assert (await world.read(ALICE, "s1"))["next_stream_run_id"] == "run-1"


async def test_hidden_messages_are_never_shown_whether_stored_or_still_in_the_log(world: World) -> None:
    hidden = {"hidden_from_chat": True}
    row = await world.conversation(ALICE, "s1", text("user", "shown", "m1"), text("user", "no", "m2", metadata=hidden))
    await world.append(await world.run(row, "run-1"), {**delta("m3", "no"), "metadata": hidden}, delta("m4", "shown"))
    data = await world.read(ALICE, "s1")
    assert (ids(data), data["message_count"]) == (["m1", "m4"], 2)


async def test_a_strangers_conversation_reads_like_an_unknown_one(world: World) -> None:
    await world.conversation(ALICE, "s1", text("user", "mine", "m1"))
    for session_id in ("s1", "never", "../etc", "x" * 5000, ""):
        with pytest.raises(SessionNotFoundError) as refused:
            await world.read(BOB, session_id)
        assert refused.value.message.zh == f"会话 {session_id} 不存在"


async def test_two_people_may_hold_one_id_and_see_only_their_own(world: World) -> None:
    await world.conversation(ALICE, "s1", text("user", "alice", "m1"))
    await world.conversation(BOB, "s1", text("user", "bob", "m1"))
    assert (await world.read(ALICE, "s1"))["messages"][0]["content"] == "alice"
    assert (await world.read(BOB, "s1", user_id=ALICE.user_id))["messages"][0]["content"] == "bob"


async def test_an_admin_reads_the_only_holders_and_chooses_among_several(world: World) -> None:
    await world.conversation(ALICE, "s1", text("user", "alice", "m1"))
    assert (await world.read(ADMIN, "s1"))["messages"][0]["content"] == "alice"
    await world.conversation(BOB, "s1", text("user", "bob", "m1"))
    with pytest.raises(SessionAmbiguousError):
        await world.read(ADMIN, "s1")
    assert (await world.read(ADMIN, "s1", user_id=BOB.user_id))["messages"][0]["content"] == "bob"
    with pytest.raises(SessionNotFoundError):
        await world.read(ADMIN, "s1", user_id="u-nobody")
    await world.conversation(ADMIN, "s1", text("user", "admin", "m1"))
    assert (await world.read(ADMIN, "s1"))["messages"][0]["content"] == "admin"


def exchange(*order: str) -> list[dict[str, Any]]:
    """Messages named by what they are: `m1` text, `c1` a call, `t1` its result."""
    made: list[dict[str, Any]] = []
    for name in order:
        message: dict[str, Any] = {"message_id": name, "role": "tool" if name[0] == "t" else "assistant"}
        if name[0] == "c":
            message["tool_calls"] = [{"id": name[1:]}]
        elif name[0] == "t":
            message["tool_call_id"] = name[1:]
        made.append(message)
    return made


@pytest.mark.parametrize(
    ("limit", "before", "expected", "more"),
    [
        (1, None, ["m2"], True),
        (2, None, ["c1", "c2", "t2", "t1", "m2"], True),
        (3, None, ["c1", "c2", "t2", "t1", "m2"], True),
        (6, None, ["m1", "c1", "c2", "t2", "t1", "m2"], False),
        (1, "m2", ["c1", "c2", "t2", "t1"], True),
        (1, "c1", ["m1"], False),
        (1, "t2", ["m1"], False),
        (1, "unknown", [], False),
        (None, "m2", ["m1", "c1", "c2", "t2", "t1"], False),
        (1000, "m1", [], False),
    ],
)
def test_a_page_never_splits_a_call_from_its_results(
    limit: int | None, before: str | None, expected: list[str], more: bool
) -> None:
    messages = exchange("m1", "c1", "c2", "t2", "t1", "m2")
    page, has_more = page_of(messages, limit=limit, before=before)
    assert ([each["message_id"] for each in page], has_more) == (expected, more)


async def test_walking_the_pages_backwards_gives_every_message_once(world: World) -> None:
    await world.conversation(ALICE, "s1", *(text("user", f"n{n}", f"m{n}") for n in range(7)))
    seen: list[str] = []
    before: str | None = None
    for _ in range(4):
        data = await world.read(ALICE, "s1", limit=2, before=before)
        seen = [*ids(data), *seen]
        before = data["messages"][0]["message_id"]
        assert data["has_more"] == (len(seen) < 7)
    assert seen == [f"m{n}" for n in range(7)]
