"""Where the runs of a tree wait for a person (stream-runtime.md 6.1 `waiting`, 6.9).

A short wait stays in memory. When nothing in the whole tree can go on without an answer for a while, the run is parked:
it holds no worker and no lease, and whoever brings the answer, or the deadline, wakes it on any process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Literal, TypeVar

from clary.features.chat.config import Json
from clary.kit.clock import Clock

LOOK_SECONDS = 1.0
PARK_SECONDS = 5.0

WaitKind = Literal["questionnaire", "approval"]
Found = TypeVar("Found")


def wait_for(kind: WaitKind, item_id: str, expires_at: float | None) -> Json:
    """What a run waits for, as its row holds it."""
    return {"kind": kind, "id": item_id, "expires_at": expires_at}


class WaitingRoom:
    """The open waits of one tree in this process."""

    def __init__(
        self,
        clock: Clock,
        *,
        is_idle: Callable[[], bool],
        tell: Callable[[Json | None], None],
        park: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._is_idle = is_idle
        self._tell = tell
        self._park = park
        self._waits: dict[tuple[str, str], Json] = {}
        self._covered: set[tuple[str, str]] = set()
        self._bells: list[asyncio.Event] = []
        self._idle_since: float | None = None

    def holds(self, run_id: str, call_id: str) -> bool:
        """Whether a call waits for a person."""
        return (run_id, call_id) in self._waits or (run_id, call_id) in self._covered

    @contextmanager
    def covering(self, run_id: str, call_id: str) -> Generator[None]:
        """A call that waits through another one, which asks for it."""
        self._covered.add((run_id, call_id))
        try:
            yield
        finally:
            self._covered.discard((run_id, call_id))

    def foretell(self, run_id: str, call_id: str, wait: Json) -> None:
        """Says that a call is about to wait. Before the line that shows it, so that both commit together.

        It counts as waiting from then on, until its wait ends, `drop` or `forget`.
        """
        if self._waits.get((run_id, call_id)) != wait:
            self._waits[run_id, call_id] = wait
            self._say()

    def drop(self, run_id: str, call_id: str) -> None:
        """Nobody works towards a wait any more. Says nothing: a parked run goes on waiting in its row."""
        self._waits.pop((run_id, call_id), None)

    def forget(self, run_id: str, call_id: str) -> None:
        """A call came to its end without the wait that was foretold."""
        if self._waits.pop((run_id, call_id), None) is not None:
            self.tell_again()

    def forget_run(self, run_id: str) -> None:
        """A run of the tree is gone, with all that it waited for."""
        self._waits = {key: wait for key, wait in self._waits.items() if key[0] != run_id}
        self.tell_again()

    def ring(self) -> None:
        """Somebody answered, or said something: every wait looks again."""
        for bell in self._bells:
            bell.set()

    async def wait(
        self,
        run_id: str,
        call_id: str,
        wait: Json,
        look: Callable[[], Awaitable[Found | None]],
    ) -> Found:
        """Returns what `look` finds, as soon as it finds something; looks when told, and from time to time."""
        self.foretell(run_id, call_id, wait)
        bell = asyncio.Event()
        self._bells.append(bell)
        try:
            while (found := await look()) is None:
                self._park_if_idle()
                try:
                    async with asyncio.timeout(self._nap(wait["expires_at"])):
                        await bell.wait()
                except TimeoutError:
                    continue
                bell.clear()
        finally:
            self._bells.remove(bell)
            self.drop(run_id, call_id)
        # Only a wait that was answered ends: a parked run goes on waiting in its row.
        self.tell_again()
        return found

    def tell_again(self) -> None:
        """Says what is waited for, after a wait fell away without an answer."""
        self._idle_since = None
        self._say()

    def _nap(self, expires_at: float | None) -> float:
        if expires_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.01, expires_at - self._clock.epoch()))

    def _say(self) -> None:
        self._tell(min(self._waits.values(), key=_first_due, default=None))

    def _park_if_idle(self) -> None:
        if not self._is_idle():
            self._idle_since = None
            return
        now = self._clock.monotonic()
        self._idle_since = self._idle_since if self._idle_since is not None else now
        if now - self._idle_since >= PARK_SECONDS:
            self._park()


def _first_due(wait: Json) -> float:
    return wait["expires_at"] if wait["expires_at"] is not None else float("inf")
