"""Statements that read the ledger for reports. Whose rows may be seen is part of each (platform.md 14.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Numeric, cast, extract, func, literal_column, null, select

from clary.db.session import Session
from clary.features.permissions.service import Identity, visible_to
from clary.features.usage.policy import ALL, QUARTER_SECONDS, CallFilters, Grouping
from clary.features.usage.tables import UsageRow, UsageSumRow

ROW = UsageRow
KEYS: dict[Grouping, Any] = {
    "model": ROW.model,
    "provider": ROW.provider_id,
    "agent": ROW.agent_id,
    "user": ROW.user_id,
    # Present members count for a group: the people are put together by whoever asks.
    "group": ROW.user_id,
    "key": ROW.key_id,
    "step": ROW.step_name,
    # Days of any time zone are whole quarters of an hour: which ones is for whoever asks. The beginning of the minute
    # is a whole number of seconds everywhere.
    "day": cast(extract("epoch", ROW.at) - extract("second", ROW.at), BigInteger)
    // literal_column(str(QUARTER_SECONDS), BigInteger),
}
EQUAL = ("user_id", "agent_id", "session_id", "run_id", "key_id", "model", "step_name", "request_source")
SESSIONS = func.count(func.distinct(ROW.user_id + "/" + ROW.session_id))
# Each cost has 8 decimals, so that a whole number of hundred millionths comes out exactly.
COST = func.sum(cast(func.round(cast(ROW.cost, Numeric) * 100_000_000), Numeric))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rows of one key come to. `cost` in hundred millionths; `calls_without_cost` have no price."""

    key: Any
    user_id: str | None
    calls: int
    calls_without_cost: int
    sessions: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


class ReportRepository:
    """Reads inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_page(
        self, identity: Identity, filters: CallFilters, *, offset: int, limit: int
    ) -> tuple[Sequence[UsageRow], int]:
        """Rows, newest first, and how many there are."""
        seen = _seen(identity, filters)
        total = await self._session.scalar(select(func.count()).select_from(ROW).where(*seen))
        rows = select(ROW).where(*seen).order_by(ROW.at.desc(), ROW.id.desc()).offset(offset).limit(limit)
        return (await self._session.scalars(rows)).all(), int(total or 0)

    async def list_after(
        self, identity: Identity, filters: CallFilters, *, row_id: int, limit: int
    ) -> Sequence[UsageRow]:
        """Rows in the order in which they were written."""
        rows = select(ROW).where(*_seen(identity, filters), ROW.id > row_id).order_by(ROW.id).limit(limit)
        return (await self._session.scalars(rows)).all()

    async def list_of_run(self, run_ids: Sequence[str]) -> Sequence[UsageRow]:
        """Rows of runs, in the order in which they were written."""
        return (await self._session.scalars(select(ROW).where(ROW.run_id.in_(run_ids)).order_by(ROW.id))).all()

    async def list_sums(self, *, since: int) -> list[tuple[int, int, int]]:
        """(quarter of an hour, tokens, cost) of everybody since a quarter; these are kept for ever."""
        row = UsageSumRow
        query = select(row.quarter, row.input_tokens + row.output_tokens, row.cost)
        query = query.where(row.scope == "server", row.target_id == ALL, row.quarter >= since)
        return [(int(each[0]), int(each[1]), int(each[2])) for each in await self._session.execute(query)]

    async def sum_all(self, identity: Identity, filters: CallFilters) -> Figures:
        """Everything together."""
        return await self._one(_figures(None).where(*_seen(identity, filters)))

    async def sum_by(self, identity: Identity, filters: CallFilters, grouping: Grouping) -> list[Figures]:
        """By a key; None where rows have none. For `day` the key is the quarter of an hour, for `group` the user."""
        key = KEYS[grouping]
        return await self._many(_figures(key).where(*_seen(identity, filters)).group_by(key))

    async def sum_by_session(self, identity: Identity, filters: CallFilters, *, limit: int) -> list[Figures]:
        """By conversation: an id of one person is not another person's. Those with most tokens first."""
        query = _figures(ROW.session_id, ROW.user_id).where(*_seen(identity, filters), ROW.session_id.is_not(None))
        tokens = func.sum(ROW.input_tokens + ROW.output_tokens)
        query = query.group_by(ROW.session_id, ROW.user_id)
        return await self._many(query.order_by(tokens.desc(), ROW.session_id).limit(limit))

    async def _one(self, query: Any) -> Figures:
        return (await self._many(query))[0]

    async def _many(self, query: Any) -> list[Figures]:
        return [_row(row) for row in await self._session.execute(query)]


def _row(row: Any) -> Figures:
    key, user_id, *sums, first_at, last_at = row
    calls, without_cost, sessions, *tokens, cost = (int(each or 0) for each in sums)
    input_tokens, output_tokens, cached_tokens, reasoning_tokens = tokens
    return Figures(
        key=key,
        user_id=user_id,
        calls=calls,
        calls_without_cost=without_cost,
        sessions=sessions,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        reasoning_tokens=reasoning_tokens,
        cost=cost,
        first_at=first_at,
        last_at=last_at,
    )


def _figures(key: Any, user_id: Any = None) -> Any:
    columns: list[Any] = [
        null() if key is None else key,
        null() if user_id is None else user_id,
        func.count(),
        func.count() - func.count(ROW.cost),
        SESSIONS,
        func.sum(ROW.input_tokens),
        func.sum(ROW.output_tokens),
        func.sum(ROW.cached_tokens),
        func.sum(ROW.reasoning_tokens),
        COST,
        func.min(ROW.at),
        func.max(ROW.at),
    ]
    return select(*columns).select_from(ROW)


def _seen(identity: Identity, filters: CallFilters) -> list[ColumnElement[bool]]:
    """The caller's own rows, all for an admin; a filter on somebody else's finds nothing."""
    conditions = [visible_to(identity, ROW.user_id)]
    for name in EQUAL:
        value = getattr(filters, name)
        if value is not None:
            conditions.append(getattr(ROW, name) == value)
    if filters.since is not None:
        conditions.append(ROW.at >= filters.since)
    if filters.until is not None:
        conditions.append(ROW.at < filters.until)
    return conditions
