"""Looking back on runs: lists, what a run did, counts (platform.md 9.4, 12.2, 12.4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.permissions.service import Identity
from clary.features.runs.errors import RunNotFoundError
from clary.features.runs.repository import DayOfRuns, RunFilters, RunReportRepository, RunRepository
from clary.features.runs.service.runs import RunService
from clary.features.runs.tables import RunRow, RunStepRow
from clary.features.usage.service import Calendar
from clary.http.paging import Page
from clary.http.span import Span
from clary.kit.clock import Clock

COUNTED_DAYS = 366
"""How far back statistics count calls of tools."""
RUNS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is written down of a run and, if asked for, of its children; each after its parent.

    A run that ended longer ago than timelines are kept has neither.
    """

    runs: Sequence[RunRow]
    steps: Sequence[RunStepRow]

    @property
    def run(self) -> RunRow:
        """The run that was asked for."""
        return self.runs[0]


class RunReports:
    """Reads only, apart from `prune`."""

    def __init__(
        self, *, runs: RunService, database: Database, calendar: Calendar, clock: Clock, timeline_days: int
    ) -> None:
        self._runs = runs
        self._database = database
        self._calendar = calendar
        self._clock = clock
        self._timeline_days = timeline_days

    async def list_page(self, *, identity: Identity, filters: RunFilters, span: Span, page: Page) -> dict[str, Any]:
        """Run objects, newest first: the caller's own, for admins all."""
        since, until = self._calendar.ends(span.since, span.until)
        filters = replace(filters, since=since, until=until)
        async with self._database.read() as db:
            reports = RunReportRepository(db)
            runs, total = await reports.list_page(identity, filters, offset=page.offset, limit=page.size)
        return {"items": [await self._runs.object_of(run) for run in runs], "total": total}

    async def read(self, db: Session, *, identity: Identity, run_id: str, with_children: bool) -> RunRecord:
        """What is written down of a run.

        Raises:
            RunNotFoundError: unknown, or not to be seen.
        """
        runs = RunRepository(db)
        run = await runs.find_visible(run_id, identity)
        if run is None:
            raise RunNotFoundError
        if run.ended_at is not None and run.ended_at < self._clock.now() - timedelta(days=self._timeline_days):
            return RunRecord([run], [])
        family = [run, *(await self._below(runs, run) if with_children else ())]
        return RunRecord(family, await RunReportRepository(db).list_steps([each.run_id for each in family]))

    async def _below(self, runs: RunRepository, run: RunRow) -> list[RunRow]:
        """Children at any depth."""
        reached, found = {run.run_id}, list[RunRow]()
        for child in await runs.list_children(run.root_run_id):
            if child.parent_run_id in reached:
                reached.add(child.run_id)
                found.append(child)
        return found

    async def count_tools(
        self, db: Session, *, identity: Identity, days: int, user_id: str | None, agent_id: str | None
    ) -> dict[str, int]:
        """Tool → calls in the runs of the last days: the caller's, or for admins another person's."""
        since = self._clock.now() - timedelta(days=days)
        return await RunReportRepository(db).count_tools(identity, since=since, user_id=user_id, agent_id=agent_id)

    async def count_active(self, db: Session) -> dict[str, int]:
        """Root runs by `queued`, `running` and `waiting`, all three always there."""
        counted: dict[str, int] = {"queued": 0, "running": 0, "waiting": 0}
        for (status, waits), count in (await RunReportRepository(db).count_active()).items():
            counted["waiting" if waits else status] += count
        return counted

    async def count_by_status(self, db: Session, *, since: datetime) -> dict[str, int]:
        """Root runs that began since then."""
        counted: dict[str, int] = {}
        for (status, _), count in (await RunReportRepository(db).count_by_status(since=since)).items():
            counted[status] = counted.get(status, 0) + count
        return counted

    async def list_days(self, db: Session, *, since: datetime) -> list[DayOfRuns]:
        """Root runs since then, by quarter of an hour and person."""
        return await RunReportRepository(db).list_days(since=since)

    async def prune(self) -> None:
        """Forgets what steps said when their runs ended long enough ago (platform.md 12.4), in short transactions."""
        now = self._clock.now()
        before, counted = now - timedelta(days=self._timeline_days), now - timedelta(days=COUNTED_DAYS)
        while True:
            async with self._database.write() as db:
                reports = RunReportRepository(db)
                if not await reports.prune_steps(before, counted_since=counted, limit=RUNS_AT_ONCE):
                    return
