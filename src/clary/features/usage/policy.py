"""Ceilings, calendar periods, and what fits (platform.md 14.3). No I/O.

Amounts are whole numbers: tokens, or hundred millionths of the server's currency.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from clary.features.usage.ports import Scope

Unit = Literal["tokens", "cost"]
Grouping = Literal["day", "model", "provider", "agent", "user", "group", "key", "step"]
"""What a report may be sorted by (platform.md 14.2)."""
Period = Literal["run", "session", "day", "month"]

SCOPES: tuple[Scope, ...] = ("server", "default_user", "user", "group", "key", "agent")
PERIODS: tuple[Period, ...] = ("run", "session", "day", "month")
ALL = "all"
"""The id of the scopes of which there is one."""

LEAST_OUTPUT = 256
"""A call whose output would have to be shorter is not made, unless it asked for no more (platform.md 14.3)."""

QUARTER_SECONDS = 900
UNITS = Decimal(10**8)


def known_scope(text: str) -> Scope:
    """A scope by its name.

    Raises:
        ValueError: there is none of this name.
    """
    for scope in SCOPES:
        if scope == text:
            return scope
    raise ValueError(text)


def to_units(amount: Decimal) -> int:
    """Money as a whole number of hundred millionths, rounded half up."""
    return int((amount * UNITS).to_integral_value(ROUND_HALF_UP))


def quarter_of(moment: datetime) -> int:
    """The quarter of an hour a moment lies in, counted from 1970 in UTC."""
    return int(moment.timestamp() // QUARTER_SECONDS)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """At most `limit` in a period, of what a scope counts."""

    scope: Scope
    target_id: str
    unit: Unit
    period: Period
    limit: int

    @property
    def named(self) -> str:
        """How a refusal calls it."""
        if self.period in ("run", "session"):
            return self.period
        return "user" if self.scope == "default_user" else self.scope


def ceilings_of(scope: Scope, target_id: str, budget: Mapping[str, Any]) -> Iterator[Ceiling]:
    """The ceilings of a budget, money already in the server's currency."""
    for period in PERIODS:
        tokens, cost = budget.get(f"tokens_per_{period}"), budget.get(f"cost_per_{period}")
        if tokens is not None:
            yield Ceiling(scope, target_id, "tokens", period, int(tokens))
        if cost is not None:
            yield Ceiling(scope, target_id, "cost", period, to_units(Decimal(str(cost))))


class Amount(NamedTuple):
    """Tokens, and money in hundred millionths."""

    tokens: int = 0
    cost: int = 0

    def of(self, unit: Unit) -> int:
        """One of the two."""
        return self.tokens if unit == "tokens" else self.cost


@dataclass(frozen=True, slots=True)
class Room:
    """A ceiling with what is gone of it."""

    ceiling: Ceiling
    spent: int
    reserved: int
    resets_at: datetime | None

    @property
    def left(self) -> int:
        """What is left, at least 0."""
        return max(0, self.ceiling.limit - self.spent - self.reserved)


class Calendar:
    """Days and months of the server's time zone."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)

    def begin(self, period: Period, now: datetime) -> datetime | None:
        """When the present day or month began; None for a run or session, which know no calendar."""
        if period not in ("day", "month"):
            return None
        midnight = now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return midnight if period == "day" else midnight.replace(day=1)

    def first_moment(self, day: date) -> datetime:
        """When a day begins."""
        return datetime.combine(day, time(), self._zone)

    def day_of(self, quarter: int) -> date:
        """The day a quarter of an hour belongs to, as `quarter_of` counts them."""
        return datetime.fromtimestamp(quarter * QUARTER_SECONDS, self._zone).date()

    def end_of_day(self, now: datetime) -> datetime:
        """When the day after the present one begins."""
        return self.first_moment(now.astimezone(self._zone).date() + timedelta(days=1))

    def ends(
        self, since: datetime | date | None, until: datetime | date | None
    ) -> tuple[datetime | None, datetime | None]:
        """The moments between which a span lies, each a moment, a day or open; the last day is whole."""
        if isinstance(since, date) and not isinstance(since, datetime):
            since = self.first_moment(since)
        if isinstance(until, date) and not isinstance(until, datetime):
            until = None if until == date.max else self.first_moment(until + timedelta(days=1))
        return since, until

    def reset(self, period: Period, now: datetime) -> datetime | None:
        """When the next day or month begins; None for a run or session."""
        begun = self.begin(period, now)
        if begun is None:
            return None
        if period == "day":
            # Wall time: a day with a change of the clocks has 23 or 25 hours.
            return begun + timedelta(days=1)
        return (begun + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class CallFilters:
    """Which rows of the ledger are meant; what is None does not narrow them. `until` itself is outside."""

    since: datetime | None = None
    until: datetime | None = None
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    key_id: str | None = None
    model: str | None = None
    step_name: str | None = None
    request_source: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call may use at most. Money: a token at its dearest, and the call itself; both None when unpriced."""

    input_tokens: int
    max_tokens: int
    token_price: Decimal | None
    call_price: Decimal | None

    @property
    def is_priced(self) -> bool:
        """Whether it can be counted in money."""
        return self.token_price is not None

    def amount(self, output_tokens: int) -> Amount:
        """What is reserved for an output of this length; an unpriced model counts no money."""
        tokens = self.input_tokens + output_tokens
        if self.token_price is None or self.call_price is None:
            return Amount(tokens, 0)
        money = (self.token_price * tokens + self.call_price) * UNITS
        return Amount(tokens, int(money.to_integral_value(ROUND_CEILING)))

    def longest_output(self, room: Room) -> int:
        """The longest output that fits below a ceiling; negative when not even the input does."""
        if room.ceiling.unit == "tokens":
            return room.left - self.input_tokens
        if not self.token_price:
            # Without a price each token is free, and only what the call itself costs can be too much.
            return self.max_tokens if self.amount(0).cost <= room.left else -1
        money = Decimal(room.left) / UNITS - (self.call_price or 0)
        return int(money / self.token_price) - self.input_tokens if money >= 0 else -1


def strictest_spent(rooms: Iterable[Room]) -> Room | None:
    """Of the ceilings of which nothing is left the one that resets last, or never; None: something is left of all."""
    return _last_to_reset(room for room in rooms if room.left == 0)


def fit(rooms: Iterable[Room], wanted: Wanted, least: int = LEAST_OUTPUT) -> tuple[int, Room | None]:
    """(output tokens the call may have, None), or (0, the ceiling in its way). `least`: the shortest output."""
    least = min(wanted.max_tokens, least)
    granted, in_the_way = wanted.max_tokens, list[Room]()
    for room in rooms:
        longest = wanted.longest_output(room)
        if room.left == 0 or longest < least:
            in_the_way.append(room)
        granted = min(granted, longest)
    blocking = _last_to_reset(in_the_way)
    return (granted, None) if blocking is None else (0, blocking)


def _last_to_reset(rooms: Iterable[Room]) -> Room | None:
    listed = list(rooms)
    for room in listed:
        if room.resets_at is None:
            return room
    return max(listed, key=lambda room: room.resets_at.timestamp() if room.resets_at else 0, default=None)
