"""Where the time comes from, so that tests can choose it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time and monotonic time."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""
        ...

    def epoch(self) -> float:
        """The present moment in seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def epoch(self) -> float:
        """See `Clock.epoch`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()


def wire_time(moment: datetime | None) -> str | None:
    """UTC ISO 8601 with microseconds and `Z` (platform.md 1.3), or None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
