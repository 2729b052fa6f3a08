"""A queue on SQLite, and workers as if of several processes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from clary.db.database import Database
from clary.jobs.job import Job
from clary.jobs.queue import JobQueue
from clary.jobs.work import Handler
from clary.jobs.worker import JobWorker, Kind
from support.house import SteppedClock
from support.schema import database_url, put_schema


class Yard:
    """Where jobs of the kind `dig` are done."""

    def __init__(self, database: Database, ending: AsyncExitStack) -> None:
        self.database = database
        self.clock = SteppedClock()
        self.queue = JobQueue(clock=self.clock)
        self._ending = ending

    async def worker(self, handler: Handler, *, process: str = "p1", sole: bool = False, **terms: Any) -> JobWorker:
        """A working process."""
        queue = self.queue if process == "p1" else JobQueue(clock=self.clock)
        worker = JobWorker(database=self.database, queue=queue, clock=self.clock, process_id=process, sole_process=sole)
        worker.register(Kind("dig", handler, **terms))
        await worker.start()
        self._ending.push_async_callback(worker.stop)
        return worker

    async def add(self, owner: str = "ann", payload: Any = None, **terms: Any) -> Job:
        """Puts in a job, a moment after the one before."""
        self.clock.move(milliseconds=1)
        async with self.database.write() as db:
            job = await self.queue.add(db, kind="dig", owner_id=owner, payload=payload or {}, **terms)
        assert job is not None
        return job

    async def cancel(self, job: Job, owner: str = "ann") -> Job | None:
        """Calls a job off."""
        async with self.database.write() as db:
            return await self.queue.cancel(db, job_id=job.id, owner_id=owner, kinds=("dig",))

    async def now(self, job: Job) -> Job:
        """The job as it stands."""
        async with self.database.read() as db:
            found = await self.queue.find(db, job_id=job.id, owner_id=job.owner_id, kinds=("dig",))
        assert found is not None
        return found

    async def until(self, job: Job, holds: Callable[[Job], bool]) -> Job:
        """Waits until something holds of a job."""
        async with asyncio.timeout(20):
            while not holds(found := await self.now(job)):
                await asyncio.sleep(0.01)
        return found

    async def ended(self, job: Job) -> Job:
        """Waits for the end of a job."""
        return await self.until(job, lambda found: not found.is_open)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    """An empty yard."""
    address = database_url(tmp_path)
    put_schema(address)
    database = Database(address)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(database.close)
        yield Yard(database, ending)
