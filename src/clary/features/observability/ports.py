"""What the slice needs from the world."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from clary.db.session import Session
from clary.jobs.queue import OpenJobs

Count = Callable[[Session], Awaitable[int]]
"""Counts something of the whole server."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value at one moment. `labels` in the order of the metric's."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Exposition(Protocol):
    """Everything that was counted in this process, as text."""

    async def render(self, *, accept: str, gauges: list[Gauge]) -> tuple[bytes, str]:
        """(text, content type) by an `Accept` header: Prometheus text 0.0.4, or OpenMetrics."""
        ...


class StorageSizes(Protocol):
    """What is stored: as rows say, and where none do, as the disks of this machine say."""

    async def measure(self, db: Session) -> Mapping[str, int]:
        """Bytes by `files`, `workspaces`, `knowledge` and `database`."""
        ...


class JobCounts(Protocol):
    """The queue, counted."""

    async def count_open(self, db: Session) -> Sequence[OpenJobs]:
        """All jobs that wait or run."""
        ...
