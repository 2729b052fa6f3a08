"""Making, naming and deleting conversations (product.md 2.1, 13 A5)."""

import anyio
import pytest

from clary.adapters.event_log.tables import EventLinesRow, EventLogRow
from clary.features.conversations.errors import SessionNotFoundError, TitleEmptyError
from clary.features.conversations.service import (
    ConversationRow,
    TodoStore,
    add_compaction,
    new_conversation,
    set_title_from,
)
from clary.features.conversations.tables import CompactionRow, MessageRow, ShareRow, TodoRow
from clary.features.permissions.service import Identity
from clary.features.runs.errors import SessionReleasingError
from clary.features.runs.service import RunRow
from clary.http.problems import ValidationFailedError
from features.conversations.world import ADMIN, ALICE, BOB, World, ids, text

pytestmark = pytest.mark.anyio


async def rename(world: World, identity: Identity, session_id: str, title: str) -> dict[str, object]:
    async with world.database.write() as db:
        return await world.conversations.rename(db, identity=identity, session_id=session_id, title=title)


class GivenUpError(Exception):
    """What a request does when somebody was quicker: nothing of it is kept."""


async def test_many_first_requests_at_once_make_one_conversation(world: World) -> None:
    saved: list[bool] = []

    async def begin() -> None:
        try:
            async with world.database.write() as db:
                row = new_conversation(
                    user_id=ALICE.user_id, session_id="s1", agent_id="a", agent_name="A", now=world.clock.now()
                )
                saved.append(await world.conversations.save_new(db, row))
                if not saved[-1]:
                    raise GivenUpError
        except GivenUpError:
            return

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(begin)
    assert (saved.count(True), saved.count(False)) == (1, 19)
    assert await world.count(ConversationRow) == 1


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("short", "short"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50 + "..."),
        (
            [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {}},
                {"type": "text", "text": "here"},
            ],
            "look here",
        ),
        ([{"type": "image_url", "image_url": {}}], "新会话"),
    ],
)
async def test_a_new_conversation_is_named_after_its_first_message(world: World, content: object, title: str) -> None:
    row = await world.conversation(ALICE, "s1")
    set_title_from(row, text("user", content, "m1"))
    assert (row.title, row.title_folded, row.title_message_id) == (title, title.casefold(), "m1")


