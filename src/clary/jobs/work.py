"""A job in the hands of the worker that holds it."""

from collections.abc import Awaitable, Callable
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.jobs.job import Job, JobLostError
from clary.jobs.repository import JobRepository
from clary.kit.clock import Clock


class Work:
    """What a handler gets: the job, and ways to tell how far it is and to ask whether it still holds it."""

    def __init__(self, job: Job, *, database: Database, clock: Clock) -> None:
        self.job = job
        self._database = database
        self._clock = clock

    async def report(self, progress: int, step: str = "") -> None:
        """Tells everybody who watches how far the job is.

        Raises:
            JobLostError
        """
        async with self._database.write() as db:
            held = await JobRepository(db).change_held(
                self.job.id,
                self.job.generation,
                progress=min(max(progress, 0), 100),
                step=step,
                updated_at=self._clock.now(),
            )
        if not held:
            raise JobLostError

    async def require_held(self, db: Session) -> None:
        """Makes sure that what the caller's transaction writes is still wanted when it commits.

        Raises:
            JobLostError
        """
        if not await JobRepository(db).change_held(self.job.id, self.job.generation, updated_at=self._clock.now()):
            raise JobLostError


OnFailure = Callable[[Session, Job, dict[str, Any]], Awaitable[None]]
"""Hears in the transaction in which a job ends as failed, with the error as the row keeps it."""
Handler = Callable[[Work], Awaitable[Any]]
"""Does a job of one kind; what it returns is the result, as JSON. A `ProblemError` ends the job with that refusal."""
