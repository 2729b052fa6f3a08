"""Task lists (stream-runtime.md 7, 9.6)."""

from collections.abc import Sequence

import pytest

from clary.features.conversations.errors import SessionNotFoundError
from clary.features.conversations.service import TodoStore
from clary.runtime.tools import Todo
from features.conversations.world import ADMIN, ALICE, BOB, World

pytestmark = pytest.mark.anyio


async def store(world: World, session_id: str = "s1") -> TodoStore:
    row = await world.conversation(ALICE, session_id)
    return TodoStore(world.database, row.conversation_id, world.clock)


def told(todos: Sequence[Todo]) -> list[tuple[str, str, str]]:
    return [(todo.id, todo.content, todo.status) for todo in todos]


async def test_items_are_merged_by_id_and_keep_their_order(world: World) -> None:
    todos = await store(world)
    await todos.upsert([{"id": "b", "content": "first"}, {"id": "a", "content": "second", "status": "in_progress"}])
    changed = await todos.upsert(
        [{"id": "c", "content": "third"}, {"id": "b", "completed": True, "conclusion": "done so"}]
    )
    assert list(changed) == [
        Todo("b", "first", "completed", "done so"),
        Todo("a", "second", "in_progress"),
        Todo("c", "third", "pending"),
    ]
    assert list(await todos.read()) == list(changed)


async def test_an_id_told_twice_in_one_call_is_one_item(world: World) -> None:
    todos = await store(world)
    assert told(await todos.upsert([{"id": "1", "content": "x"}, {"id": 1, "content": "y"}])) == [("1", "y", "pending")]


async def test_a_new_list_replaces_a_finished_one_even_under_the_same_ids(world: World) -> None:
    todos = await store(world)
    await todos.upsert(
        [{"id": "1", "content": "a", "completed": True}, {"id": "2", "content": "b", "status": "failed"}]
    )
    assert told(await todos.upsert([{"id": "3", "content": "c"}])) == [("3", "c", "pending")]
    await todos.upsert([{"id": "3", "completed": True}])
    fresh = [{"id": "3", "content": "new 3"}, {"id": "1", "content": "new 1", "completed": True}]
    assert told(await todos.upsert(fresh)) == [("3", "new 3", "pending"), ("1", "new 1", "completed")]


async def test_a_finished_list_told_again_or_reopened_stays_the_same_list(world: World) -> None:
    todos = await store(world)
    done = [{"id": "1", "content": "a", "completed": True}, {"id": "2", "content": "b", "completed": True}]
    await todos.upsert(done)
    assert told(await todos.upsert(done[:1])) == [("1", "a", "completed"), ("2", "b", "completed")]
    assert told(await todos.upsert([{"id": "2", "status": "in_progress"}])) == [
        ("1", "a", "completed"),
        ("2", "b", "in_progress"),
    ]


async def test_an_unfinished_list_is_added_to_never_replaced(world: World) -> None:
    todos = await store(world)
    await todos.upsert([{"id": "1", "content": "a"}])
    assert told(await todos.upsert([{"id": "9", "content": "z"}])) == [("1", "a", "pending"), ("9", "z", "pending")]


async def test_a_call_that_fails_changes_nothing(world: World) -> None:
    todos = await store(world)
    await todos.upsert([{"id": "1", "content": "a"}])
    with pytest.raises(KeyError):
        await todos.upsert([{"id": "2", "content": "b"}, {"content": "no id"}])
    assert told(await todos.read()) == [("1", "a", "pending")]


async def test_lists_of_two_conversations_do_not_touch(world: World) -> None:
    one, other = await store(world, "s1"), await store(world, "s2")
    await one.upsert([{"id": "1", "content": "a"}])
    await other.upsert([{"id": "1", "content": "b"}])
    assert (told(await one.read()), told(await other.read())) == ([("1", "a", "pending")], [("1", "b", "pending")])


async def test_the_status_answer_shows_the_list_to_owner_and_admin_only(world: World) -> None:
    todos = await store(world)
    await todos.upsert([{"id": "1", "content": "a"}])
    world.clock.advance(1)
    await todos.upsert([{"id": "2", "content": "b"}, {"id": "1", "completed": True, "conclusion": "ok"}])
    first, then = "2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:06.000000Z"
    expected = {
        "session_id": "s1",
        "tasks_status": {
            "tasks": [
                {
                    "id": "1",
                    "name": "a",
                    "content": "a",
                    "status": "completed",
                    "index": 0,
                    "created_at": first,
                    "updated_at": then,
                    "conclusion": "ok",
                },
                {
                    "id": "2",
                    "name": "b",
                    "content": "b",
                    "status": "pending",
                    "index": 1,
                    "created_at": then,
                    "updated_at": then,
                    "conclusion": "",
                },
            ]
        },
        "user_id": "u-alice",
    }
    async with world.database.read() as db:
        for identity in (ALICE, ADMIN):
            assert await world.conversations.tasks_status(db, identity=identity, session_id="s1") == expected
        with pytest.raises(SessionNotFoundError):
            await world.conversations.tasks_status(db, identity=BOB, session_id="s1")


async def test_no_list_is_an_empty_list(world: World) -> None:
    await world.conversation(ALICE, "s1")
    async with world.database.read() as db:
        data = await world.conversations.tasks_status(db, identity=ALICE, session_id="s1")
    assert data["tasks_status"] == {"tasks": []}
