"""Use cases of tasks for their owners and for administrators (platform.md 15.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from clary.db.session import Session
from clary.features.agents.service import AgentResolver
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity, Target
from clary.features.schedules.errors import ScheduleInvalidError, TaskLimitError, TaskNotFoundError
from clary.features.schedules.payloads import ListQuery, TaskChange, TaskFields, TaskRequest
from clary.features.schedules.policy import COMPLETED, Reason, Schedule, read_schedule
from clary.features.schedules.repository import TaskFilters, TaskRepository
from clary.features.schedules.service.settling import Settling
from clary.features.schedules.tables import TaskRow, TaskRunRow
from clary.http.paging import Page
from clary.http.problems import RoleMissingError
from clary.kit.clock import Clock
from clary.kit.ids import new_hex

Maker = Literal["user", "agent"]
TIMING = ("schedule", "timezone", "is_recurring")


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """Caps and defaults of an installation. `timezone`: for tasks that name none."""

    per_user: int
    min_seconds: int
    timezone: str


class TaskService:
    """Tasks as rows; what starts them is elsewhere."""

    def __init__(
        self,
        *,
        agents: AgentResolver,
        settling: Settling,
        audit: AuditLog,
        clock: Clock,
        limits: TaskLimits,
        new_digits: Callable[[int], str] = new_hex,
    ) -> None:
        self._agents = agents
        self._settling = settling
        self._audit = audit
        self._clock = clock
        self._limits = limits
        self._new_digits = new_digits

    async def create(
        self,
        db: Session,
        *,
        identity: Identity,
        wanted: TaskRequest,
        made_by: Maker = "user",
        made_in_run: str | None = None,
    ) -> TaskRow:
        """A new task.

        Raises:
            RoleMissingError, ScheduleInvalidError, TaskLimitError; E-AGENT.
        """
        require_chat(identity)
        await self._agents.resolve_for_run(db, identity=identity, agent_id=wanted.agent_id)
        zone = wanted.timezone or self._limits.timezone
        schedule = self._read(wanted.schedule, zone, wanted.is_recurring)
        tasks, now = TaskRepository(db), self._clock.now()
        if await tasks.count_of(identity.user_id) >= self._limits.per_user:
            raise TaskLimitError
        prefix = "rec" if schedule.is_recurring else "once"
        enabled = wanted.enabled is not False
        row = TaskRow(
            task_id=f"{prefix}_{self._new_digits(16)}",
            user_id=identity.user_id,
            name=wanted.name,
            description=wanted.description,
            folded=_folded(wanted.name, wanted.description),
            agent_id=wanted.agent_id,
            schedule=wanted.schedule,
            is_recurring=schedule.is_recurring,
            timezone=zone,
            enabled=enabled,
            closed=None,
            status="paused" if not enabled else "active" if schedule.is_recurring else "pending",
            session_mode=wanted.session_mode or "new",
            session_id=wanted.session_id,
            max_retries=3 if wanted.max_retries is None else wanted.max_retries,
            missed=wanted.missed or "run_once",
            overlap=wanted.overlap or "skip",
            run_options=wanted.run_options or {},
            next_run_at=schedule.after(now),
            last_run_at=None,
            last_status=None,
            run_count=0,
            failure_count=0,
            created_by=made_by,
            made_in_run=made_in_run,
            created_at=now,
            updated_at=now,
        )
        await tasks.add(row)
        await self._record(db, "created", row, identity)
        return row

    async def change(self, db: Session, *, identity: Identity, task_id: str, wanted: TaskChange) -> TaskRow:
        """Other values; what is absent stays. An edit ends attempts that wait.

        Raises:
            RoleMissingError, TaskNotFoundError, ScheduleInvalidError; E-AGENT.
        """
        require_chat(identity)
        row = await self._own(db, identity, task_id)
        given = wanted.model_dump(exclude_none=True)
        if "agent_id" in given:
            await self._agents.resolve_for_run(db, identity=identity, agent_id=wanted.agent_id)
        if any(name in given for name in TIMING):
            await self._reschedule(db, row, wanted)
        for name in given.keys() - set(TIMING) - {"enabled"}:
            setattr(row, name, given[name])
        row.folded = _folded(row.name, row.description)
        row.updated_at = self._clock.now()
        await TaskRepository(db).cancel_waiting(task_id, now=self._clock.now())
        if wanted.enabled is not None and wanted.enabled != row.enabled:
            await self._switch(db, row, enabled=wanted.enabled)
        await self._settling.refresh(db, row)
        await self._record(db, "updated", row, identity, fields=sorted(given))
        return row

    async def enable(self, db: Session, *, identity: Identity, task_id: str, enabled: bool) -> TaskRow:
        """Switches a task on or off; an administrator switches off only. Times while it was off are not caught up.

        Raises:
            RoleMissingError, TaskNotFoundError, ScheduleInvalidError: a one-off time that has passed.
        """
        row = await self._seen(db, identity, task_id)
        if row.user_id != identity.user_id and enabled:
            raise RoleMissingError
        await self._switch(db, row, enabled=enabled)
        row.updated_at = self._clock.now()
        await self._settling.refresh(db, row)
        await self._record(db, "updated", row, identity, fields=["enabled"])
        return row

    async def complete(self, db: Session, *, identity: Identity, task_id: str) -> TaskRow:
        """Makes a task completed: it is never due again. A run under way goes on.

        Raises:
            TaskNotFoundError
        """
        row = await self._own(db, identity, task_id)
        row.closed, row.next_run_at, row.updated_at = COMPLETED, None, self._clock.now()
        await TaskRepository(db).cancel_waiting(task_id, now=self._clock.now())
        await self._settling.refresh(db, row)
        await self._record(db, "updated", row, identity, fields=["status"])
        return row

    async def remove(self, db: Session, *, identity: Identity, task_id: str) -> None:
        """Removes a task with its history; a run under way goes on, conversations stay.

        Raises:
            TaskNotFoundError
        """
        row = await self._seen(db, identity, task_id)
        await self._record(db, "deleted", row, identity)
        await TaskRepository(db).remove(task_id)

    async def read(self, db: Session, *, identity: Identity, task_id: str) -> TaskRow:
        """One task, for its owner or an administrator.

        Raises:
            TaskNotFoundError
        """
        row = await self._seen(db, identity, task_id)
        await self._audit.record_admin_read(identity, AuditObject("task", row.task_id, row.user_id), within=db)
        return row

    async def list_page(
        self, db: Session, *, identity: Identity, query: ListQuery, user_id: str | None, page: Page
    ) -> tuple[list[TaskRow], int]:
        """The caller's tasks; an administrator may name somebody else."""
        filters = TaskFilters(
            user_id=user_id if identity.is_admin and user_id else identity.user_id,
            is_recurring={"once": False, "recurring": True, "all": None}[query.task_type],
            status=query.status,
            agent_id=query.agent_id,
            after=query.scheduled_after,
            before=query.scheduled_before,
            text=query.q,
        )
        rows, total = await TaskRepository(db).list_page(filters, offset=page.offset, limit=page.size)
        return list(rows), total

    async def history(
        self, db: Session, *, identity: Identity, task_id: str, status: str | None, page: Page
    ) -> tuple[list[TaskRunRow], int]:
        """Starts of a task, the newest first.

        Raises:
            TaskNotFoundError
        """
        await self.read(db, identity=identity, task_id=task_id)
        rows, total = await TaskRepository(db).list_history(task_id, status=status, offset=page.offset, limit=page.size)
        return list(rows), total

    def preview(self, *, schedule: str, timezone: str | None, count: int) -> list[datetime]:
        """The next times of a schedule.

        Raises:
            ScheduleInvalidError
        """
        read = self._read(schedule, timezone or self._limits.timezone, None)
        return list(islice(read.times_after(self._clock.now()), count))

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a task."""
        row = await TaskRepository(db).find(object_id, user_id=None)
        return None if row is None else Target("task", object_id, row.user_id)

    async def delete_of_user(self, db: Session, user_id: str) -> int:
        """Removes every task of a person; returns how many there were."""
        tasks = TaskRepository(db)
        ids = await tasks.list_ids_of(user_id)
        for task_id in ids:
            await tasks.remove(task_id)
        return len(ids)

    async def _reschedule(self, db: Session, row: TaskRow, wanted: TaskFields) -> None:
        text, zone = wanted.schedule or row.schedule, wanted.timezone or row.timezone
        says = wanted.is_recurring
        if says is None and wanted.schedule is None:
            says = row.is_recurring
        if (text, zone) == (row.schedule, row.timezone) and says in (None, row.is_recurring):
            # Clients send back what they have read: a time that has passed is not asked for anew.
            return
        schedule = self._read(text, zone, says)
        row.schedule, row.timezone, row.is_recurring = text, zone, schedule.is_recurring
        if row.closed != COMPLETED:
            row.closed, row.next_run_at = None, schedule.after(self._clock.now())
        await db.flush()

    async def _switch(self, db: Session, row: TaskRow, *, enabled: bool) -> None:
        row.enabled = enabled
        if not enabled:
            await db.flush()
            await TaskRepository(db).cancel_waiting(row.task_id, now=self._clock.now())
        elif row.closed != COMPLETED or not row.is_recurring:
            following = self._read(row.schedule, row.timezone, row.is_recurring).after(self._clock.now())
            if row.closed != COMPLETED:
                row.closed, row.next_run_at, row.failure_count = None, following, 0

    def _read(self, text: str, zone: str, is_recurring: bool | None) -> Schedule:
        try:
            return read_schedule(
                text, zone, now=self._clock.now(), min_seconds=self._limits.min_seconds, is_recurring=is_recurring
            )
        except Reason as reason:
            raise ScheduleInvalidError(reason.text) from None

    async def _own(self, db: Session, identity: Identity, task_id: str) -> TaskRow:
        row = await TaskRepository(db).find(task_id, user_id=identity.user_id)
        if row is None:
            raise TaskNotFoundError
        return row

    async def _seen(self, db: Session, identity: Identity, task_id: str) -> TaskRow:
        row = await TaskRepository(db).find(task_id, user_id=None if identity.is_admin else identity.user_id)
        if row is None:
            raise TaskNotFoundError
        return row

    async def _record(
        self, db: Session, action: str, row: TaskRow, identity: Identity, *, fields: list[str] | None = None
    ) -> None:
        detail = {"name": row.name, "agent_id": row.agent_id, "schedule": row.schedule, "created_by": row.created_by}
        if fields is not None:
            detail["fields"] = ", ".join(fields)
        target = AuditObject("task", row.task_id, row.user_id)
        await self._audit.record(db, Act(f"task.{action}", Actor.of(identity), target, detail=detail))


def require_chat(identity: Identity) -> None:
    """A task chats in its owner's name: whoever makes or starts one needs both scopes.

    Raises:
        RoleMissingError
    """
    if not (identity.has_scope("write") and identity.has_scope("chat")):
        raise RoleMissingError


def _folded(name: str, description: str) -> str:
    return f"{name}\n{description}".casefold()
