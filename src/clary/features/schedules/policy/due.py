"""What becomes of times that are due, and of runs that failed (platform.md 15.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from clary.features.schedules.policy.schedule import Schedule

Trigger = Literal["schedule", "catch_up"]

LATE: Final = timedelta(seconds=60)
"""A process that stood still for longer has missed what was due meanwhile."""
RETRY_MINUTES: Final = (1, 5, 15, 15, 15)
LONGEST_RETRY: Final = timedelta(minutes=max(RETRY_MINUTES))
GIVE_UP_AFTER: Final = 10
MISSED_KEPT: Final = 100
"""Missed times that are written down at once, the latest; a clock that jumps by years would write millions."""
COMPLETED: Final = "completed"
"""Closed by its owner: never due again, whatever changes."""
RAN: Final = "ran"
"""Closed because its one time has come and its run has ended well."""
FAILED: Final = "failed"
"""Closed because its one time has passed without that."""
_FIRST_SPAN: Final = timedelta(hours=2)
_WIDER: Final = 4


@dataclass(frozen=True, slots=True)
class DuePlan:
    """`start`: the due time for which a run starts, None: none does; `missed`: times to record; `next`: the next."""

    start: datetime | None
    trigger: Trigger
    missed: tuple[datetime, ...]
    next: datetime | None


def plan_due(
    schedule: Schedule,
    due: datetime,
    *,
    now: datetime,
    watching_since: datetime,
    catches_up: bool,
    oldest: timedelta,
) -> DuePlan:
    """What to do about a task whose next time was `due` and is not in the future.

    `watching_since`: since when this process has looked at tasks without a pause; `oldest`: how old a missed time may
    be that is caught up.
    """
    times, following = _passed(schedule, due, now)
    latest = times[-1]
    if latest >= watching_since and now - latest <= LATE:
        return DuePlan(latest, "schedule", tuple(times[:-1])[-MISSED_KEPT:], following)
    if catches_up and now - latest <= oldest:
        return DuePlan(latest, "catch_up", tuple(times[:-1])[-MISSED_KEPT:], following)
    return DuePlan(None, "catch_up", tuple(times)[-MISSED_KEPT:], following)


def _passed(schedule: Schedule, due: datetime, now: datetime) -> tuple[list[datetime], datetime | None]:
    """The times from `due` to `now`, the latest of them if they are many, and the one after."""
    span = _FIRST_SPAN
    while True:
        # Backwards in longer and longer steps: however long nobody looked, little is walked to find the latest.
        since = due if now - due <= span else now - span
        times, following = [due] if since == due else [], None
        for time in schedule.times_after(since):
            if time > now:
                following = time
                break
            times.append(time)
        if since == due or len(times) > MISSED_KEPT:
            return times, following
        span *= _WIDER


def retry_delay(attempt: int, *, max_retries: int) -> timedelta | None:
    """How long to wait before the attempt after this one; None: there is none."""
    if attempt > min(max_retries, len(RETRY_MINUTES)):
        return None
    return timedelta(minutes=RETRY_MINUTES[attempt - 1])


def status_of(*, is_recurring: bool, enabled: bool, closed: str | None, open_statuses: Iterable[str]) -> str:
    """The word that says how a task stands; `open_statuses`: of its starts that have not ended."""
    if closed == COMPLETED:
        return "completed"
    if "running" in set(open_statuses):
        return "running"
    if closed is not None:
        return "failed" if closed == FAILED else "completed"
    if not enabled:
        return "paused"
    return "active" if is_recurring else "pending"