async def test_a_new_title_is_trimmed_keeps_its_inner_blanks_and_moves_no_date(world: World) -> None:
    before = (await world.conversation(ALICE, "s1", title="old")).updated_at
    world.clock.advance(60)
    assert await rename(world, ALICE, "s1", " \n New  标题\r\nline \t") == {
        "session_id": "s1",
        "title": "New  标题 line",
    }
    item = (await world.listed(ALICE, words=("标题 line",)))["list"][0]
    assert (item["title"], item["updated_at"]) == ("New  标题 line", before.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    assert (await rename(world, ADMIN, "s1", "é" * 255))["title"] == "é" * 255


async def test_titles_that_are_empty_too_long_or_with_control_characters_are_refused(world: World) -> None:
    await world.conversation(ALICE, "s1", title="old")
    for title in ("", " \n "):
        with pytest.raises(TitleEmptyError):
            await rename(world, ALICE, "s1", title)
    for title in ("x" * 256, "a\x1bb", "a\tb"):
        with pytest.raises(ValidationFailedError) as refused:
            await rename(world, ALICE, "s1", title)
        assert refused.value.errors[0]["loc"] == ["body", "title"]
    for identity, session_id in ((BOB, "s1"), (ALICE, "never")):
        with pytest.raises(SessionNotFoundError):
            await rename(world, identity, session_id, "stolen")
    assert (await world.listed(ALICE))["list"][0]["title"] == "old"


async def filled(world: World, session_id: str) -> RunRow:
    """A conversation with a bit of everything and a running run."""
    row = await world.conversation(ALICE, session_id, text("user", "plum", "m1"))
    run = await world.run(row, f"run-{session_id}")
    await world.append(run, {"type": "do_subtask_result", "message_id": "m2", "role": "assistant", "content": "x"})
    await TodoStore(world.database, row.conversation_id, world.clock).upsert([{"id": "1", "content": "do"}])
    async with world.database.write() as db:
        await world.shares.share(db, identity=ALICE, session_id=session_id, expires_at=None, secret=False)
        values = {
            "conversation_id": row.conversation_id,
            "summary": "short",
            "covers_from": 1,
            "covers_to": 1,
            "model": "m",
            "created_at": world.clock.now(),
        }
        await (await db.connection()).run_sync(add_compaction, values)
    return run


TABLES = (ConversationRow, MessageRow, TodoRow, CompactionRow, ShareRow, RunRow, EventLogRow, EventLinesRow)


class Stopper:
    """Ends runs as the execution would."""

    def __init__(self, world: World, *, starts_another: int = 0) -> None:
        self.world, self.left, self.stopped = world, starts_another, list[str]()

    async def stop_and_wait(self, run_id: str) -> None:
        self.stopped.append(run_id)
        async with self.world.database.write() as db:
            run = await db.get(RunRow, run_id)
            assert run is not None
            run.status, run.line_count = "interrupted", 1
            row = await db.get(ConversationRow, run.conversation_id)
        if self.left > 0 and row is not None:
            self.left -= 1
            await self.world.run(row, f"{run_id}+")


async def test_deleting_stops_the_run_and_leaves_no_row_of_it_and_every_row_of_others(world: World) -> None:
    await filled(world, "s1")
    kept = [await world.count(table) for table in TABLES]
    await filled(world, "s2")
    stopper = Stopper(world)
    world.conversations.stop_runs_with(stopper)
    assert await world.conversations.delete(identity=ALICE, session_id="s2") == {"session_id": "s2"}
    assert [await world.count(table) for table in TABLES] == kept == [1] * len(TABLES)
    assert (stopper.stopped, world.folders.deleted) == (["run-s2"], [("u-alice", "s2")])
    for attempt in (world.read(ALICE, "s2"), world.shares.view(name="s2", address="192.0.2.1")):
        with pytest.raises(SessionNotFoundError):
            await attempt
    await world.conversation(ALICE, "s2")
    assert ids(await world.read(ALICE, "s2")) == []


async def test_a_run_that_starts_while_the_former_one_is_stopped_is_stopped_too(world: World) -> None:
    await filled(world, "s1")
    stopper = Stopper(world, starts_another=2)
    world.conversations.stop_runs_with(stopper)
    await world.conversations.delete(identity=ALICE, session_id="s1")
    assert stopper.stopped == ["run-s1", "run-s1+", "run-s1++"]
    assert await world.count(RunRow) == 0


async def test_a_conversation_that_never_comes_to_rest_is_not_deleted(world: World) -> None:
    await filled(world, "s1")
    world.conversations.stop_runs_with(Stopper(world, starts_another=100))
    with pytest.raises(SessionReleasingError):
        await world.conversations.delete(identity=ALICE, session_id="s1")
    assert (await world.count(ConversationRow), world.folders.deleted) == (1, [])


async def test_only_owner_and_admin_delete(world: World) -> None:
    await world.conversation(ALICE, "s1")
    for identity, session_id in ((BOB, "s1"), (ALICE, "never")):
        with pytest.raises(SessionNotFoundError):
            await world.conversations.delete(identity=identity, session_id=session_id)
    await world.conversations.delete(identity=ADMIN, session_id="s1")
    assert (await world.count(ConversationRow), world.folders.deleted) == (0, [("u-alice", "s1")])


async def test_keys_of_deleted_conversations_and_logs_never_come_back(world: World) -> None:
    row = await world.conversation(ALICE, "s1")
    run = await world.run(row, "run-1", status="completed")
    await world.conversations.delete(identity=ALICE, session_id="s1")
    later = await world.conversation(BOB, "s1")
    assert later.conversation_id > row.conversation_id
    assert (await world.run(later, "run-2")).log_id > run.log_id
