"""Wiring of what is done in the background."""

from clary.db.database import Database
from clary.db.notices import Notices
from clary.jobs.queue import JobQueue
from clary.jobs.work import Handler, OnFailure
from clary.jobs.worker import JobWorker, Kind
from clary.kit.clock import Clock


class _OtherProcesses:
    """Fills `Listener`: other workers hear of the same changes."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def wake(self) -> None:
        """See `Listener.wake`."""
        self._notices.post("jobs")

    def drop(self, job_id: str) -> None:
        """See `Listener.drop`."""
        self._notices.post("jobs", job_id)


class Background:
    """The queue of jobs, and the worker of this process unless it is switched off (`CLARY_JOBS`)."""

    def __init__(self, *, database: Database, notices: Notices, clock: Clock, process_id: str, is_on: bool) -> None:
        self.queue = JobQueue(clock=clock)
        self._is_on = is_on
        self._worker = JobWorker(
            database=database,
            queue=self.queue,
            clock=clock,
            process_id=process_id,
            sole_process=database.is_sqlite,
        )
        self.queue.tell(_OtherProcesses(notices))
        notices.subscribe("jobs", self._heard)

    def _heard(self, job_id: str | None) -> None:
        if job_id:
            self._worker.drop(job_id)
        else:
            self._worker.wake()

    def register(
        self,
        name: str,
        handler: Handler,
        *,
        slots: int = 2,
        max_attempts: int = 5,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Says who does jobs of a kind, and who hears of those that fail."""
        self._worker.register(Kind(name, handler, slots=slots, max_attempts=max_attempts, on_failure=on_failure))

    async def is_working(self) -> bool:
        """Whether jobs are done here."""
        return self._worker.is_working

    async def start(self) -> None:
        """Begins, and goes on with what an ended process left."""
        if self._is_on:
            await self._worker.start()

    async def stop(self) -> None:
        """Puts back what is not done."""
        if self._is_on:
            await self._worker.stop()
