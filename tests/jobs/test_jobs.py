"""What becomes of jobs: done in turns, watched, called off, repeated, taken over (product.md 3.7)."""

import asyncio
from typing import Any

import pytest

from clary.errors import ConflictError
from clary.jobs.job import JobLostError, RetryLaterError
from clary.jobs.work import Work
from clary.jobs.worker import Kind
from clary.kit.text import Text
from jobs.conftest import Yard
from support.statements import noted_statements

pytestmark = pytest.mark.anyio


class TornError(ConflictError):
    """A refusal."""

    slug = "torn"
    code = 409
    http_status = 200
    text = Text("破", "Torn")


class Holes:
    """A handler that waits in each job until the test lets it go on."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.stopped: list[Any] = []
        self.go_on = asyncio.Event()

    async def __call__(self, work: Work) -> Any:
        self.begun.append(work.job.payload)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.stopped.append(work.job.payload)
            raise
        return work.job.payload

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.begun) < count:
                await asyncio.sleep(0.005)


async def test_a_job_tells_how_far_it_is_and_what_came_of_it(yard: Yard) -> None:
    told = asyncio.Event()

    async def dig(work: Work) -> Any:
        await work.report(40, "digging")
        await told.wait()
        return {"depth": work.job.payload["depth"]}

    job = await yard.add(payload={"depth": 3})
    assert (job.status, job.progress, job.step) == ("pending", 0, "")
    await yard.worker(dig)
    seen = await yard.until(job, lambda found: found.progress > 0)
    assert (seen.status, seen.progress, seen.step) == ("running", 40, "digging")
    told.set()
    done = await yard.ended(job)
    assert (done.status, done.progress, done.result, done.error, done.attempts) == (
        "completed",
        100,
        {"depth": 3},
        None,
        1,
    )


async def test_owners_take_turns_and_each_ones_jobs_come_in_order(yard: Yard) -> None:
    for payload in ("a1", "a2", "a3"):
        await yard.add("ann", payload)
    for payload in ("b1", "b2"):
        last = await yard.add("bob", payload)
    holes = Holes()
    holes.go_on.set()
    await yard.worker(holes, slots=1)
    await yard.ended(last)
    await holes.until_begun(5)
    assert holes.begun == ["a1", "b1", "a2", "b2", "a3"]


async def test_no_more_jobs_run_at_a_time_than_there_are_slots(yard: Yard) -> None:
    jobs = [await yard.add(payload=number) for number in (1, 2, 3)]
    holes = Holes()
    await yard.worker(holes, slots=2)
    await holes.until_begun(2)
    assert [(await yard.now(job)).status for job in jobs] == ["running", "running", "pending"]
    holes.go_on.set()
    assert [(await yard.ended(job)).result for job in jobs] == [1, 2, 3]


async def test_a_refusal_ends_a_job_with_its_text_in_both_languages(yard: Yard) -> None:
    async def dig(work: Work) -> Any:
        raise TornError

    await yard.worker(dig)
    done = await yard.ended(await yard.add())
    assert (done.status, done.error_slug, done.error, done.attempts) == ("failed", "torn", Text("破", "Torn"), 1)


async def test_a_fault_is_tried_again_later_and_in_the_end_told_without_detail(yard: Yard) -> None:
    async def dig(work: Work) -> Any:
        raise ZeroDivisionError("secret")

    await yard.worker(dig, max_attempts=2)
    job = await yard.add()
    waiting = await yard.until(job, lambda found: found.attempts == 1 and found.status == "pending")
    assert waiting.error is None
    yard.clock.move(seconds=2)
    done = await yard.ended(job)
    assert (done.status, done.error_slug, done.error, done.attempts) == (
        "failed",
        "internal_error",
        Text("系统内部错误", "Internal error"),
        2,
    )


async def test_a_handler_may_ask_for_another_time(yard: Yard) -> None:
    async def dig(work: Work) -> Any:
        if work.job.attempts == 1:
            raise RetryLaterError(60, TornError())
        return "dug"

    await yard.worker(dig)
    job = await yard.add()
    await yard.until(job, lambda found: found.attempts == 1 and found.status == "pending")
    yard.clock.move(seconds=59)
    assert (await yard.now(job)).status == "pending"
    yard.clock.move(seconds=1)
    assert (await yard.ended(job)).result == "dug"


async def test_calling_off_stops_the_work_at_once_and_what_ended_stays_as_it_ended(yard: Yard) -> None:
    holes = Holes()
    await yard.worker(holes, slots=1)
    running, waiting = await yard.add(payload=1), await yard.add(payload=2)
    await holes.until_begun(1)
    for job in (waiting, running):
        found = await yard.cancel(job)
        assert found is not None
        assert found.status == "cancelled"
    async with asyncio.timeout(1):
        while not holes.stopped:
            await asyncio.sleep(0.005)
    again = await yard.cancel(running)
    assert (again and again.status, holes.begun) == ("cancelled", [1])
    holes.go_on.set()
    third = await yard.add(payload=3)
    await yard.ended(third)
    after = await yard.cancel(third)
    assert (after and after.status) == "completed"
    assert await yard.cancel(third, owner="bob") is None


async def test_calling_off_in_another_process_stops_the_work_within_a_second(yard: Yard) -> None:
    holes = Holes()
    await yard.worker(holes, process="p2")
    job = await yard.add(payload=1)
    await holes.until_begun(1)
    await yard.cancel(job)
    async with asyncio.timeout(2):
        while not holes.stopped:
            await asyncio.sleep(0.005)
    assert (await yard.now(job)).status == "cancelled"


async def test_a_job_whose_worker_died_is_taken_over_and_the_late_worker_writes_nothing(yard: Yard) -> None:
    late, lost = asyncio.Event(), asyncio.Event()

    async def dies(work: Work) -> Any:
        # Like a process that stands still: nothing stops it, and then it goes on.
        await asyncio.shield(late.wait())
        with pytest.raises(JobLostError):
            await work.report(50)
        async with yard.database.write() as db:
            with pytest.raises(JobLostError):
                await work.require_held(db)
        lost.set()
        return "late"

    async def lives(work: Work) -> Any:
        return work.job.attempts

    first = await yard.worker(dies)
    job = await yard.add()
    await yard.until(job, lambda found: found.status == "running")
    # Nobody renews: the loops of the first worker are gone, its job is not.
    for loop in first._loops:  # pyright: ignore[reportPrivateUsage]
        loop.cancel()
    yard.clock.move(seconds=21)
    await yard.worker(lives, process="p2")
    done = await yard.ended(job)
    assert (done.status, done.result, done.generation) == ("completed", 2, 2)
    late.set()
    async with asyncio.timeout(5):
        await lost.wait()
    assert (await yard.now(job)).result == 2


async def test_a_worker_that_stops_gives_its_jobs_back_and_the_next_one_goes_on(yard: Yard) -> None:
    holes = Holes()
    worker = await yard.worker(holes)
    job = await yard.add(payload=7)
    await holes.until_begun(1)
    await worker.stop()
    back = await yard.now(job)
    assert (back.status, back.attempts, holes.stopped) == ("pending", 0, [7])
    holes.go_on.set()
    await yard.worker(holes, process="p2")
    assert (await yard.ended(job)).result == 7


async def test_a_sole_process_takes_what_the_dead_one_left_and_gives_up_in_the_end(yard: Yard) -> None:
    async def stands(work: Work) -> Any:
        await asyncio.Event().wait()

    job = await yard.add()
    for attempt in (1, 2):
        worker = await yard.worker(stands, process=f"p{attempt}", sole=True, max_attempts=2)
        await yard.until(job, lambda found, attempt=attempt: found.attempts == attempt)
        await _kill(worker)
    await yard.worker(stands, process="p3", sole=True, max_attempts=2)
    done = await yard.ended(job)
    assert (done.status, done.error_slug) == ("failed", "internal_error")


async def _kill(worker: Any) -> None:
    """What is left of a process that was killed: its rows."""
    tasks = [*worker._loops, *(held.task for held in worker._held.values())]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    worker._loops = []


async def test_an_owner_has_no_more_open_jobs_than_allowed(yard: Yard) -> None:
    for _ in range(2):
        await yard.add(most_open=2)
    await yard.add("bob", most_open=2)
    async with yard.database.write() as db:
        assert await yard.queue.add(db, kind="dig", owner_id="ann", payload={}, most_open=2) is None


async def test_a_job_that_ended_is_forgotten_after_a_day_and_with_its_owner(yard: Yard) -> None:
    holes = Holes()
    holes.go_on.set()
    await yard.worker(holes)
    job, other = await yard.add(), await yard.add("bob")
    await yard.ended(job)
    await yard.ended(other)
    for hours, gone in ((23.9, 0), (0.2, 2)):
        yard.clock.move(hours=hours)
        async with yard.database.write() as db:
            assert await yard.queue.sweep(db) == gone
    await yard.ended(await yard.add())
    async with yard.database.write() as db:
        assert [await yard.queue.forget_owner(db, owner_id=name) for name in ("ann", "bob")] == [1, 0]


async def test_one_look_asks_once_for_all_kinds(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clary.jobs.worker.LOOK_SECONDS", 60.0)
    worker = await yard.worker(Holes())
    for number in range(20):
        worker.register(Kind(f"rest {number}", Holes()))
    with noted_statements() as noted:
        worker.wake()
        async with asyncio.timeout(20):
            while not any("jobs.due_at" in statement for statement, _ in noted):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    assert len([statement for statement, _ in noted if "jobs.due_at" in statement]) == 1


async def test_kinds_do_not_wait_for_each_other(yard: Yard) -> None:
    digging, filling = Holes(), Holes()
    worker = await yard.worker(digging, slots=1)
    worker.register(Kind("fill", filling, slots=1))
    first, _ = await yard.add(payload=1), await yard.add(payload=2)
    async with yard.database.write() as db:
        await yard.queue.add(db, kind="fill", owner_id="ann", payload=3)
    async with asyncio.timeout(20):
        while not (digging.begun and filling.begun):
            await asyncio.sleep(0.01)
    assert (digging.begun, filling.begun) == ([1], [3])
    digging.go_on.set()
    await yard.ended(first)
    async with asyncio.timeout(20):
        while digging.begun != [1, 2]:
            await asyncio.sleep(0.01)
