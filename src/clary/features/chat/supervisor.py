"""Keeps runs alive in this process: leases, takeover, stops, and who is still reading.

The stream-hub supervisor: a fault in one run never reaches another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.chat.execution import Stop, heard_cancellation
from clary.features.chat.preparing import PreparedRun
from clary.features.chat.tree import RunTree
from clary.features.chat.viewing import ReadersElsewhere
from clary.features.runs.service import RunRepository, RunRow, StopReason, is_active
from clary.kit import measures
from clary.kit.clock import Clock
from clary.kit.duties import Duty
from clary.streams.hub import Hub, LogWriter
from clary.streams.ports import LogFencedError, LogUnavailableError

log = structlog.get_logger()

SWEEP_SECONDS = 5.0
BEGUN_SECONDS = 0.1

Prepare = Callable[[str, int, Stop, Callable[[], None]], Awaitable[PreparedRun | None]]
"""Builds the execution of a run under a generation; None when there is nothing left to execute.

The last argument is called when the run waits for a person and nothing else: it may be parked.
"""
Due = Callable[[float], Awaitable[Sequence[str]]]
"""Runs that have waited long enough for a person, at a moment in epoch seconds."""


@dataclass(slots=True)
class LocalRun:
    """A run that this process executes."""

    run_id: str
    log_id: int
    user_id: str
    generation: int
    interrupt_on_disconnect: bool
    stop: Stop = field(default_factory=Stop)
    task: "asyncio.Task[None] | None" = None
    leave_timer: asyncio.TimerHandle | None = None
    tree: RunTree | None = None
    parking: bool = False
    woken: bool = False
    """Somebody answered while the run was being parked."""


class RunSupervisor:
    """The runs of this process."""

    def __init__(
        self,
        *,
        database: Database,
        hub: Hub,
        clock: Clock,
        process_id: str,
        lease_seconds: float,
        grace_seconds: float,
        reconnect_seconds: float,
        max_active: int,
        sole_process: bool,
        on_change: Callable[[str], None],
        is_gone: Callable[[Session, str], Awaitable[bool]],
        on_elsewhere: Callable[[str], None],
    ) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock
        self.process_id = process_id
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._reconnect_seconds = reconnect_seconds
        self._slots = asyncio.Semaphore(max_active)
        self._sole_process = sole_process
        self._on_change = on_change
        self._is_gone = is_gone
        self._on_elsewhere = on_elsewhere
        self._runs: dict[str, LocalRun] = {}
        self._by_log: dict[int, LocalRun] = {}
        self._left_alone: dict[int, LocalRun] = {}
        """Attached runs that are parked: their readers may still leave."""
        self._read: set[int] = set()  # logs with an open view here
        self._prepare: Prepare | None = None
        self._due: Due | None = None
        self._waking: set[asyncio.Task[None]] = set()
        self._elsewhere = ReadersElsewhere(database=database, clock=clock, opened=self._read_for_others)
        # Apart from each other: a takeover that waits for its turn would let the leases of live runs run out. The first
        # one is kept by processes too that take nothing over.
        self._duties = (
            Duty("run_leases", self._keep_leases, restart_seconds=1),
            Duty("run_takeover", self._look_for_abandoned),
            Duty("run_readers", self._elsewhere.keep_telling),
        )
        self._stopping = False
        self._renewed_at = 0.0
        hub.watch(self)

    async def start(self, prepare: Prepare, due: Due, *, takes_over: bool = True) -> None:
        """Takes over what a dead process left, then keeps leases and sweeps.

        `takes_over` off: it executes what was started here, and leaves what others left to others.
        """
        self._prepare = prepare
        self._due = due
        self._renewed_at = self._clock.monotonic()
        if takes_over:
            await self._take_over(everything=self._sole_process)
        for duty in self._duties if takes_over else self._duties[:1]:
            duty.start()

    async def stop(self) -> None:
        """Gives every run back without an end; clients resume (stream-runtime.md 6.9, shutdown)."""
        self._stopping = True
        await asyncio.gather(*(duty.stop() for duty in self._duties))
        for local in list(self._runs.values()):
            local.stop.abandoned = True
            if local.task is not None:
                local.task.cancel()
        await asyncio.gather(*(run.task for run in self._runs.values() if run.task), return_exceptions=True)
        async with self._database.write() as db:
            await RunRepository(db).release_leases(self.process_id)
        self._hub.close_all()

    def lease_end(self) -> float:
        """When a lease taken now runs out, epoch seconds."""
        return self._clock.epoch() + self._lease_seconds

    def launch(self, run: RunRow, *, taken_over: bool = False) -> None:
        """Executes a run whose lease this process holds. Returns at once."""
        local = LocalRun(run.run_id, run.log_id, run.user_id, run.generation, run.interrupt_on_disconnect)
        self._left_alone.pop(run.log_id, None)
        self._runs[run.run_id] = self._by_log[run.log_id] = local
        local.task = asyncio.create_task(self._execute(local), name=f"run {run.run_id}")
        self._on_change(run.user_id)
        if taken_over and local.interrupt_on_disconnect:
            self._watch_leaving(local, self._reconnect_seconds)

    def signal_stop(self, run_id: str, reason: StopReason) -> bool:
        """Stops a run here and now; False when it does not run in this process."""
        local = self._runs.get(run_id)
        if local is None or local.task is None:
            return any(each.tree is not None and each.tree.stop_child(run_id) for each in self._runs.values())
        if local.parking:
            return False
        if local.stop.reason is None and not local.stop.ending:
            local.stop.reason = reason
            local.task.cancel()
        return True

    def wake(self, run_id: str) -> None:
        """Somebody answered a run, or one of its children: it goes on, here or, if it was parked, from its record."""
        for local in self._runs.values():
            if local.run_id == run_id or (local.tree is not None and run_id in local.tree.recorders):
                local.woken = True
                if local.tree is not None:
                    local.tree.room.ring()
                return
        self._on_elsewhere(run_id)
        self._soon(self._wake(run_id))

    def note_elsewhere(self, run_id: str | None) -> None:
        """Another process stopped or answered a run that may be one of ours; None: it may have stopped any."""
        for local in self._runs.values():
            if local.tree is not None and run_id in local.tree.recorders:
                local.woken = True
                local.tree.room.ring()
        if self._runs:
            self._soon(self._heed_stops())

    async def _heed_stops(self) -> None:
        try:
            async with self._database.read() as db:
                stopped = await RunRepository(db).list_stopped(list(self._runs))
        except UnavailableError:
            # Looked for again from time to time.
            return
        for run in stopped:
            self.signal_stop(run.run_id, cast("StopReason", run.stop_reason))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    async def _wake(self, run_id: str) -> None:
        """Claims a parked run; harmless when somebody else executes it."""
        try:
            async with self._database.write() as db:
                runs = RunRepository(db)
                run = await runs.find(run_id)
                if run is not None and run.parent_run_id is not None:
                    run = await runs.find(run.root_run_id)
                if run is None or self._stopping or not is_active(run.status):
                    return
                is_held = run.lease_expires_at is not None and run.lease_expires_at > self._clock.epoch()
                # Whoever waits for the end of a run does not wait for the lease of a process that was killed.
                if is_held and (run.lease_owner is None or not await self._is_gone(db, run.lease_owner)):
                    return
                await self._claim(db, run)
        except UnavailableError:
            # Whoever waits has a deadline, and the sweep looks for it.
            log.warning("run_not_woken", run_id=run_id)
            return
        self.launch(run)

    async def _claim(self, db: Session, run: RunRow) -> None:
        """Takes a run, raising the generation so that a late writer is refused."""
        # A parked run has no lease, one that was given back an old one; both have not been worked on since.
        idle_seconds = max(0.0, self._clock.epoch() - (run.lease_expires_at or run.last_activity))
        run.waited_seconds = (run.waited_seconds or 0.0) + idle_seconds
        run.generation = await self._hub.log.raise_generation(db, run.log_id)
        await RunRepository(db).move_children(run.run_id, run.generation)
        run.lease_owner = self.process_id
        run.lease_expires_at = self.lease_end()
        run.waiting = None

    def _park(self, local: LocalRun) -> None:
        """The run only waits for a person: its worker and its lease are given back."""
        if local.parking or local.stop.ending or local.stop.reason is not None or local.task is None:
            return
        local.parking = local.stop.abandoned = True
        local.task.cancel()

    async def _parked(self, local: LocalRun) -> None:
        async with self._database.write() as db:
            is_parked = await RunRepository(db).park(local.run_id, self.process_id, self._clock.epoch())
        local.woken = local.woken or not is_parked
        if local.interrupt_on_disconnect:
            self._left_alone[local.log_id] = local
            self.views_changed(local.log_id, self._hub.view_count(local.log_id))

    async def finished(self, run_id: str, seconds: float) -> None:
        """Waits for a run of this process to end."""
        local = self._runs.get(run_id)
        if local is not None and local.task is not None:
            await asyncio.wait([local.task], timeout=seconds)

    def views_changed(self, log_id: int, count: int) -> None:
        """An attached run that nobody reads is interrupted after the grace time (stream-runtime.md 6.4)."""
        local = self._by_log.get(log_id) or self._left_alone.get(log_id)
        (self._read.add if count else self._read.discard)(log_id)
        if local is None or not local.interrupt_on_disconnect:
            return
        if local.leave_timer is not None:
            local.leave_timer.cancel()
            local.leave_timer = None
        if count == 0:
            self._watch_leaving(local, self._grace_seconds)

    def _watch_leaving(self, local: LocalRun, seconds: float) -> None:
        def leave() -> None:
            self._soon(self._leave(local))

        local.leave_timer = asyncio.get_running_loop().call_later(seconds, leave)

    async def _leave(self, local: LocalRun) -> None:
        """Interrupts a run that nobody reads, here or at another process."""
        elsewhere = 0.0 if self._sole_process else await self._elsewhere.seconds_read(local.run_id)
        if self._hub.view_count(local.log_id) > 0 or self._stopping:
            return
        if elsewhere:
            self._watch_leaving(local, elsewhere)
        elif not self.signal_stop(local.run_id, "client_disconnect") and local.log_id in self._left_alone:
            self._left_alone.pop(local.log_id, None)
            await self._end_parked(local.run_id, "client_disconnect")

    def _read_for_others(self) -> list[int]:
        return [] if self._sole_process else [each for each in self._read if each not in self._by_log]

    async def tell_of_reader(self, log_id: int) -> None:
        """Lets the process that works on an attached run know of a reader here, before that one is answered."""
        if log_id not in self._by_log:
            await self._elsewhere.tell()

    async def _end_parked(self, run_id: str, reason: StopReason) -> None:
        async with self._database.write() as db:
            run = await RunRepository(db).find(run_id)
            if run is None or not is_active(run.status):
                return
            run.stop_reason = run.stop_reason or reason
        await self._wake(run_id)

    async def _execute(self, local: LocalRun) -> None:
        assert self._prepare is not None
        try:
            async with self._slots:
                prepared = await self._prepare(local.run_id, local.generation, local.stop, lambda: self._park(local))
                if prepared is not None:
                    local.tree = prepared.tree
                    self._soon(self._tell_begun(local.user_id, prepared.tree.log.writer))
                    await prepared.run()
        except asyncio.CancelledError:
            # Stopped before it began: whoever prepares writes the end. Given back: nothing is written.
            if not local.stop.abandoned and local.stop.reason is not None:
                await self._end_unstarted(local)
            elif local.parking and not self._stopping:
                heard_cancellation()
        except UnavailableError:
            log.warning("run_waits_for_database", run_id=local.run_id)
        except Exception as error:
            log.error("run_supervision_fault", run_id=local.run_id, exc_info=error)
        finally:
            if local.leave_timer is not None:
                local.leave_timer.cancel()
            self._runs.pop(local.run_id, None)
            self._by_log.pop(local.log_id, None)
            self._hub.release(local.log_id)
            self._on_change(local.user_id)
        if local.parking and not self._stopping:
            await self._parked(local)
            if local.woken:
                self.wake(local.run_id)

    async def _tell_begun(self, user_id: str, writer: LogWriter) -> None:
        """Tells again of a queued run that begins, once its row says so: whoever reads it earlier sees a queued one."""
        # The change waits a little for lines to come with; it needs no commit of its own.
        await asyncio.sleep(BEGUN_SECONDS)
        with suppress(LogFencedError, LogUnavailableError):
            await writer.flush()
            if not self._stopping:
                self._on_change(user_id)

    async def _end_unstarted(self, local: LocalRun) -> None:
        assert self._prepare is not None
        prepared = await self._prepare(local.run_id, local.generation, local.stop, lambda: None)
        if prepared is not None:
            await prepared.execution.end_stopped()

    async def _keep_leases(self) -> None:
        """Renews leases, and stops working before one could run out where others could take over."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                async with self._database.write(beside=True) as db:
                    await RunRepository(db).renew_leases(self.process_id, list(self._runs), self.lease_end())
                self._renewed_at = self._clock.monotonic()
            except UnavailableError:
                log.warning("leases_not_renewed")
            is_late = self._clock.monotonic() - self._renewed_at > self._lease_seconds * 0.9
            if is_late and not self._sole_process:
                self._abandon_all()

    async def _look_for_abandoned(self) -> None:
        """Takes over runs without a live owner, and wakes those whose wait is over."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self._take_over(everything=False)
                await self._wake_due()
            except UnavailableError:
                log.warning("takeover_put_off")

    @property
    def _pause(self) -> float:
        return min(SWEEP_SECONDS, self._lease_seconds / 3)

    async def _wake_due(self) -> None:
        """Runs whose wait is over go on with what counts then."""
        assert self._due is not None
        for run_id in await self._due(self._clock.epoch()):
            self.wake(run_id)

    def _abandon_all(self) -> None:
        for local in list(self._runs.values()):
            local.stop.abandoned = True
            if local.task is not None:
                local.task.cancel()

    async def _take_over(self, *, everything: bool) -> None:
        """Claims runs without a live owner, raising the generation so that a late writer is refused."""
        async with self._database.write() as db:
            runs = RunRepository(db)
            found = await runs.list_abandoned(self._clock.epoch(), everything=everything)
            claimed: list[RunRow] = []
            for run in found:
                if run.run_id in self._runs or not is_active(run.status):
                    continue
                await self._claim(db, run)
                run.takeovers += 1
                run.takeovers_since_step += 1
                claimed.append(run)
        for run in claimed:
            measures.count("clary_run_takeovers_total")
            log.info("run_taken_over", run_id=run.run_id, takeovers=run.takeovers)
            self.launch(run, taken_over=True)
