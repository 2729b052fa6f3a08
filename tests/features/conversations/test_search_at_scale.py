"""A search among ten thousand conversations reads no table from end to end (product.md 13 A4)."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from clary.features.conversations.policy import search_words
from clary.features.conversations.tables import ConversationRow, MessageRow
from features.conversations.world import ALICE, BOB, World, ids

pytestmark = pytest.mark.anyio

MANY = 10_000


async def fill(world: World, owner: str, first: int, count: int) -> None:
    """Conversations with a message each; every hundredth talks about a heron."""
    now = world.clock.now()
    keys = range(first, first + count)
    conversation = {"agent_id": "a", "agent_name": "A", "user_count": 1, "agent_count": 0, "system_context": {}}
    message = {"run_id": "r", "message_id": "m", "role": "user", "type": "normal", "is_error": False, "timestamp": 1.0}
    titles = {key: f"Title {key}" for key in keys}
    texts = {key: f"a heron, number {key}" if key % 100 == 0 else f"a gull, number {key}" for key in keys}
    conversations = [
        {
            **conversation,
            "conversation_id": key,
            "user_id": owner,
            "session_id": f"s{key}",
            "title": titles[key],
            "title_folded": titles[key].casefold(),
            "link_off": False,
            "created_at": now,
            "updated_at": now + timedelta(seconds=key),
        }
        for key in keys
    ]
    messages = [
        {
            **message,
            "conversation_id": key,
            "content": texts[key],
            "metadata": {},
            "folded": texts[key],
            "archived": False,
        }
        for key in keys
    ]
    async with world.database.write() as db:
        await db.execute(sqlalchemy.insert(sqlalchemy.inspect(ConversationRow).local_table), conversations)
        await db.execute(sqlalchemy.insert(sqlalchemy.inspect(MessageRow).local_table), messages)


class Statements:
    """Every SELECT that is executed meanwhile, with its parameters."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Any]] = []

    def note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        """Takes one."""
        if statement.lstrip().upper().startswith("SELECT"):
            self.found.append((statement, parameters))

    async def plans(self, world: World) -> list[str]:
        """How SQLite gets at conversations and messages for them."""
        async with world.database.read() as db:
            connection = await db.connection()
            rows = [
                (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
                for statement, parameters in self.found
            ]
        details = [str(row.detail) for each in rows for row in each]
        return [each for each in details if each.split()[1] in ("conversations", "messages")]


@pytest.fixture
def statements() -> Any:
    noted = Statements()
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", noted.note)
    yield noted
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", noted.note)


@pytest.mark.sqlite
async def test_it_finds_the_right_ones_by_index_and_in_few_statements(world: World, statements: Statements) -> None:
    await fill(world, ALICE.user_id, 1, MANY)
    await fill(world, BOB.user_id, MANY + 1, 100)
    statements.found.clear()
    page = await world.listed(ALICE, words=search_words("HERON number"), page=2)
    asked = list(statements.found)
    assert (page["total"], page["total_pages"]) == (100, 10)
    assert ids(page) == [f"s{key}" for key in range(9000, 8000, -100)]
    assert {each["snippet"] for each in page["list"]} == {f"a heron, number {key}" for key in range(8100, 9001, 100)}
    # The page, its runs, its shares, its snippets; never a statement for each conversation.
    assert len(asked) <= 6
    plans = await statements.plans(world)
    assert all(plan.startswith("SEARCH") for plan in plans)
    assert any(plan.startswith("SEARCH conversations USING INDEX") and "(user_id=?)" in plan for plan in plans)
    assert any(plan.startswith("SEARCH messages USING INDEX") and "(conversation_id=?)" in plan for plan in plans)


@pytest.mark.parametrize("search", ["%", "_", "'\"", "heron OR gull", "NEAR(a b)", "\U0001f600" * 200])
@pytest.mark.sqlite
async def test_hostile_words_are_looked_for_by_the_same_indexes(
    world: World, statements: Statements, search: str
) -> None:
    await fill(world, ALICE.user_id, 1, 200)
    statements.found.clear()
    page = await world.listed(ALICE, words=search_words(search))
    assert page["total"] == 0
    plans = await statements.plans(world)
    assert plans
    assert all(plan.startswith("SEARCH") for plan in plans)
