"""Every SQL statement about tasks; the owner is part of each that answers a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update

from clary.db.session import Session, add_unless_taken
from clary.features.schedules.tables import TaskRow, TaskRunRow

OPEN = ("queued", "running")


@dataclass(frozen=True, slots=True)
class TaskFilters:
    """What a reader of the list asks for; None: anything. `user_id` None: everybody's."""

    user_id: str | None
    is_recurring: bool | None = None
    status: str | None = None
    agent_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    text: str | None = None


class TaskRepository:
    """Rows of `scheduled_tasks` and `task_runs` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, row: TaskRow) -> None:
        """Adds a task."""
        self._session.add(row)
        await self._session.flush()

    async def find(self, task_id: str, *, user_id: str | None) -> TaskRow | None:
        """One task of a person, or anybody's."""
        query = select(TaskRow).where(TaskRow.task_id == task_id)
        if user_id is not None:
            query = query.where(TaskRow.user_id == user_id)
        return await self._session.scalar(query)

    async def lock(self, task_id: str) -> TaskRow | None:
        """One task as it stands now, which nobody else changes before this transaction ends."""
        query = select(TaskRow).where(TaskRow.task_id == task_id).with_for_update()
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def list_page(self, filters: TaskFilters, *, offset: int, limit: int) -> tuple[Sequence[TaskRow], int]:
        """Some tasks, the next due first, and how many there are."""
        where = _where(filters)
        order = (TaskRow.next_run_at.is_(None), TaskRow.next_run_at, TaskRow.row_id.desc())
        query = select(TaskRow).where(*where).order_by(*order).offset(offset).limit(limit)
        rows = (await self._session.scalars(query)).all()
        total = await self._session.scalar(select(func.count()).select_from(TaskRow).where(*where))
        return rows, total or 0

    async def count_of(self, user_id: str) -> int:
        """How many tasks a person has."""
        query = select(func.count()).select_from(TaskRow).where(TaskRow.user_id == user_id)
        return await self._session.scalar(query) or 0

    async def count_made_in(self, run_id: str) -> int:
        """How many tasks the agent of a run made."""
        query = select(func.count()).select_from(TaskRow).where(TaskRow.made_in_run == run_id)
        return await self._session.scalar(query) or 0

    async def list_due(self, now: datetime, *, after: int, limit: int) -> Sequence[TaskRow]:
        """Tasks whose time has come, in the order of their rows, beyond row number `after`."""
        query = (
            select(TaskRow)
            .where(TaskRow.next_run_at <= now, TaskRow.enabled, TaskRow.closed.is_(None), TaskRow.row_id > after)
            .order_by(TaskRow.row_id)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def list_later(self, now: datetime, *, after: int, limit: int) -> Sequence[TaskRow]:
        """Recurring tasks whose time is still to come, in the order of their rows, beyond row number `after`."""
        query = (
            select(TaskRow)
            .where(TaskRow.next_run_at > now, TaskRow.enabled, TaskRow.closed.is_(None), TaskRow.row_id > after)
            .where(TaskRow.is_recurring)
            .order_by(TaskRow.row_id)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def hasten_queued(self, now: datetime, *, latest: datetime) -> None:
        """Lets starts that wait for a time beyond `latest` begin now."""
        queued = (TaskRunRow.status == "queued", TaskRunRow.not_before > latest)
        await self._session.execute(update(TaskRunRow).where(*queued).values(not_before=now))

    async def add_run(self, row: TaskRunRow) -> bool:
        """Adds a start; False when this due time has been claimed."""
        return await add_unless_taken(self._session, row)

    async def find_run(self, task_run_id: str) -> TaskRunRow | None:
        """One start, as it stands now."""
        query = select(TaskRunRow).where(TaskRunRow.task_run_id == task_run_id).with_for_update()
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def list_open_of(self, task_id: str) -> Sequence[TaskRunRow]:
        """Starts of a task that have not ended, the oldest first."""
        query = select(TaskRunRow).where(TaskRunRow.task_id == task_id, TaskRunRow.status.in_(OPEN))
        return (await self._session.scalars(query.order_by(TaskRunRow.row_id))).all()

    async def list_running(self) -> Sequence[TaskRunRow]:
        """Every start whose run has not been seen to end."""
        query = select(TaskRunRow).where(TaskRunRow.status == "running").order_by(TaskRunRow.row_id)
        return (await self._session.scalars(query)).all()

    async def list_queued(self, now: datetime, *, after: int, limit: int) -> Sequence[TaskRunRow]:
        """Starts that wait and may begin, the oldest first, beyond row number `after`."""
        query = (
            select(TaskRunRow)
            .where(TaskRunRow.status == "queued", TaskRunRow.not_before <= now, TaskRunRow.row_id > after)
            .order_by(TaskRunRow.row_id)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def list_history(
        self, task_id: str, *, status: str | None, offset: int, limit: int
    ) -> tuple[Sequence[TaskRunRow], int]:
        """Starts of a task, the newest first, and how many there are."""
        where = [TaskRunRow.task_id == task_id]
        if status is not None:
            where.append(TaskRunRow.status == status)
        order = (TaskRunRow.scheduled_for.desc(), TaskRunRow.row_id.desc())
        query = select(TaskRunRow).where(*where).order_by(*order).offset(offset).limit(limit)
        rows = (await self._session.scalars(query)).all()
        total = await self._session.scalar(select(func.count()).select_from(TaskRunRow).where(*where))
        return rows, total or 0

    async def cancel_waiting(self, task_id: str, *, now: datetime) -> None:
        """Ends starts that wait: they never begin."""
        await self._session.execute(
            update(TaskRunRow)
            .where(TaskRunRow.task_id == task_id, TaskRunRow.status == "queued")
            .values(status="skipped", ended_at=now, not_before=None)
        )

    async def remove(self, task_id: str) -> None:
        """Removes a task and its history."""
        await self._session.execute(delete(TaskRunRow).where(TaskRunRow.task_id == task_id))
        await self._session.execute(delete(TaskRow).where(TaskRow.task_id == task_id))

    async def list_ids_of(self, user_id: str) -> Sequence[str]:
        """The ids of a person's tasks."""
        return (await self._session.scalars(select(TaskRow.task_id).where(TaskRow.user_id == user_id))).all()

    async def prune(self, ended_before: datetime) -> None:
        """Removes old history."""
        await self._session.execute(delete(TaskRunRow).where(TaskRunRow.ended_at < ended_before))


def _where(filters: TaskFilters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if filters.user_id is not None:
        where.append(TaskRow.user_id == filters.user_id)
    if filters.is_recurring is not None:
        where.append(TaskRow.is_recurring == filters.is_recurring)
    if filters.status is not None:
        where.append(TaskRow.status == filters.status)
    if filters.agent_id is not None:
        where.append(TaskRow.agent_id == filters.agent_id)
    if filters.after is not None:
        where.append(TaskRow.next_run_at >= filters.after)
    if filters.before is not None:
        where.append(TaskRow.next_run_at <= filters.before)
    if filters.text:
        where.append(TaskRow.folded.contains(filters.text.casefold(), autoescape=True))
    return where
