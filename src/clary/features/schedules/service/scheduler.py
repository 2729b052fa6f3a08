"""The clock of tasks: looks every second what is due, what ended, what waits. Any number of processes may do it."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunRepository, RunRow, is_active
from clary.features.schedules.policy import LATE, LONGEST_RETRY, DuePlan, Reason, Schedule, plan_due, read_zone
from clary.features.schedules.policy.schedule import saved_schedule
from clary.features.schedules.ports import Owners
from clary.features.schedules.repository import TaskRepository
from clary.features.schedules.service.notices import SCHEDULE_UNREADABLE
from clary.features.schedules.service.settling import Outcome, Settling
from clary.features.schedules.service.starts import TaskStarts
from clary.features.schedules.service.waiting import is_in_the_way, is_running
from clary.features.schedules.tables import TaskRow, TaskRunRow
from clary.kit.clock import Clock
from clary.kit.duties import Duty

log = structlog.get_logger()

TICK_SECONDS: Final = 1.0
AT_ONCE: Final = 100
LEFT_TO_OTHERS: Final = timedelta(seconds=2)
"""A time from before this process began may be another's, who takes it within a second."""


class Scheduler:
    """Starts what is due."""

    def __init__(
        self,
        *,
        database: Database,
        starts: TaskStarts,
        settling: Settling,
        owners: Owners,
        clock: Clock,
        missed_hours: int,
        history_days: int,
    ) -> None:
        self._database = database
        self._starts = starts
        self._settling = settling
        self._owners = owners
        self._clock = clock
        self._oldest = timedelta(hours=missed_hours)
        self._history = timedelta(days=history_days)
        self._since = clock.now()
        self._looked_at = self._since
        self._is_set_back = False
        self._duty = Duty("scheduler", self._look_on)

    def start(self) -> None:
        """Begins to look."""
        self._since = self._looked_at = self._clock.now()
        self._duty.start()

    async def stop(self) -> None:
        """Ends it; what was claimed is a run, and goes on as one."""
        await self._duty.stop()

    async def _look_on(self) -> None:
        while True:
            try:
                await self.tick()
            except (UnavailableError, OSError) as error:
                log.warning("tasks_not_looked_at", error=type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """One look: ends first, so that what waited for them can start."""
        now = self._clock.now()
        if now - self._looked_at > LATE or now < self._looked_at:
            # The process stood still, or the clock was set: what came due meanwhile was missed.
            self._since = now
        self._is_set_back |= now < self._looked_at
        self._looked_at = now
        if self._is_set_back:
            await self._set_back(now)
            self._is_set_back = False
        await self._follow()
        await self._start_due(now)
        await self._start_queued(now)

    async def prune(self) -> None:
        """Removes history that is older than it is kept."""
        async with self._database.write() as db:
            await TaskRepository(db).prune(self._clock.now() - self._history)

    async def _set_back(self, now: datetime) -> None:
        """The clock went back: what was reckoned from a later time comes as the schedules say.

        A time that was had already is passed over when it comes again.
        """
        after = 0
        while True:
            async with self._database.write() as db:
                tasks = TaskRepository(db)
                await tasks.hasten_queued(now, latest=now + LONGEST_RETRY)
                later = await tasks.list_later(now, after=after, limit=AT_ONCE)
                for task in later:
                    task.next_run_at = _next_of(task, now)
            if len(later) < AT_ONCE:
                return
            after = later[-1].row_id

    async def _follow(self) -> None:
        async with self._database.read() as db:
            running = await TaskRepository(db).list_running()
            runs = await RunRepository(db).list_by_ids([each.run_id for each in running if each.run_id])
        known = {run.run_id: run for run in runs}
        for start in running:
            run = known.get(start.run_id or "")
            if run is None or not is_active(run.status):
                await _tried(start.task_id, self._end(start, run))

    async def _end(self, seen: TaskRunRow, run: RunRow | None) -> None:
        async with self._database.write() as db:
            tasks = TaskRepository(db)
            task = await tasks.lock(seen.task_id)
            start = await tasks.find_run(seen.task_run_id)
            if task is None or start is None or start.status != "running":
                return
            now = (run.ended_at if run is not None else None) or self._clock.now()
            await self._settling.close(db, task, start, _outcome_of(run), now)

    async def _start_due(self, now: datetime) -> None:
        after = 0
        while True:
            async with self._database.read() as db:
                due = await TaskRepository(db).list_due(now, after=after, limit=AT_ONCE)
                owners = await self._owners_of(db, due)
                is_busy = {
                    task.task_id: is_in_the_way(await TaskRepository(db).list_open_of(task.task_id))
                    for task in due
                    if task.user_id in owners
                }
            for task in due:
                # Nothing of somebody who is locked out starts; later the rule of missed times counts.
                if task.user_id in owners:
                    start = self._start_one(owners[task.user_id], task, now, is_busy=is_busy[task.task_id])
                    await _tried(task.task_id, start)
            if len(due) < AT_ONCE:
                return
            after = due[-1].row_id

    async def _start_one(self, owner: Identity, task: TaskRow, now: datetime, *, is_busy: bool) -> None:
        due = task.next_run_at
        if due is None or (due < self._since and now - due < LEFT_TO_OTHERS):
            return
        try:
            plan = self._plan(task, due, now)
        except Reason:
            # It was read when it was saved; a program of another version may know other words.
            await self._starts.refuse_due(task, due, SCHEDULE_UNREADABLE)
            return
        if is_busy and plan.start is not None:
            await self._starts.record_overlap(task, plan)
        else:
            await self._starts.start_due(owner, task, plan)

    def _plan(self, task: TaskRow, due: datetime, now: datetime) -> DuePlan:
        return plan_due(
            _schedule_of(task),
            due,
            now=now,
            watching_since=self._since,
            catches_up=task.missed == "run_once",
            oldest=self._oldest,
        )

    async def _start_queued(self, now: datetime) -> None:
        after = 0
        while True:
            async with self._database.read() as db:
                tasks = TaskRepository(db)
                queued = await tasks.list_queued(now, after=after, limit=AT_ONCE)
                found = {each.task_id: await tasks.find(each.task_id, user_id=None) for each in queued}
                owners = await self._owners_of(db, [task for task in found.values() if task is not None])
                busy = {task_id for task_id in found if is_running(await tasks.list_open_of(task_id))}
            for start in queued:
                task = found[start.task_id]
                if task is not None and task.enabled and task.user_id in owners and task.task_id not in busy:
                    await _tried(task.task_id, self._starts.start_queued(owners[task.user_id], task, start))
            if len(queued) < AT_ONCE:
                return
            after = queued[-1].row_id

    async def _owners_of(self, db: Session, tasks: Sequence[TaskRow]) -> dict[str, Identity]:
        found: dict[str, Identity] = {}
        for user_id in {task.user_id for task in tasks}:
            owner = await self._owners.find_owner(db, user_id=user_id)
            if owner is not None:
                found[user_id] = owner
        return found


async def _tried(task_id: str, step: Awaitable[None]) -> None:
    """A step for one task; what is away for it is no reason to leave the others out. The next look does it again."""
    try:
        await step
    except (UnavailableError, OSError) as error:
        log.warning("task_put_off", task_id=task_id, error=type(error).__name__)


def _schedule_of(task: TaskRow) -> Schedule:
    try:
        zone = read_zone(task.timezone)
    except Reason:
        # A time zone that is gone from the machine: the task keeps its time in UTC rather than never run.
        zone = read_zone("UTC")
    return saved_schedule(task.schedule, zone)


def _next_of(task: TaskRow, now: datetime) -> datetime | None:
    """When a task comes next, which is never later than it was said."""
    try:
        following = _schedule_of(task).after(now)
    except Reason:
        return task.next_run_at
    return min((each for each in (following, task.next_run_at) if each is not None), default=None)


def _outcome_of(run: RunRow | None) -> Outcome:
    if run is None:
        return Outcome("interrupted", "run_gone")
    info = run.error_info or {}
    if run.status == "failed":
        kind = str(info.get("kind") or run.end_reason or "failed")
        return Outcome("failed", kind[:64], may_retry=bool(info.get("retryable")))
    return Outcome("completed" if run.status == "completed" else "interrupted", None)
