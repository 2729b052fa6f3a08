"""Every SQL statement about jobs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, or_, select, text, update

from clary.db.session import Session
from clary.jobs.job import OPEN, Job, JobStatus
from clary.jobs.tables import JobRow
from clary.kit.text import Text


class Due(NamedTuple):
    """Somebody who has jobs of a kind that may begin, and since when the oldest of them waits."""

    owner_id: str
    since: datetime


class JobRepository:
    """Rows of `jobs` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, row: JobRow) -> None:
        """Stores a new job."""
        self._session.add(row)
        await self._session.flush()

    async def lock_owner(self, owner_id: str) -> None:
        """Lets nobody else count and add jobs of this owner until the transaction ends."""
        # On SQLite one transaction writes at a time anyway.
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"jobs:{owner_id}"}
            )

    async def find(self, job_id: str, owner_id: str, kinds: Collection[str]) -> JobRow | None:
        """A job of an owner, of one of these kinds."""
        return await self._session.scalar(select(JobRow).where(JobRow.id == job_id, *_of(owner_id, kinds)))

    async def find_for_change(self, job_id: str, owner_id: str, kinds: Collection[str]) -> JobRow | None:
        """The same, locked until the transaction ends."""
        query = select(JobRow).where(JobRow.id == job_id, *_of(owner_id, kinds)).with_for_update()
        return await self._session.scalar(query)

    async def count_open(self, owner_id: str, kinds: Collection[str]) -> int:
        """Jobs of an owner that wait or run."""
        query = select(func.count()).select_from(JobRow).where(*_of(owner_id, kinds), JobRow.status.in_(OPEN))
        return (await self._session.scalar(query)) or 0

    async def count_by_kind(self) -> list[tuple[str, str, int, datetime]]:
        """(kind, status, how many, since when the oldest is there) of open jobs."""
        query = select(JobRow.kind, JobRow.status, func.count(), func.min(JobRow.created_at))
        rows = await self._session.execute(query.where(JobRow.status.in_(OPEN)).group_by(JobRow.kind, JobRow.status))
        return [(row[0], row[1], int(row[2]), row[3]) for row in rows]

    async def list_open_owners(self, kind: str) -> set[str]:
        """Owners with a job of a kind that waits or runs."""
        query = select(JobRow.owner_id).where(JobRow.kind == kind, JobRow.status.in_(OPEN)).distinct()
        return set(await self._session.scalars(query))

    async def list_due(self, kinds: Collection[str], now: float) -> dict[str, list[Due]]:
        """By kind that has any: owners with a job that waits for its turn, or whose worker is gone."""
        query = (
            select(JobRow.kind, JobRow.owner_id, func.min(JobRow.created_at))
            .where(JobRow.kind.in_(list(kinds)), _is_due(now))
            .group_by(JobRow.kind, JobRow.owner_id)
        )
        due: dict[str, list[Due]] = {}
        for kind, owner_id, since in await self._session.execute(query):
            due.setdefault(kind, []).append(Due(owner_id, since))
        return due

    async def take(self, kind: str, owner_id: str, now: float) -> JobRow | None:
        """The oldest such job of an owner, locked; one that another worker is just taking is passed over."""
        query = (
            select(JobRow)
            .where(JobRow.kind == kind, JobRow.owner_id == owner_id, _is_due(now))
            .order_by(JobRow.created_at, JobRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        return await self._session.scalar(query)

    async def change_held(self, job_id: str, generation: int, **values: Any) -> bool:
        """Changes a job for the holder of its generation; False: it is no longer theirs."""
        return await self._change(
            JobRow.id == job_id, JobRow.generation == generation, JobRow.status == "running", **values
        )

    async def list_held(self, lease_owner: str) -> dict[str, int]:
        """Id → generation of what a process holds."""
        query = select(JobRow.id, JobRow.generation).where(_held_by(lease_owner))
        return {row.id: row.generation for row in await self._session.execute(query)}

    async def renew(self, lease_owner: str, job_ids: Sequence[str], expires_at: float) -> None:
        """Moves the end of leases."""
        await self._change(_held_by(lease_owner), JobRow.id.in_(job_ids), lease_expires_at=expires_at)

    async def give_back(self, lease_owner: str) -> None:
        """Puts what a process holds back into the queue, without counting the attempt."""
        await self._change(
            _held_by(lease_owner),
            status="pending",
            lease_owner=None,
            lease_expires_at=None,
            attempts=JobRow.attempts - 1,
            generation=JobRow.generation + 1,
        )

    async def end_leases(self) -> None:
        """Ends every lease, whose processes are known to be dead."""
        await self._change(JobRow.status == "running", lease_expires_at=0.0)

    async def forget_owner(self, owner_id: str) -> int:
        """Removes all jobs of an owner; returns how many there were."""
        return await self._delete(JobRow.owner_id == owner_id)

    async def forget_ended(self, before: datetime) -> int:
        """Removes jobs that ended before a moment."""
        return await self._delete(JobRow.ended_at < before)

    async def _change(self, *conditions: ColumnElement[bool], **values: Any) -> bool:
        statement = update(JobRow).where(*conditions).values(**values).execution_options(synchronize_session=False)
        return _touched(await self._session.execute(statement)) > 0

    async def _delete(self, condition: ColumnElement[bool]) -> int:
        statement = delete(JobRow).where(condition).execution_options(synchronize_session=False)
        return _touched(await self._session.execute(statement))


def _touched(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount


def _of(owner_id: str, kinds: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    """The empty owner matches nothing."""
    return JobRow.owner_id == owner_id, JobRow.owner_id != "", JobRow.kind.in_(list(kinds))


def _held_by(lease_owner: str) -> ColumnElement[bool]:
    return and_(JobRow.lease_owner == lease_owner, JobRow.status == "running")


def _is_due(now: float) -> ColumnElement[bool]:
    waits = and_(JobRow.status == "pending", JobRow.due_at <= now)
    is_left = and_(JobRow.status == "running", JobRow.lease_expires_at < now)
    # Said twice, so that the index over kind and status finds the few open ones among all that have ended.
    return and_(JobRow.status.in_(OPEN), or_(waits, is_left))


def job_of(row: JobRow) -> Job:
    """A row as everybody sees it."""
    error = row.error or {}
    return Job(
        id=row.id,
        kind=row.kind,
        owner_id=row.owner_id,
        status=cast("JobStatus", row.status),
        payload=row.payload,
        progress=row.progress,
        step=row.step,
        result=row.result,
        error_slug=error.get("slug"),
        error=Text(error["zh"], error["en"]) if error else None,
        attempts=row.attempts,
        generation=row.generation,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
