"""What a start and its end do to the task (platform.md 15.3). All in the caller's transaction, which holds the task."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from clary.db.session import Session, after_commit
from clary.features.schedules.policy import COMPLETED, FAILED, GIVE_UP_AFTER, RAN, retry_delay, status_of
from clary.features.schedules.repository import TaskRepository
from clary.features.schedules.service.notices import GIVEN_UP, PAUSING, Notices
from clary.features.schedules.tables import TaskRow, TaskRunRow
from clary.kit import measures


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a start ended. `error`: a fixed word; `may_retry`: the same may go well later."""

    status: str
    error: str | None = None
    may_retry: bool = False


class Settling:
    """Keeps the figures and the state of tasks."""

    def __init__(self, *, new_id: Callable[[], str], notices: Notices) -> None:
        self._new_id = new_id
        self._notices = notices

    def note_start(self, task: TaskRow, start: TaskRunRow, now: datetime) -> None:
        """A run began."""
        task.last_run_at, task.last_status = now, "running"
        task.run_count += 1
        if task.session_mode == "same" and task.session_id is None:
            task.session_id = start.session_id

    async def close(self, db: Session, task: TaskRow, start: TaskRunRow, outcome: Outcome, now: datetime) -> None:
        """A start ended, or was refused: figures, another attempt, giving up."""
        start.status, start.error, start.ended_at, start.not_before = outcome.status, outcome.error, now, None
        count_ended(db, outcome.status)
        task.last_status = outcome.status
        if outcome.status == "completed":
            task.failure_count = 0
        elif outcome.status == "failed":
            task.failure_count += 1
        again = await self._retry(db, task, start, outcome, now)
        if not task.is_recurring and task.next_run_at is None and task.closed is None and not again:
            task.closed = FAILED if outcome.status == "failed" else RAN
        if outcome.error in PAUSING:
            await self._pause(db, task, outcome.error, now)
        elif outcome.status == "failed" and task.failure_count >= GIVE_UP_AFTER:
            await self._pause(db, task, GIVEN_UP, now)
        await self.refresh(db, task)

    async def refresh(self, db: Session, task: TaskRow) -> None:
        """Makes the status say what is so."""
        await db.flush()
        starts = await TaskRepository(db).list_open_of(task.task_id)
        if task.enabled and not (task.is_recurring or task.next_run_at or task.closed or starts):
            # Its time has passed and the attempt that waited was cancelled: nothing will ever happen again.
            task.closed = FAILED
        task.status = status_of(
            is_recurring=task.is_recurring,
            enabled=task.enabled,
            closed=task.closed,
            open_statuses=[each.status for each in starts],
        )

    async def _retry(self, db: Session, task: TaskRow, start: TaskRunRow, outcome: Outcome, now: datetime) -> bool:
        delay = retry_delay(start.attempt, max_retries=task.max_retries)
        if outcome.status != "failed" or not outcome.may_retry or delay is None:
            return False
        if not task.enabled or task.closed == COMPLETED:
            return False
        return await TaskRepository(db).add_run(
            TaskRunRow(
                task_run_id=self._new_id(),
                task_id=task.task_id,
                scheduled_for=start.scheduled_for,
                trigger="retry",
                attempt=start.attempt + 1,
                status="queued",
                not_before=now + delay,
                session_id=start.session_id,
            )
        )

    async def _pause(self, db: Session, task: TaskRow, reason: str, now: datetime) -> None:
        task.enabled, task.last_status = False, reason
        if task.closed == FAILED:
            # Paused, with the reason, says more than that its one time has passed.
            task.closed = None
        await db.flush()
        await TaskRepository(db).cancel_waiting(task.task_id, now=now)
        await self._notices.add(db, user_id=task.user_id, task_name=task.name, reason=reason)


def count_ended(db: Session, status: str) -> None:
    """A start ended, or did not happen; counted when that is durable."""
    after_commit(db, lambda: measures.count("clary_tasks_total", status=status))
