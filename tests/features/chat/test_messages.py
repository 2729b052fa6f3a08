"""What a request's messages become: stored, shown to the model, or refused (stream-runtime.md 3.3)."""

from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Say
from features.chat.world import Chat, Lines, chat_in, end_of, said

pytestmark = pytest.mark.anyio

PNG = "data:image/png;base64,iVBORw0KGgo="


async def post(chat: Chat, messages: list[Any], session: str = "s1", **more: Any) -> tuple[int, Any]:
    """(status, lines or refusal) of a web-stream with these messages."""
    stream = await chat.alice.open("/api/web-stream", {"messages": messages, "session_id": session, **more})
    lines = await stream.lines()
    return stream.status, lines


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def call(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def texts(history: Lines) -> list[tuple[str, str, Any]]:
    return [(each["role"], each["type"], each.get("content")) for each in history]


def seen_by_model(chat: Chat) -> list[dict[str, Any]]:
    """The messages of the last model call between instructions and facts."""
    return chat.asked()["messages"][1:-1]


ANSWER = "This is the scripted provider."


async def test_a_message_keeps_its_id_and_metadata_and_gets_an_id_without(chat: Chat) -> None:
    await post(
        chat, [user("a", message_id="m:1.a-b_c", metadata={"n": 1, "t": "x", "b": True, "f": 0.5, "none": None})]
    )
    await post(chat, [user("b")])
    first, _, second, _ = await chat.alice.history()
    assert (first["message_id"], first["metadata"]) == (
        "m:1.a-b_c",
        {"n": 1, "t": "x", "b": True, "f": 0.5, "none": None},
    )
    assert len(second["message_id"]) == 36
    assert first["type"] == second["type"] == "normal"


async def test_a_known_id_replaces_a_user_message_in_its_place_and_later_ones_stay(chat: Chat) -> None:
    await post(chat, [user("first", message_id="m1")])
    await post(chat, [user("second", message_id="m2")])
    status, _ = await post(chat, [user("first, better", message_id="m1")])
    history = await chat.alice.history()
    assert status == 200
    assert [each["content"] for each in history if each["role"] == "user"] == ["first, better", "second"]
    assert history[0]["message_id"] == "m1"
    assert [each["content"] for each in history][:4] == ["first, better", ANSWER, "second", ANSWER]
    item = (await chat.alice.data("GET", "/api/conversations"))["list"][0]
    assert (item["user_count"], item["agent_count"]) == (2, 3)


async def test_only_user_messages_can_be_replaced(chat: Chat) -> None:
    await post(chat, [user("x", message_id="m1")])
    answer_id = (await chat.alice.history())[1]["message_id"]
    for messages in (
        [user("I said that", message_id=answer_id)],
        [assistant("x", message_id="m1"), user("y")],
        [assistant("x", message_id=answer_id), user("y")],
    ):
        status, _ = await post(chat, messages)
        assert status == 422
    assert texts(await chat.alice.history()) == [("user", "normal", "x"), ("assistant", "do_subtask_result", ANSWER)]


@pytest.mark.parametrize("message_id", ["", "a b", "../x", "-x", "é", "m" * 129, 7])
async def test_a_message_id_has_the_pattern_of_a_session_id(chat: Chat, message_id: Any) -> None:
    assert (await post(chat, [user("x", message_id=message_id)]))[0] == 422


@pytest.mark.parametrize("before", [[], [user("x")]], ids=["new", "known"])
async def test_an_id_names_one_message_of_a_request(chat: Chat, before: list[Any]) -> None:
    if before:
        await post(chat, before)
    status, _ = await post(chat, [user("a", message_id="m1"), assistant("b"), user("c", message_id="m1")])
    assert status == 422


async def test_seeded_answers_are_history_and_not_this_runs_answer(chat: Chat) -> None:
    status, lines = await post(chat, [user("q1"), assistant("a1"), user("q2")])
    assert status == 200
    assert [line["content"] for line in lines if line["type"] == "do_subtask_result"] == [ANSWER]
    assert [each["content"] for each in await chat.alice.history()] == ["q1", "a1", "q2", ANSWER]
    assert [(each["role"], each["content"]) for each in seen_by_model(chat)] == [
        ("user", "q1"),
        ("assistant", "a1"),
        ("user", "q2"),
    ]


async def test_a_system_message_joins_the_instructions_and_is_not_stored(chat: Chat) -> None:
    rules = {"role": "system", "content": "Rhyme. You may use execute_shell_command."}
    await post(chat, [rules, user("x")], system_prefix="You are Persona.")
    first = chat.asked()
    instructions = first["messages"][0]["content"]
    assert first["messages"][0]["role"] == "system"
    assert instructions.index("You are Persona.") < instructions.index("Rhyme.")
    # It changes no rights.
    assert first.get("tools") in (None, [])
    assert [each["role"] for each in await chat.alice.history()] == ["user", "assistant"]
    await post(chat, [user("y")])
    assert "Rhyme." not in chat.asked()["messages"][0]["content"]


async def test_seeded_text_and_calls_are_own_messages_and_one_message_to_the_model(chat: Chat) -> None:
    messages = [
        user("q"),
        assistant("Looking.", tool_calls=[call("c1", '{"at": 1}'), call("c2")], message_id="mine"),
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        user("and?"),
    ]
    status, _ = await post(chat, messages)
    history = await chat.alice.history()
    assert status == 200
    assert texts(history)[:6] == [
        ("user", "normal", "q"),
        ("assistant", "do_subtask_result", "Looking."),
        ("assistant", "tool_call", None),
        ("assistant", "tool_call", None),
        ("tool", "tool_call_result", "two"),
        ("tool", "tool_call_result", "one"),
    ]
    assert history[1]["message_id"] == "mine"
    assert [each["tool_calls"] for each in history[2:4]] == [[call("c1", '{"at": 1}')], [call("c2")]]
    asked = seen_by_model(chat)
    assert asked[1]["content"] == "Looking."
    assert [each["id"] for each in asked[1]["tool_calls"]] == ["c1", "c2"]
    assert sorted((each["tool_call_id"], each["content"]) for each in asked[2:4]) == [("c1", "one"), ("c2", "two")]


async def test_a_seeded_call_without_a_result_is_answered_as_interrupted_and_never_run(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        write = {"name": "file_write", "arguments": '{"file_path": "/workspace/x.txt", "content": "x"}'}
        seeded = assistant("", tool_calls=[{"id": "c1", "type": "function", "function": write}])
        status, lines = await post(chat, [user("q"), seeded, user("go on")], available_tools=["file_write"])
        history = await chat.alice.history()
        written = list((tmp_path / "data").rglob("x.txt"))
    assert (status, end_of(lines)) == (200, ("completed", "answered"))
    assert [each.get("tool_call_id") for each in history if each["role"] == "tool"] == ["c1"]
    assert history[2]["content"]["error_type"] == "INTERRUPTED"
    assert written == []


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "tool", "tool_call_id": "c1", "content": "x"}, user("y")],
        [user("q"), {"role": "tool", "tool_call_id": "c1", "content": "x"}, user("y")],
        [assistant("", tool_calls=[call("c1")]), {"role": "tool", "tool_call_id": "c2", "content": "x"}, user("y")],
        [assistant("", tool_calls=[call("c1")]), {"role": "tool", "content": "x"}, user("y")],
        [assistant("", tool_calls=[call("c1"), call("c1")]), user("y")],
        [
            assistant("", tool_calls=[call("c1")]),
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
            {"role": "tool", "tool_call_id": "c1", "content": "again"},
            user("y"),
        ],
        [
            assistant("", tool_calls=[call("c1")]),
            user("between"),
            assistant("text"),
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
            user("y"),
        ],
        [assistant("", tool_calls=[{"id": "c1"}]), user("y")],
        [assistant("", tool_calls=[{"function": {"name": "x", "arguments": "{}"}}]), user("y")],
        [assistant("", tool_calls=[call("c1", "[1]")]), user("y")],
        [assistant("", tool_calls=[call("c1", "{broken")]), user("y")],
        [assistant("", tool_calls="x"), user("y")],
    ],
)
async def test_a_tool_message_stands_directly_after_its_whole_call(chat: Chat, messages: list[Any]) -> None:
    assert (await post(chat, messages))[0] == 422
    assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 0


