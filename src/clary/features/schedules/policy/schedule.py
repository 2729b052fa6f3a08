"""Times out of texts: one-off moments and cron (platform.md 15.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from clary.features.schedules.policy.cron import is_cron, written_out
from clary.kit.text import Text

MAX_TEXT: Final = 256
FURTHEST: Final = timedelta(days=5 * 366)
_WORDS: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_GAPS_LOOKED_AT: Final = 1500

_FORM: Final = Text("不是 ISO 时间，也不是五段 cron 表达式", "neither an ISO time nor cron with five fields")
_NEVER: Final = Text("这个时间永远不会到来", "this time never comes")
_PAST: Final = Text("时间已过去", "the time is in the past")
_FAR: Final = Text("时间超出五年", "the time is more than five years away")
_ZONE: Final = Text("未知时区", "unknown time zone")
_DENSE: Final = Text("间隔不能小于 {seconds} 秒", "times must be at least {seconds} seconds apart")
_FORM_DIFFERS: Final = Text("与 is_recurring 不符", "it contradicts is_recurring")


class Reason(Exception):
    """Why a text is no schedule; says it in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that was checked. `once`: the moment of a one-off one; else `cron` in `zone`."""

    text: str
    zone: ZoneInfo
    once: datetime | None = None
    cron: str = ""

    @property
    def is_recurring(self) -> bool:
        """Whether it names more than one time."""
        return self.once is None

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """The times after a moment, in UTC, in order.

        A time that a change of clocks leaves out comes at the first one after the gap; one that comes twice counts
        once. Where every hour is meant, hours are what passes: each one counts.
        """
        if self.once is not None:
            if self.once > moment:
                yield self.once
            return
        for time in CronSim(self.cron, moment.astimezone(self.zone)):
            # In an hour that comes a second time the library names times of the first one.
            if (placed := time.astimezone(UTC)) > moment:
                yield placed

    def after(self, moment: datetime) -> datetime | None:
        """The next time after a moment, None if there is none."""
        return next(self.times_after(moment), None)


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        Reason
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Reason(_ZONE) from None


def read_schedule(
    text: str, zone: str, *, now: datetime, min_seconds: int, is_recurring: bool | None = None
) -> Schedule:
    """Reads and checks a schedule; `is_recurring` must fit its form if it is said.

    Raises:
        Reason
    """
    found_zone = read_zone(zone)
    schedule = _read(text.strip(), found_zone)
    if is_recurring is not None and is_recurring != schedule.is_recurring:
        raise Reason(_FORM_DIFFERS)
    first = schedule.after(now)
    if first is None:
        raise Reason(_PAST if schedule.once is not None else _NEVER)
    if schedule.once is not None and first - now > FURTHEST:
        raise Reason(_FAR)
    if schedule.is_recurring:
        _require_room_between(schedule, now, min_seconds)
    return schedule


def saved_schedule(text: str, zone: ZoneInfo) -> Schedule:
    """A schedule that was checked when it was saved.

    Raises:
        Reason
    """
    return _read(text.strip(), zone)


def _read(text: str, zone: ZoneInfo) -> Schedule:
    cron = _WORDS.get(text.lower(), text)
    if len(text) <= MAX_TEXT and is_cron(cron):
        try:
            cron = written_out(cron)
            CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
        except (ValueError, CronSimError):
            raise Reason(_FORM) from None
        return Schedule(text, zone, cron=cron)
    if len(text) > MAX_TEXT or not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}", text):
        raise Reason(_FORM)
    try:
        moment = datetime.fromisoformat(text)
        return Schedule(text, zone, once=_in_zone(moment, zone))
    except (ValueError, OverflowError):
        raise Reason(_FORM) from None


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    local = moment
    # A local time inside the gap of a change of clocks: the first minute after it.
    for _ in range(24 * 60):
        placed = local.replace(tzinfo=zone)
        if placed.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local:
            return placed.astimezone(UTC)
        local = (local + timedelta(minutes=1)).replace(second=0, microsecond=0)
    raise ValueError("no such local time")


def _require_room_between(schedule: Schedule, now: datetime, min_seconds: int) -> None:
    # Cron has no seconds, so a minute is always kept.
    if min_seconds <= 60:
        return
    times = islice(schedule.times_after(now), _GAPS_LOOKED_AT)
    if any((later - earlier).total_seconds() < min_seconds for earlier, later in pairwise(times)):
        raise Reason(_DENSE.fill(seconds=min_seconds))
