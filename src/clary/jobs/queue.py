"""The queue as those see it who want work done. Every method works in the caller's transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from clary.db.session import Session, after_commit
from clary.jobs.job import Job
from clary.jobs.repository import JobRepository, job_of
from clary.jobs.tables import JobRow
from clary.kit.clock import Clock
from clary.kit.ids import new_hex

KEPT_AFTER_END = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """Jobs of a kind in a state, and since when the oldest of them is there."""

    kind: str
    state: str
    count: int
    oldest_seconds: float


class Listener(Protocol):
    """The worker of this process, if there is one."""

    def wake(self) -> None:
        """Something may have become due."""
        ...

    def drop(self, job_id: str) -> None:
        """A job was called off: it stops here and now, if it runs here."""
        ...


class JobQueue:
    """Puts jobs in, shows them, calls them off."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []

    def tell(self, listener: Listener) -> None:
        """Adds somebody who is told of changes at once; processes that nobody tells see them within a second."""
        self._listeners.append(listener)

    async def add(
        self,
        db: Session,
        *,
        kind: str,
        owner_id: str,
        payload: Any,
        most_open: int | None = None,
        of: Collection[str] = (),
    ) -> Job | None:
        """Puts in a job; None when the owner has `most_open` open jobs of the kinds `of` already."""
        jobs, now = JobRepository(db), self._clock.now()
        if most_open is not None:
            await jobs.lock_owner(owner_id)
            if await jobs.count_open(owner_id, of or (kind,)) >= most_open:
                return None
        row = JobRow(
            id=new_hex(32),
            kind=kind,
            owner_id=owner_id,
            status="pending",
            payload=payload,
            progress=0,
            step="",
            attempts=0,
            generation=0,
            due_at=now.timestamp(),
            created_at=now,
            updated_at=now,
        )
        await jobs.add(row)
        after_commit(db, self._wake)
        return job_of(row)

    async def find(self, db: Session, *, job_id: str, owner_id: str, kinds: Collection[str]) -> Job | None:
        """A job of this owner, of one of these kinds."""
        row = await JobRepository(db).find(job_id, owner_id, kinds)
        return None if row is None else job_of(row)

    async def cancel(self, db: Session, *, job_id: str, owner_id: str, kinds: Collection[str]) -> Job | None:
        """Calls a job off; what has ended stays as it ended. None: there is no such job.

        The row says so at once, and its generation shuts out whoever still works on it: in this process that is stopped
        with the commit, in others within a second.
        """
        row = await JobRepository(db).find_for_change(job_id, owner_id, kinds)
        if row is None:
            return None
        if row.status in ("pending", "running"):
            row.status, row.generation = "cancelled", row.generation + 1
            row.updated_at = row.ended_at = self._clock.now()
            await db.flush()
            after_commit(db, lambda: self._drop(job_id))
        return job_of(row)

    async def count_open(self, db: Session) -> list[OpenJobs]:
        """All jobs that wait or run, by kind and state."""
        now = self._clock.now()
        return [
            OpenJobs(kind, state, count, max(0.0, (now - oldest).total_seconds()))
            for kind, state, count, oldest in await JobRepository(db).count_by_kind()
        ]

    async def list_open_owners(self, db: Session, *, kind: str) -> set[str]:
        """Owners that have a job of a kind that waits or runs."""
        return await JobRepository(db).list_open_owners(kind)

    async def forget_owner(self, db: Session, *, owner_id: str) -> int:
        """Removes all jobs of an owner, running ones too; returns how many there were."""
        return await JobRepository(db).forget_owner(owner_id)

    async def sweep(self, db: Session) -> int:
        """Removes jobs that ended a day ago; returns how many."""
        return await JobRepository(db).forget_ended(self._clock.now() - KEPT_AFTER_END)

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.wake()

    def _drop(self, job_id: str) -> None:
        for listener in self._listeners:
            listener.drop(job_id)
