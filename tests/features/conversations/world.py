"""A database on disk, the services of the slice, and runs written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy

from clary.adapters.event_log import PostgresEventLog, SqliteEventLog
from clary.db.columns import Row
from clary.db.database import Database
from clary.features.audit.service import AuditLog
from clary.features.conversations.service import (
    ConversationRow,
    ConversationService,
    HistoryReader,
    ListQuery,
    MessageReader,
    NewMessage,
    add_counts,
    new_conversation,
)
from clary.features.conversations.shares import ShareService
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunRow, RunService
from clary.http.paging import Page
from clary.kit import json_text

ALICE = Identity("u-alice", "alice", "user", "cookie")
BOB = Identity("u-bob", "bob", "user", "cookie")
ADMIN = Identity("u-admin", "admin", "admin", "cookie")


class SetClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def epoch(self) -> float:
        return self.moment.timestamp()

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class RememberedFolders:
    """Workspaces that only remember what was deleted."""

    deleted: list[tuple[str, str]] = field(default_factory=list)

    async def delete_session_workspace(self, user_id: str, session_id: str) -> None:
        self.deleted.append((user_id, session_id))

    async def delete_agent_workspace(self, user_id: str, agent_id: str) -> None:
        self.deleted.append((user_id, agent_id))


def text(role: str, content: Any, message_id: str, **more: Any) -> NewMessage:
    """A message with text; an assistant's is an answer."""
    kind = more.pop("type", "normal" if role == "user" else "do_subtask_result")
    return NewMessage(message_id, role, kind, content, 1.0, **more)  # type: ignore[arg-type]


class World:
    """What a test works with."""

    def __init__(self, database: Database, event_log: SqliteEventLog | PostgresEventLog, clock: SetClock) -> None:
        self.database, self.event_log, self.clock = database, event_log, clock
        self.folders = RememberedFolders()
        self.audit = AuditLog(database=database, clock=clock, new_salt=lambda: "salt")
        self.runs = RunService(database=database, event_log=event_log, audit=self.audit, clock=clock, log_ttl_hours=24)
        self.history = HistoryReader(database=database, runs=self.runs, event_log=event_log)
        self.conversations = self.service()
        self.shares = self.share_service("explicit")

    def service(self, *, by_link: bool = False) -> ConversationService:
        return ConversationService(
            database=self.database,
            runs=self.runs,
            history=self.history,
            workspaces=self.folders,
            audit=self.audit,
            clock=self.clock,
            shares_by_link=lambda: by_link,
        )

    def share_service(self, mode: Any) -> ShareService:
        return ShareService(
            database=self.database,
            conversations=self.conversations,
            history=self.history,
            audit=self.audit,
            clock=self.clock,
            mode=lambda: mode,
        )

    async def conversation(
        self, owner: Identity, session_id: str, *messages: NewMessage, title: str = "新会话", agent_id: str = "agent_1"
    ) -> ConversationRow:
        """A conversation with stored messages."""
        async with self.database.write() as db:
            row = new_conversation(
                user_id=owner.user_id,
                session_id=session_id,
                agent_id=agent_id,
                agent_name="Tutor",
                now=self.clock.now(),
            )
            row.title, row.title_folded = title, title.casefold()
            add_counts(row, messages)
            await self.conversations.save_new(db, row)
            await MessageReader(db).add_all(row, "run-0", messages)
        return row

    async def run(self, row: ConversationRow, run_id: str, **values: Any) -> RunRow:
        """A running run with an empty log."""
        async with self.database.write() as db:
            defaults: dict[str, Any] = {
                "root_run_id": run_id,
                "user_id": row.user_id,
                "conversation_id": row.conversation_id,
                "session_id": row.session_id,
                "agent_id": row.agent_id,
                "agent_name": row.agent_name,
                "agent_mode": "simple",
                "endpoint": "web_stream",
                "status": "running",
                "attached": False,
                "interrupt_on_disconnect": False,
                "warnings": [],
                "usage": {},
                "stored_lines": 0,
                "query": "hi",
                "created_at": self.clock.now(),
                "last_activity": self.clock.epoch(),
            }
            log_id = await self.event_log.create(db, run_id)
            run = RunRow(run_id=run_id, log_id=log_id, **{**defaults, **values})
            db.add(run)
        return run

    async def append(self, run: RunRow, *lines: dict[str, Any]) -> None:
        """Adds lines to the run's log."""
        await self.event_log.append(run.log_id, 1, [json_text.dumps(line) for line in lines])

    async def change_run(self, run: RunRow, **values: Any) -> None:
        """Changes a run's row."""
        async with self.database.write() as db:
            await db.execute(sqlalchemy.update(RunRow).where(RunRow.run_id == run.run_id).values(**values))

    async def read(self, identity: Identity, session_id: str, **more: Any) -> dict[str, Any]:
        """The history answer."""
        return await self.conversations.read_history(identity=identity, session_id=session_id, **more)

    async def listed(self, identity: Identity, *, page: int = 1, size: int = 10, **query: Any) -> dict[str, Any]:
        """The list answer."""
        return await self.conversations.list_page(identity=identity, query=ListQuery(Page(page, size), **query))

    async def count(self, table: type[Row]) -> int:
        """Rows of a table."""
        async with self.database.read() as db:
            return int(await db.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)) or 0)


def ids(data: dict[str, Any]) -> list[str]:
    """Session ids of a list answer, or message ids of a history answer."""
    return [each["session_id"] for each in data["list"]] if "list" in data else message_ids(data["messages"])


def message_ids(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Ids in order."""
    return [each["message_id"] for each in messages]
