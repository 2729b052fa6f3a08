"""Use cases on run rows. Executing a run is not one of them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import AuditLog, AuditObject
from clary.features.permissions.service import Identity, Target
from clary.features.runs.errors import RunNotFoundError
from clary.features.runs.payloads import run_object
from clary.features.runs.policy import StopReason, is_active
from clary.features.runs.repository import RunRepository
from clary.features.runs.tables import RunRow
from clary.kit.clock import Clock
from clary.streams.ports import EventLog

EXPIRED_LOGS_PER_SWEEP = 200


class RunService:
    """Runs one by one."""

    def __init__(
        self, *, database: Database, event_log: EventLog, audit: AuditLog, clock: Clock, log_ttl_hours: float
    ) -> None:
        self._database = database
        self._audit = audit
        self._event_log = event_log
        self._clock = clock
        self._log_ttl = timedelta(hours=log_ttl_hours)

    async def describe(self, *, run_id: str, identity: Identity) -> dict[str, Any]:
        """The run object.

        Raises:
            RunNotFoundError
        """
        async with self._database.read() as db:
            run = await RunRepository(db).find_visible(run_id, identity)
            if run is None:
                raise RunNotFoundError
        return await self.describe_row(run, identity=identity)

    async def object_of(self, run: RunRow) -> dict[str, Any]:
        """The run object; an active run has as many lines as its log. Takes a connection of its own."""
        line_count = run.line_count
        if line_count is None:
            head = await self._event_log.head(run.log_id)
            line_count = head.length if head is not None else 0
        return run_object(run, line_count)

    async def describe_row(self, run: RunRow, *, identity: Identity) -> dict[str, Any]:
        """The run object of a row that the caller was allowed to see."""
        await self._audit.record_admin_read(identity, AuditObject("run", run.run_id, run.user_id))
        return await self.object_of(run)

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a run."""
        row = await RunRepository(db).find(object_id)
        return Target("run", object_id, row.user_id) if row is not None else None

    async def find_active(self, db: Session, *, conversation_id: int, is_child: bool = False) -> RunRow | None:
        """The active root run of a conversation, or the active child of a child's; None when there is none."""
        runs = RunRepository(db)
        return await (runs.find_active_child if is_child else runs.find_active)(conversation_id)

    async def list_objects(self, *, conversation_id: int) -> list[dict[str, Any]]:
        """Run objects of a conversation, oldest first."""
        async with self._database.read() as db:
            runs = await RunRepository(db).list_of_conversation(conversation_id)
        return [await self.object_of(run) for run in runs]

    async def find_readable(self, db: Session, *, conversation_id: int, run_id: str | None) -> RunRow | None:
        """The run a reader means: by id, else the active one, else the most recent (stream-runtime.md 6.5)."""
        runs = RunRepository(db)
        if run_id is not None:
            run = await runs.find(run_id)
            return run if run is not None and run.conversation_id == conversation_id else None
        return await runs.find_active(conversation_id) or await runs.find_latest(conversation_id)

    async def statuses(self, db: Session, *, conversation_ids: Sequence[int]) -> dict[int, str]:
        """Status of the conversations that have an active run."""
        return await RunRepository(db).active_statuses(conversation_ids)

    async def request_stop(self, db: Session, *, run: RunRow, reason: StopReason, note: str | None = None) -> bool:
        """Makes the wish durable; the first one wins. False when the run has ended already."""
        if not is_active(run.status):
            return False
        if run.stop_reason is None:
            run.stop_reason = reason
        if note:
            run.stop_note = note
        return True

    async def wait_until_ended(self, *, run_id: str, seconds: float) -> str | None:
        """Waits for a terminal status; returns the status at the end of the wait, None when the run is gone."""
        give_up_at = self._clock.monotonic() + seconds
        while True:
            async with self._database.read() as db:
                run = await RunRepository(db).find(run_id)
            if run is None:
                return None
            if not is_active(run.status) or self._clock.monotonic() >= give_up_at:
                return run.status
            await asyncio.sleep(0.02)

    async def delete_of_conversation(self, db: Session, *, conversation_id: int) -> None:
        """Removes the ended runs of a conversation with their logs."""
        logs = await RunRepository(db).delete_of_conversation(conversation_id)
        await self._event_log.delete(db, logs)

    async def sweep_expired_logs(self) -> int:
        """Deletes logs that were kept long enough (stream-runtime.md 6.3, L5); returns how many."""
        async with self._database.write() as db:
            runs = RunRepository(db)
            logs = await runs.list_expired_logs(self._clock.now() - self._log_ttl, EXPIRED_LOGS_PER_SWEEP)
            if logs:
                await self._event_log.delete(db, logs)
                await runs.forget_logs(logs)
        return len(logs)
