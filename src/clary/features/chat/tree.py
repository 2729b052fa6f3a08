"""A root run with its children, as one process executes them."""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clary.features.chat.config import Json, Member
from clary.features.chat.execution import Stop
from clary.features.chat.recording import RunRecorder
from clary.features.chat.run_log import RunLog
from clary.features.chat.waiting import WaitingRoom
from clary.features.runs.service import RunRow
from clary.kit.clock import Clock
from clary.runtime.plan import CallMeter

DELEGATE = "sys_delegate_task"
MAX_PARALLEL_CHILDREN = 8
MAX_CHILDREN = 50
MAX_SPAWNED = 20


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """Caps of one root run (stream-runtime.md 13)."""

    depth: int = 4
    parallel: int = MAX_PARALLEL_CHILDREN
    children: int = MAX_CHILDREN


@dataclass(frozen=True, slots=True)
class RootFacts:
    """What every run of the tree needs of the root."""

    run_id: str
    user_id: str
    agent_id: str
    session_id: str
    conversation_id: int
    endpoint: str


@dataclass(slots=True)
class LocalChild:
    """A child under way in this process; without a task it has not come so far that it could be cancelled."""

    stop: Stop = field(default_factory=Stop)
    task: "asyncio.Task[object] | None" = None


class Slots:
    """Places for children that work at the same time."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._queue: deque[asyncio.Future[None]] = deque()

    @contextmanager
    def place(self) -> Generator[asyncio.Future[None]]:
        """A place, in the order of asking: what it gives is done when the turn has come. Given back at the end."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._free > 0 and not self._queue:
            self._free -= 1
            turn.set_result(None)
        else:
            self._queue.append(turn)
        try:
            yield turn
        finally:
            if not turn.cancel() and not turn.cancelled():
                self.leave()

    def leave(self) -> None:
        """Gives a place back, to the first who waits."""
        self._free += 1
        while self._free > 0 and self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                self._free -= 1
                turn.set_result(None)

    def come_back(self) -> None:
        """Takes a place again without waiting; for a moment there may be one too many."""
        self._free -= 1


@dataclass(slots=True)
class RunTree:
    """Shared by the executions of a root and its children."""

    root: RootFacts
    log: RunLog
    stop: Stop
    limits: TreeLimits
    meter: CallMeter
    room: WaitingRoom
    recorders: dict[str, RunRecorder] = field(default_factory=dict[str, RunRecorder])
    """Runs under way, by run id."""
    children: dict[str, LocalChild] = field(default_factory=dict[str, LocalChild])
    spawned: dict[str, Member] = field(default_factory=dict[str, Member])
    """Agents that live for this root run (stream-runtime.md 9.7)."""
    started: int = 0
    """Children so far."""
    slots: "Slots" = field(default_factory=lambda: Slots(MAX_PARALLEL_CHILDREN))

    @classmethod
    def plant(
        cls, root: RootFacts, log: RunLog, stop: Stop, limits: TreeLimits, clock: Clock, park: Callable[[], None]
    ) -> "RunTree":
        """A tree of nothing but its root."""

        def tell(waiting: Json | None) -> None:
            if not log.writer.has_failed:
                log.writer.write([], [log.changed(root.run_id, waiting=waiting)])

        room = WaitingRoom(clock, is_idle=lambda: tree.is_idle(), tell=tell, park=park)
        tree = cls(root, log, stop, limits, CallMeter(), room, slots=Slots(limits.parallel))
        return tree

    def is_idle(self) -> bool:
        """Whether nothing can go on before a person answers."""
        return bool(self.recorders) and all(self._only_waits(recorder) for recorder in self.recorders.values())

    def _only_waits(self, recorder: RunRecorder) -> bool:
        """Calls that have not begun wait behind one of the others."""
        calls = recorder.open_calls.values()
        return bool(calls) and all(
            call.name == DELEGATE or call.id not in recorder.begun_calls or self.room.holds(recorder.run_id, call.id)
            for call in calls
        )

    def roll_up(self, child: RunRow, total: Json, cost: str | None) -> None:
        """Adds what an ended child used to its parent, once (stream-runtime.md 9.7)."""
        parent = self.recorders.get(child.parent_run_id or "")
        if parent is not None:
            parent.usage.add_child(child.run_id, child.session_id, total, cost)

    def stop_child(self, run_id: str) -> bool:
        """Stops one child with what it started; False when it is not under way here."""
        child = self.children.get(run_id)
        if child is None:
            return False
        if child.stop.reason is None:
            child.stop.reason = "interrupt_request"
            if child.task is not None:
                child.task.cancel()
        return True