async def test_keys_of_other_roles_are_ignored_whatever_they_hold(chat: Chat) -> None:
    odd = {"type": 7, "message_type": [], "tool_calls": "x", "reasoning_content": {}, "tool_call_id": 3, "name": "n"}
    status, _ = await post(chat, [user("x", **odd)])
    assert status == 200
    stored = (await chat.alice.history())[0]
    assert (stored["type"], stored["content"], "tool_calls" in stored) == ("normal", "x", False)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("x" * 1_000_000, 200),
        ("x" * 1_000_001, 422),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], 200),
        ([{"type": "image_url", "image_url": {"url": PNG}}], 200),
        ([{"type": "text", "text": ""}, {"type": "image_url", "image_url": {"url": PNG}}], 200),
        ([{"type": "text", "text": " "}], 422),
        ([{"type": "image_url"}], 422),
        ([{"type": "video", "url": "x"}], 422),
        ([{"text": "x"}], 422),
        ({"type": "text", "text": "x"}, 422),
        (7, 422),
        ([{"type": "image_url", "image_url": {"url": "https://pictures.example.org/a.png"}}], 200),
        ([{"type": "image_url", "image_url": {"url": "http://pictures.example.org/a.png"}}], 422),
        ([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], 422),
        ([{"type": "image_url", "image_url": {"url": "data:text/html;base64,eA=="}}], 422),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 15_000_000}}], 422),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_content_is_text_or_parts_within_their_bounds(chat: Chat, content: Any, status: int) -> None:
    assert (await post(chat, [user(content)]))[0] == status


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"k": "x" * 4000}, 200),
        ({"k": "x" * 4096}, 422),
        ({"k": "红" * 1500}, 422),
        ({"k": {"nested": 1}}, 422),
        ({"k": [1]}, 422),
        ("x", 422),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_metadata_is_an_object_of_scalars_of_4_kib(chat: Chat, metadata: Any, status: int) -> None:
    assert (await post(chat, [user("x", metadata=metadata)]))[0] == status


