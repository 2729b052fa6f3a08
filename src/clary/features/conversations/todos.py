"""Task lists (stream-runtime.md 9.6): one per conversation, upserted in one transaction per call."""

from collections.abc import Container, Sequence
from typing import Any, Literal, cast

from clary.db.database import Database
from clary.db.session import Session
from clary.features.conversations.repository.conversations import ConversationRepository
from clary.features.conversations.tables import TodoRow
from clary.kit.clock import Clock
from clary.runtime.tools import Todo

DONE = ("completed", "failed")
STATUSES = frozenset({"pending", "in_progress", "completed", "failed"})
TodoStatus = Literal["pending", "in_progress", "completed", "failed"]


class TodoStore:
    """Implements `runtime.tools.TodoList` for one conversation."""

    def __init__(self, database: Database, conversation_id: int, clock: Clock) -> None:
        self._database = database
        self._conversation_id = conversation_id
        self._clock = clock

    async def read(self) -> Sequence[Todo]:
        """All items in order."""
        async with self._database.read() as db:
            return await self.read_in(db)

    async def read_in(self, db: Session) -> Sequence[Todo]:
        """The same, in the caller's transaction."""
        return [todo_of(row) for row in await ConversationRepository(db).list_todos(self._conversation_id)]

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        """Merges by id; a new list replaces a finished one."""
        async with self._database.write() as db:
            repository = ConversationRepository(db)
            rows = {row.item_id: row for row in await repository.list_todos(self._conversation_id)}
            finished = bool(rows) and all(row.status in DONE for row in rows.values())
            if finished and _is_new_list(items, rows):
                await repository.clear_todos(self._conversation_id)
                rows = {}
            for item in items:
                self._merge(repository, rows, item)
            return [todo_of(row) for row in sorted(rows.values(), key=lambda row: row.position)]

    def _merge(self, repository: ConversationRepository, rows: dict[str, TodoRow], item: dict[str, Any]) -> None:
        now, item_id = self._clock.now(), str(item["id"])
        row = rows.get(item_id)
        if row is None:
            position = max((each.position for each in rows.values()), default=-1) + 1
            row = TodoRow(
                conversation_id=self._conversation_id,
                item_id=item_id,
                position=position,
                content="",
                status="pending",
                conclusion="",
                created_at=now,
                updated_at=now,
            )
            rows[item_id] = row
            repository.add_todo(row)
        if item.get("content") is not None:
            row.content = str(item["content"])
        if item.get("conclusion") is not None:
            row.conclusion = str(item["conclusion"])
        row.status = _status(item, row.status)
        row.updated_at = now


def _is_new_list(items: Sequence[dict[str, Any]], known: Container[str]) -> bool:
    """Whether items are a plan of their own: no known id, or all told anew with something left to do.

    Models number each plan from 1, so a known id alone does not mean the old list.
    """
    if not any(str(item["id"]) in known for item in items):
        return True
    return all(item.get("content") for item in items) and any(_status(item, "pending") not in DONE for item in items)


def _status(item: dict[str, Any], present: str) -> str:
    if item.get("status") in STATUSES:
        return str(item["status"])
    if item.get("completed") is True:
        return "completed"
    return "pending" if item.get("completed") is False else present


def todo_of(row: TodoRow) -> Todo:
    """A row as the runtime knows it."""
    return Todo(row.item_id, row.content, cast("TodoStatus", row.status), row.conclusion)
