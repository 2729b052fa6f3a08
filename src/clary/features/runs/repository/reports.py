"""Statements that look back on runs: lists, counts, and how long their steps are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CursorResult,
    delete,
    extract,
    func,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy import cast as sql_cast

from clary.db.session import Session
from clary.features.permissions.service import Identity, visible_to
from clary.features.runs.policy import ACTIVE
from clary.features.runs.tables import RunRow, RunStepRow

QUARTER = sql_cast(extract("epoch", RunRow.created_at) - extract("second", RunRow.created_at), BigInteger) // (
    literal_column("900", BigInteger)
)


@dataclass(frozen=True, slots=True)
class RunFilters:
    """Which runs are meant; what is None does not narrow them. `until` itself is outside."""

    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class DayOfRuns(NamedTuple):
    """Root runs that one person began in a quarter of an hour, counted from 1970 in UTC."""

    quarter: int
    user_id: str
    runs: int


class RunReportRepository:
    """Reads and prunes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list_page(
        self, identity: Identity, filters: RunFilters, *, offset: int, limit: int
    ) -> tuple[Sequence[RunRow], int]:
        """Runs that the identity may see, newest first, and how many there are."""
        seen = _seen(identity, filters)
        total = await self._session.scalar(select(func.count()).select_from(RunRow).where(*seen))
        rows = select(RunRow).where(*seen).order_by(RunRow.created_at.desc(), RunRow.run_id.desc())
        return (await self._session.scalars(rows.offset(offset).limit(limit))).all(), int(total or 0)

    async def list_steps(self, run_ids: Sequence[str]) -> Sequence[RunStepRow]:
        """Recorded steps of runs, as they began."""
        rows = await self._session.scalars(
            select(RunStepRow)
            .where(RunStepRow.run_id.in_(run_ids))
            .order_by(RunStepRow.started_at, RunStepRow.position, RunStepRow.step_id)
        )
        return rows.all()

    async def count_tools(
        self, identity: Identity, *, since: datetime, user_id: str | None, agent_id: str | None
    ) -> dict[str, int]:
        """Tool → calls in runs that began since then: the identity's own, unless another person is named."""
        owner = RunRow.user_id == (user_id if user_id is not None else identity.user_id)
        query = (
            select(RunStepRow.name, func.count())
            .join(RunRow, RunRow.run_id == RunStepRow.run_id)
            .where(visible_to(identity, RunRow.user_id), owner, RunRow.created_at >= since, RunStepRow.kind == "tool")
            .group_by(RunStepRow.name)
        )
        if agent_id is not None:
            query = query.where(RunRow.agent_id == agent_id)
        return {name: int(count) for name, count in await self._session.execute(query)}

    async def count_by_status(self, *, since: datetime | None = None) -> dict[tuple[str, bool], int]:
        """(status, waits for a person) → root runs."""
        waits = RunRow.waiting.is_not(None)
        query = select(RunRow.status, waits, func.count()).where(RunRow.parent_run_id.is_(None))
        if since is not None:
            query = query.where(RunRow.created_at >= since)
        rows = await self._session.execute(query.group_by(RunRow.status, waits))
        return {(status, bool(waiting)): int(count) for status, waiting, count in rows}

    async def count_active(self) -> dict[tuple[str, bool], int]:
        """The same of active ones alone."""
        waits = RunRow.waiting.is_not(None)
        query = select(RunRow.status, waits, func.count()).where(
            RunRow.status.in_(ACTIVE), RunRow.parent_run_id.is_(None)
        )
        rows = await self._session.execute(query.group_by(RunRow.status, waits))
        return {(status, bool(waiting)): int(count) for status, waiting, count in rows}

    async def list_days(self, *, since: datetime) -> list[DayOfRuns]:
        """Root runs since then, by quarter of an hour and person."""
        quarter = QUARTER.label("quarter")
        query = (
            select(quarter, RunRow.user_id, func.count())
            .where(RunRow.created_at >= since, RunRow.parent_run_id.is_(None))
            .group_by(quarter, RunRow.user_id)
        )
        return [DayOfRuns(int(row[0]), row[1], int(row[2])) for row in await self._session.execute(query)]

    async def prune_steps(self, ended_before: datetime, *, counted_since: datetime, limit: int) -> int:
        """Removes what steps of some ended runs say; returns how many rows changed.

        Calls of tools stay as bare names until `counted_since`, because statistics count them.
        """
        ended = select(RunRow.run_id).where(RunRow.ended_at < ended_before)
        told = (
            select(RunStepRow.run_id)
            .where(RunStepRow.run_id.in_(ended), (RunStepRow.kind != "tool") | RunStepRow.line_from.is_not(None))
            .distinct()
            .limit(limit)
        )
        runs = (await self._session.scalars(told)).all()
        of_these = RunStepRow.run_id.in_(runs)
        gone = await self._session.execute(delete(RunStepRow).where(of_these, RunStepRow.kind != "tool"))
        bare = await self._session.execute(
            update(RunStepRow)
            .where(of_these, RunStepRow.kind == "tool")
            .values(arguments=null(), detail={}, line_from=null(), line_to=null())
        )
        old = select(RunRow.run_id).where(RunRow.ended_at < counted_since)
        old_steps = select(RunStepRow.run_id).where(RunStepRow.run_id.in_(old)).distinct().limit(limit)
        forgotten = await self._session.execute(
            delete(RunStepRow).where(RunStepRow.run_id.in_((await self._session.scalars(old_steps)).all()))
        )
        return sum(cast("CursorResult[Any]", each).rowcount for each in (gone, bare, forgotten))


def _seen(identity: Identity, filters: RunFilters) -> list[ColumnElement[bool]]:
    """The caller's own runs, all for an admin; a filter on somebody else's finds nothing."""
    conditions = [visible_to(identity, RunRow.user_id)]
    for name in ("user_id", "agent_id", "session_id", "status"):
        value = getattr(filters, name)
        if value is not None:
            conditions.append(getattr(RunRow, name) == value)
    if filters.since is not None:
        conditions.append(RunRow.created_at >= filters.since)
    if filters.until is not None:
        conditions.append(RunRow.created_at < filters.until)
    return conditions
