"""Ends of spans of time in queries (platform.md 12.4, 14.2)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator

from clary.kit.clock import in_utc
from clary.kit.text import TextError

Moment = TypeVar("Moment", bound=date)

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000
"""Far enough from the ends of the calendar for every zone, and for every span that is added or taken away."""


def in_calendar(moment: Moment) -> Moment:
    """A day or a moment that can be reckoned with.

    Raises:
        ValueError
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise TextError(
            f"年份应在 {FIRST_YEAR} 到 {LAST_YEAR} 之间", f"the year must be between {FIRST_YEAR} and {LAST_YEAR}"
        )
    return moment


def _instant(moment: datetime) -> datetime:
    return in_utc(in_calendar(moment))


def _edge(value: Any) -> Any:
    """A day, or a moment."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return in_calendar(date.fromisoformat(text)) if len(text) == 10 else _instant(datetime.fromisoformat(text))


Edge = Annotated[datetime | date, BeforeValidator(_edge)]
"""`YYYY-MM-DD`, a whole day of the server's zone, or a moment of ISO 8601."""


@dataclass(frozen=True, slots=True)
class Span:
    """Between two ends, each a day (the last one whole), a moment, or open."""

    since: datetime | date | None = None
    until: datetime | date | None = None


async def _span(
    since: Annotated[Edge | None, Query(alias="from")] = None, until: Annotated[Edge | None, Query(alias="to")] = None
) -> Span:
    return Span(since, until)


SpanAsked = Annotated[Span, Depends(_span)]
"""`from` and `to` of a query."""

Instant = Annotated[datetime, AfterValidator(_instant)]
"""A moment of a query or a body, in UTC."""
Day = Annotated[date, AfterValidator(in_calendar)]
"""A day of a query or a body."""