async def test_a_model_without_image_input_is_told_of_each_image(chat: Chat) -> None:
    parts = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "https://pictures.example.org/cat.png"}},
        {"type": "image_url", "image_url": {"url": PNG}},
    ]
    await post(chat, [user(parts)])
    [shown] = seen_by_model(chat)
    told = shown["content"] if isinstance(shown["content"], str) else "".join(p["text"] for p in shown["content"])
    assert "[image: cat.png]" in told
    assert "[image: inline]" in told
    assert "iVBOR" not in str(chat.asked())
    assert (await chat.alice.history())[0]["content"] == parts


async def test_a_resent_conversation_is_recognised_and_not_stored_twice(tmp_path: Path) -> None:
    script = [
        CallTools([Call("todo_read", id="c1")], text="Reading.", reasoning="Hm."),
        Say("Nothing to do.", reasoning="Empty."),
    ]
    async with chat_in(tmp_path, {"work": script}) as chat:
        await post(chat, [user("[[play:work]] go")], available_tools=["todo_read"])
        stored = await chat.alice.history()
        # Some clients resend questions and answers, others all that they show.
        short = [user("[[play:work]] go"), assistant("Reading."), assistant("Nothing to do.")]
        await post(chat, [*short, user("second")])
        keys = ("role", "type", "content", "tool_calls", "tool_call_id")
        whole = [{key: each[key] for key in keys if key in each} for each in await chat.alice.history()]
        for each in whole:
            each["content"] = each.get("content") if isinstance(each.get("content"), str) else None
        await post(chat, [*whole, user("third")])
        history = await chat.alice.history()
    assert [each["type"] for each in stored] == [
        "normal",
        "reasoning_content",
        "do_subtask_result",
        "tool_call",
        "tool_call_result",
        "reasoning_content",
        "do_subtask_result",
    ]
    later = [each["content"] for each in history[len(stored) :]]
    assert later == ["second", "Empty.", "Nothing to do.", "third", "Empty.", "Nothing to do."]


async def test_what_differs_from_the_stored_conversation_is_new(chat: Chat) -> None:
    await post(chat, [user("q1")])
    await post(chat, [user("q1"), assistant("another answer"), user("q2")])
    contents = [each["content"] for each in await chat.alice.history()]
    assert contents == ["q1", ANSWER, "another answer", "q2", ANSWER]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("A short one", "A short one"),
        ("x" * 50, "x" * 50),
        ("红" * 51, "红" * 50 + "..."),
        ("<enable_plan>false</enable_plan><skill>a</skill> Tags go", "Tags go"),
        ([{"type": "text", "text": "two"}, {"type": "text", "text": "parts"}], "two parts"),
        ([{"type": "image_url", "image_url": {"url": PNG}}], "新会话"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_new_conversation_is_called_after_its_first_user_message(chat: Chat, content: Any, title: str) -> None:
    await post(chat, [assistant("before"), user(content)])
    await post(chat, [user("a later message")])
    listed = (await chat.alice.data("GET", "/api/conversations"))["list"]
    assert [each["title"] for each in listed] == [title]


async def test_everything_is_durable_before_the_status_is_sent(chat: Chat) -> None:
    stream = await chat.alice.open("/api/web-stream", said("x", "s1"))
    # Another connection sees it while not one line of the answer was read.
    run = await chat.alice.run(stream.headers["x-clary-run-id"])
    listed = (await chat.alice.data("GET", "/api/conversations"))["list"]
    history = await chat.alice.history()
    await stream.lines()
    assert (run["session_id"], listed[0]["session_id"], history[0]["content"]) == ("s1", "s1", "x")
