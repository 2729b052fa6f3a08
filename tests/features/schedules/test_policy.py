"""When tasks are due (platform.md 15.2, 15.3, 16.2 A39)."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest

from clary.features.schedules.policy import Reason, plan_due, read_schedule, retry_delay, status_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def times(text: str, count: int, zone: str = "UTC", *, now: datetime = NOW, min_seconds: int = 60) -> list[str]:
    schedule = read_schedule(text, zone, now=now, min_seconds=min_seconds)
    return [f"{time:%m-%d %H:%M}" for time in islice(schedule.times_after(now), count)]


def test_cron_knows_lists_ranges_steps_names_and_words() -> None:
    assert times("*/20 8-9 * * mon", 4) == ["01-05 08:00", "01-05 08:20", "01-05 08:40", "01-05 09:00"]
    assert times("0 12 13 * fri", 3) == ["01-02 12:00", "01-09 12:00", "01-13 12:00"]
    assert times("0 0 * * 0", 1) == times("0 0 * * 7", 1) == times("@weekly", 1) == ["01-04 00:00"]
    assert times("@hourly", 2) == ["01-02 04:00", "01-02 05:00"]
    assert times("0 0 29 2 *", 1) == ["02-29 00:00"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "tomorrow", "* * * *", "* * * * * *", "61 * * * *", "* 24 * * *", "* * * * 9", "*/0 * * * *"),
        *("0 0 30 2 *", "0 0 31 4,6 *", "@reboot", "0 0 L * *", "0 0 * * 5#2", "1-2-3 * * * *", "*/-5 * * * *"),
        *(
            "jan * * * *",
            "0 0 * * sat-mon",
            "0 0 * * 5-0",
            "0 0 * mon *",
            "0 0 32 * *",
            "0 0 0 * *",
            "5-3 * * * *",
            "0 0 * * fri-8",
        ),
        *("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-13-45T00:00:00Z", "2026-02-01", "R/PT1S"),
        *("0 9 * * 1-5\n* * * * *", "0 0 * * ; rm"),
    ],
)
def test_what_names_no_usable_time_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(Reason) as refused:
        read_schedule(text, "UTC", now=NOW, min_seconds=60)
    assert refused.value.text.zh
    assert refused.value.text.en


def test_zones_contradictions_and_dense_times_are_refused() -> None:
    for more in ({"zone": "Mars/Olympus"}, {"zone": "../etc/passwd"}, {"is_recurring": False}, {"min_seconds": 90_000}):
        settings = {"zone": "UTC", "min_seconds": 60, "is_recurring": None, **more}
        with pytest.raises(Reason):
            read_schedule("@daily", settings.pop("zone"), now=NOW, **settings)  # pyright: ignore[reportArgumentType]
    with pytest.raises(Reason):
        read_schedule("0,30 9 * * *", "UTC", now=NOW, min_seconds=3600)
    assert times("0 9,10 * * *", 2, min_seconds=3600) == ["01-02 09:00", "01-02 10:00"]


def test_changes_of_clocks_neither_drop_nor_double_a_time() -> None:
    assert times("30 2 29 3 *", 2, "Europe/Berlin")[0] == "03-29 01:00"
    autumn = read_schedule("30 2 25 10 *", "Europe/Berlin", now=NOW, min_seconds=60)
    first, second = islice(autumn.times_after(NOW), 2)
    assert second - first > timedelta(days=300)
    assert first.astimezone(ZoneInfo("Europe/Berlin")).hour == 2
    assert times("2026-03-29T02:30:00", 1, "Europe/Berlin") == ["03-29 01:00"]
    assert times("2026-03-29T03:30:00", 1, "Europe/Berlin") == ["03-29 01:30"]
    assert times("2026-05-01T08:00:00+02:00", 1) == ["05-01 06:00"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        *(("0 0 */10 * mon", "0 0 1-31/10 * 1"), ("0 0 13 * */3", "0 0 13 * 0-6/3")),
        *(("0 0 */10 * */3", "0 0 1,11,21,31 * 0,3,6"), ("0 0 */1 * mon", "0 0 * * mon"), ("0 0 5,* * 1", "0 0 * * 1")),
        *(("0 0 * * fri-sun", "0 0 * * 5-7"), ("0 0 * * sat-SUN", "0 0 * * 0,6"), ("0 0 * * sun-sun", "0 0 * * 0")),
        *(("0 0 * * sun-tue", "0 0 * * 0-2"), ("0 0 * * mon-sun/3", "0 0 * * 1,4,7"), ("0 0 * * */7", "0 0 * * 0")),
        *(("0 0 1 jan-mar *", "0 0 1 1-3 *"), ("5/20 3 * * *", "5,25,45 3 * * *"), ("0 0 */31 * *", "0 0 1 * *")),
    ],
)
def test_forms_of_one_schedule_name_the_same_times(text: str, written: str) -> None:
    assert times(text, 40) == times(written, 40)


def test_days_of_month_and_week_are_either_whatever_their_form() -> None:
    assert times("0 0 */10 * mon", 5) == ["01-05 00:00", "01-11 00:00", "01-12 00:00", "01-19 00:00", "01-21 00:00"]
    assert times("0 0 13 * */6", 4) == ["01-03 00:00", "01-04 00:00", "01-10 00:00", "01-11 00:00"]
    assert times("0 0 * * */6", 2) == ["01-03 00:00", "01-04 00:00"]


def in_berlin(text: str, day: str) -> list[str]:
    """The times of a schedule on a local day, in UTC."""
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = datetime.fromisoformat(day).replace(tzinfo=zone, hour=23, minute=59).astimezone(UTC)
    schedule = read_schedule(text, "Europe/Berlin", now=NOW, min_seconds=60)
    found = takewhile(lambda time: time <= end, schedule.times_after(begin - timedelta(seconds=1)))
    return [f"{time:%H:%M}" for time in found]


@pytest.mark.parametrize(
    ("text", "spring", "autumn"),
    [
        ("30 2 * * *", ["01:00"], ["00:30"]),
        ("*/20 2 * * *", ["01:00"], ["00:00", "00:20", "00:40"]),
        ("0-59/20 2 * * *", ["01:00"], ["00:00", "00:20", "00:40"]),
        ("*/30 2-3 * * *", ["01:00", "01:30"], ["00:00", "00:30", "02:00", "02:30"]),
    ],
)
def test_where_clocks_change_no_local_time_is_dropped_or_doubled_in_any_form(
    text: str, spring: list[str], autumn: list[str]
) -> None:
    assert (in_berlin(text, "2026-03-29"), in_berlin(text, "2026-10-25")) == (spring, autumn)


def test_a_step_in_the_hours_names_local_times_and_a_star_the_hours_that_pass() -> None:
    # 02:15 comes at 03:00 in spring, and once in autumn.
    assert in_berlin("15 */2 * * *", "2026-03-29")[:3] == ["23:15", "01:00", "02:15"]
    assert in_berlin("15 */2 * * *", "2026-10-25")[:3] == ["22:15", "00:15", "03:15"]
    passed = [in_berlin("30 * * * *", day) for day in ("2026-03-29", "2026-10-25")]
    assert [len(each) for each in passed] == [23, 25]


@pytest.mark.parametrize("text", ["30 2 * * *", "* 2 * * *", "*/7 1-3 * * *"])
def test_in_an_hour_that_comes_again_no_time_lies_in_the_past(text: str) -> None:
    schedule = read_schedule(text, "Europe/Berlin", now=NOW, min_seconds=60)
    for minutes in range(-10, 140, 7):
        moment = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        assert schedule.after(moment) > moment  # pyright: ignore[reportOptionalOperand]


def plan(text: str, due: datetime, *, now: datetime, since: datetime, catches_up: bool = True) -> tuple[object, ...]:
    schedule = read_schedule(text, "UTC", now=due - timedelta(seconds=1), min_seconds=60)
    found = plan_due(schedule, due, now=now, watching_since=since, catches_up=catches_up, oldest=DAY)
    return found.start, found.trigger, len(found.missed), found.next


def test_a_time_that_came_while_somebody_looked_starts() -> None:
    due = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
    soon = due + timedelta(seconds=2)
    assert plan("@hourly", due, now=soon, since=NOW) == (due, "schedule", 0, due + timedelta(hours=1))


def test_of_missed_times_the_latest_is_caught_up_once_or_all_are_recorded() -> None:
    due = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
    now = due + timedelta(hours=5, minutes=10)
    latest, following = due + timedelta(hours=5), due + timedelta(hours=6)
    assert plan("@hourly", due, now=now, since=now) == (latest, "catch_up", 5, following)
    assert plan("@hourly", due, now=now, since=now, catches_up=False) == (None, "catch_up", 6, following)
    late = due + timedelta(days=3, minutes=10)
    once = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert plan(once, due, now=late, since=late) == (None, "catch_up", 1, None)


@pytest.mark.parametrize("days", [1, 70, 5 * 365])
def test_after_any_downtime_the_latest_time_is_caught_up_and_few_rows_are_written(days: int) -> None:
    due = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
    latest = due + timedelta(days=days, minutes=7)
    now = latest + timedelta(seconds=30)
    assert plan("* * * * *", due, now=now, since=now) == (latest, "catch_up", 100, latest + timedelta(minutes=1))


def test_of_times_that_are_rare_each_is_found() -> None:
    due = datetime(2026, 2, 1, tzinfo=UTC)
    now = datetime(2026, 5, 1, 2, tzinfo=UTC)
    assert plan("@monthly", due, now=now, since=now) == (
        now - timedelta(hours=2),
        "catch_up",
        3,
        datetime(2026, 6, 1, tzinfo=UTC),
    )


def test_retries_wait_longer_and_end() -> None:
    waits = [retry_delay(attempt, max_retries=5) for attempt in range(1, 7)]
    assert waits == [*(timedelta(minutes=each) for each in (1, 5, 15, 15, 15)), None]
    assert retry_delay(1, max_retries=0) is None


def test_the_status_follows_from_what_is_so() -> None:
    recurring = {"is_recurring": True, "enabled": True, "closed": None}
    assert status_of(**recurring, open_statuses=[]) == "active"  # pyright: ignore[reportArgumentType]
    assert status_of(**recurring, open_statuses=["running"]) == "running"  # pyright: ignore[reportArgumentType]
    assert status_of(is_recurring=False, enabled=True, closed=None, open_statuses=["queued"]) == "pending"
    assert status_of(is_recurring=False, enabled=False, closed=None, open_statuses=[]) == "paused"
    assert status_of(is_recurring=False, enabled=True, closed="failed", open_statuses=[]) == "failed"
