"""Ends of spans of time in queries (platform.md 12.4, 14.2)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator


def _edge(value: Any) -> Any:
    """A day, or a moment; without a zone it is in UTC."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) == 10:
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


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
