"""Where the time comes from, so that tests can choose it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

NOISE_SECONDS = 0.1


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


class SharedClock(SystemClock):
    """Wall time moved by what somebody measured, so that processes on several machines agree when a lease ends."""

    def __init__(self) -> None:
        self._shift = 0.0

    def move_to(self, shift: float) -> None:
        """How far the shared time is ahead of the machine's, in seconds; what a slow answer alone explains is noise."""
        if abs(shift - self._shift) > NOISE_SECONDS:
            self._shift = shift

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC) + timedelta(seconds=self._shift)

    def epoch(self) -> float:
        """See `Clock.epoch`."""
        return time.time() + self._shift


def in_utc(moment: datetime) -> datetime:
    """A moment that somebody sent; one without a zone is UTC.

    Raises:
        ValueError: it is outside the calendar in UTC.
    """
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the calendar") from None


def wire_time(moment: datetime | None) -> str | None:
    """UTC ISO 8601 with microseconds and `Z` (platform.md 1.3), or None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
