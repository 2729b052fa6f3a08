"""Does the jobs of one process: claims them, keeps their leases, repeats what failed, stops what was called off."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.errors import ProblemError
from clary.jobs.job import Job, JobBrokenError, JobLostError, RetryLaterError
from clary.jobs.queue import JobQueue
from clary.jobs.repository import Due, JobRepository, job_of
from clary.jobs.tables import JobRow
from clary.jobs.work import Handler, OnFailure, Work
from clary.kit import traces
from clary.kit.clock import Clock

log = structlog.get_logger()

LOOK_SECONDS = 0.9
"""How often a process looks for jobs that became due or were called off elsewhere."""
SWEEP_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Kind:
    """How jobs of one kind are done; `slots`: how many at a time in this process.

    `on_failure` hears of every job that fails, also of one whose attempts all died with their processes.
    """

    name: str
    handler: Handler
    slots: int = 2
    max_attempts: int = 5
    lease_seconds: float = 20.0
    on_failure: OnFailure | None = None


@dataclass(slots=True)
class _Held:
    kind: Kind
    generation: int
    task: "asyncio.Task[None]"
    renewed_at: float


class JobWorker:
    """See the module. `sole_process`: nobody else can be working, so that what was left running may begin at once."""

    def __init__(
        self, *, database: Database, queue: JobQueue, clock: Clock, process_id: str, sole_process: bool
    ) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._process_id = process_id
        self._sole_process = sole_process
        self._kinds: dict[str, Kind] = {}
        self._held: dict[str, _Held] = {}
        self._served: dict[tuple[str, str], int] = {}
        self._turns = 0
        self._woken = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        queue.tell(self)

    def register(self, kind: Kind) -> None:
        """Says who does jobs of a kind; before `start`."""
        self._kinds[kind.name] = kind

    @property
    def is_working(self) -> bool:
        """Whether it looks for jobs."""
        return bool(self._loops) and not any(loop.done() for loop in self._loops)

    async def start(self) -> None:
        """Begins; goes on with what a dead process left."""
        if self._sole_process:
            async with self._database.write() as db:
                await JobRepository(db).end_leases()
        self._loops = [asyncio.create_task(loop) for loop in (self._claim_all(), self._keep(), self._sweep())]

    async def stop(self) -> None:
        """Stops working and puts back what it holds."""
        tasks = [*self._loops, *(held.task for held in self._held.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loops = []
        async with self._database.write() as db:
            await JobRepository(db).give_back(self._process_id)

    def wake(self) -> None:
        """See `Listener.wake`."""
        self._woken.set()

    def drop(self, job_id: str) -> None:
        """See `Listener.drop`."""
        held = self._held.get(job_id)
        if held is not None:
            held.task.cancel()

    async def _claim_all(self) -> None:
        while True:
            self._woken.clear()
            try:
                while await self._begin_due():
                    pass
            except UnavailableError:
                log.warning("jobs_not_claimed")
            except Exception as error:
                # The one loop that must not end: everything waits for it.
                log.error("job_claiming_fault", exc_info=error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass

    def _count(self, kind: Kind) -> int:
        return sum(held.kind is kind for held in self._held.values())

    async def _begin_due(self) -> bool:
        """Begins one job of every kind that has any and a slot free; says whether there was one."""
        free = [kind.name for kind in self._kinds.values() if self._count(kind) < kind.slots]
        if not free:
            return False
        # One question for all kinds: an idle process asks it every second.
        async with self._database.read() as db:
            due = await JobRepository(db).list_due(free, self._clock.epoch())
        return any([await self._begin_next(self._kinds[name], owners) for name, owners in due.items()])

    async def _begin_next(self, kind: Kind, due: list[Due]) -> bool:
        """Begins the next job of a kind: owners take turns, and each one's jobs come in their order."""
        for owner in sorted(due, key=lambda each: self._turn(kind, each)):
            async with self._database.write() as db:
                row = await JobRepository(db).take(kind.name, owner.owner_id, self._clock.epoch())
                job = self._claimed(kind, row) if row is not None else None
                if row is not None and job is None:
                    await db.flush()
                    await _tell_failed(kind, db, job_of(row), _error(JobBrokenError()))
            if row is not None:
                self._note_turn(kind, owner.owner_id)
                if job is not None:
                    self._launch(kind, job)
                return True
        return False

    def _launch(self, kind: Kind, job: Job) -> None:
        task = asyncio.create_task(self._do(kind, job), name=f"job {job.id}")
        self._held[job.id] = _Held(kind, job.generation, task, asyncio.get_running_loop().time())
        # Not a `finally` in the task, which one that is stopped before its first step never reaches.
        task.add_done_callback(lambda _: self._let_go(job.id))

    def _let_go(self, job_id: str) -> None:
        self._held.pop(job_id, None)
        self.wake()

    def _turn(self, kind: Kind, owner: Due) -> tuple[int, Any, str]:
        return self._served.get((kind.name, owner.owner_id), 0), owner.since, owner.owner_id

    def _note_turn(self, kind: Kind, owner_id: str) -> None:
        self._turns += 1
        self._served.pop((kind.name, owner_id), None)
        self._served[(kind.name, owner_id)] = self._turns
        if len(self._served) > 10_000:
            del self._served[next(iter(self._served))]

    def _claimed(self, kind: Kind, row: JobRow) -> Job | None:
        """Takes a job over; None: it has died with its process in every attempt, and ends here."""
        now = self._clock.now()
        row.generation, row.updated_at = row.generation + 1, now
        if row.attempts >= kind.max_attempts:
            row.status, row.ended_at, row.error = "failed", now, _error(JobBrokenError())
            return None
        row.status, row.attempts = "running", row.attempts + 1
        row.lease_owner, row.lease_expires_at = self._process_id, self._clock.epoch() + kind.lease_seconds
        return job_of(row)

    async def _do(self, kind: Kind, job: Job) -> None:
        try:
            values = await self._outcome(kind, job)
            async with self._database.write() as db:
                is_held = await JobRepository(db).change_held(
                    job.id, job.generation, **values, lease_owner=None, updated_at=self._clock.now()
                )
                if is_held and values["status"] == "failed":
                    await _tell_failed(kind, db, job, values["error"])
        except JobLostError:
            log.info("job_lost", job_id=job.id)
        except UnavailableError:
            # The lease runs out, and somebody begins again.
            log.warning("job_waits_for_database", job_id=job.id)

    async def _outcome(self, kind: Kind, job: Job) -> dict[str, Any]:
        """What becomes of the row."""
        with traces.span(f"job {kind.name}", clary__job_id=job.id, clary__attempt=job.attempts) as span:
            outcome = await self._handled(kind, job)
            if outcome["status"] != "completed":
                span.fail(outcome["status"])
            return outcome

    async def _handled(self, kind: Kind, job: Job) -> dict[str, Any]:
        try:
            result = await kind.handler(Work(job, database=self._database, clock=self._clock))
        except RetryLaterError as wish:
            return self._again(kind, job, wish.seconds, wish.problem)
        except (JobLostError, UnavailableError):
            raise
        except ProblemError as problem:
            return self._ended("failed", error=_error(problem))
        except Exception as error:
            log.error("job_fault", job_id=job.id, kind=job.kind, exc_info=error)
            return self._again(kind, job, 2.0**job.attempts, JobBrokenError())
        return self._ended("completed", result=result, progress=100)

    def _ended(self, status: str, **values: Any) -> dict[str, Any]:
        return {"status": status, "ended_at": self._clock.now(), **values}

    def _again(self, kind: Kind, job: Job, seconds: float, problem: ProblemError) -> dict[str, Any]:
        if job.attempts >= kind.max_attempts:
            return self._ended("failed", error=_error(problem))
        wait = min(seconds, LONGEST_WAIT_SECONDS)
        return {"status": "pending", "due_at": self._clock.epoch() + wait}

    async def _keep(self) -> None:
        """Renews leases four times within their length, and stops what is no longer held."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._held:
                continue
            try:
                await self._stop_lost()
                await self._renew(asyncio.get_running_loop().time())
            except UnavailableError:
                log.warning("job_leases_not_renewed")
            self._stop_expired(asyncio.get_running_loop().time())

    async def _stop_lost(self) -> None:
        held = dict(self._held)
        async with self._database.read() as db:
            ours = await JobRepository(db).list_held(self._process_id)
        for job_id, each in held.items():
            if ours.get(job_id) != each.generation:
                each.task.cancel()

    async def _renew(self, now: float) -> None:
        for kind in {held.kind.name: held.kind for held in self._held.values()}.values():
            of_kind = {job_id: held for job_id, held in self._held.items() if held.kind is kind}
            if now - min(held.renewed_at for held in of_kind.values()) < kind.lease_seconds / 4:
                continue
            until = self._clock.epoch() + kind.lease_seconds
            async with self._database.write(beside=True) as db:
                await JobRepository(db).renew(self._process_id, list(of_kind), until)
            for held in of_kind.values():
                held.renewed_at = now

    def _stop_expired(self, now: float) -> None:
        """Nobody works on without a lease."""
        for held in list(self._held.values()):
            if now - held.renewed_at > held.kind.lease_seconds * 0.9:
                held.task.cancel()

    async def _sweep(self) -> None:
        while True:
            try:
                async with self._database.write() as db:
                    await self._queue.sweep(db)
            except UnavailableError:
                log.warning("jobs_not_swept")
            await asyncio.sleep(SWEEP_SECONDS)


async def _tell_failed(kind: Kind, db: Session, job: Job, error: dict[str, Any]) -> None:
    if kind.on_failure is not None:
        await kind.on_failure(db, job, error)


def _error(problem: ProblemError) -> dict[str, Any]:
    return {"slug": problem.slug, "zh": problem.message.zh, "en": problem.message.en}
