"""What is done from time to time while the process lives."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import structlog

from clary.db.database import UnavailableError
from clary.features.runs.service import RunReports, RunService
from clary.features.workspaces.service import WorkspaceService
from clary.kit.duties import Duty
from clary.wiring.budgets import BudgetServices
from clary.wiring.identity import IdentityServices
from clary.wiring.knowledge import KnowledgeServices
from clary.wiring.objects import ObjectServices
from clary.wiring.schedules import ScheduleServices
from clary.wiring.skills import SkillServices

log = structlog.get_logger()

SWEEP_SECONDS = 600.0
AUDIT_SECONDS = 60.0
BUDGETS_SECONDS = 10.0
INDEXES_SECONDS = 30.0
"""What is deleted leaves derived files within a minute (product.md 5.5)."""
SETTINGS_SECONDS = 0.9
"""A change made elsewhere acts within a second (platform.md 9.3)."""
TENDS_PER_HEAD = 60


class Upkeep:
    """Sweeps what has lost its meaning; tends the audit log. A database or a disk that is away puts it off."""

    def __init__(
        self,
        *,
        runs: RunService,
        run_reports: RunReports,
        workspaces: WorkspaceService,
        skills: SkillServices,
        objects: ObjectServices,
        knowledge: KnowledgeServices,
        identity: IdentityServices,
        usage: BudgetServices,
        schedules: ScheduleServices,
    ) -> None:
        self._runs = runs
        self._run_reports = run_reports
        self._workspaces = workspaces
        self._skills = skills
        self._objects = objects
        self._knowledge = knowledge
        self._identity = identity
        self._usage = usage
        self._schedules = schedules
        self._duties = (
            Duty("sweep", self._sweep),
            Duty("audit_tending", self._tend_audit),
            Duty("settings", self._read_settings),
            Duty("budget_tending", self._tend_budgets),
            Duty("index_tending", self._tend_indexes),
        )

    async def start(self) -> None:
        """Begins, and goes on with what an ended process left."""
        await self._identity.deletion.resume()
        for duty in self._duties:
            duty.start()

    async def stop(self) -> None:
        """Ends it."""
        await asyncio.gather(*(duty.stop() for duty in self._duties))
        await self._identity.deletion.stop()

    async def _sweep(self) -> None:
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "event_log": self._runs.sweep_expired_logs,
            "run_reports": self._run_reports.prune,
            "workspaces": self._workspaces.sweep,
            "skills": self._skills.sweep,
            "objects": self._objects.sweep,
            "accounts": self._identity.accounts.sweep,
            "oauth_clients": self._identity.oauth.server.clients.sweep,
            "deletions": self._identity.deletion.resume,
            "usage": self._usage.keeping.prune,
            "task_history": self._schedules.scheduler.prune,
        }
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for name, step in steps.items():
                # A disk that takes nothing must not keep the database from being swept.
                await _put_off_when_away(f"sweep_{name}", step)

    async def _read_settings(self) -> None:
        while True:
            await asyncio.sleep(SETTINGS_SECONDS)
            await _put_off_when_away("settings", self._identity.live.refresh)
            await _put_off_when_away("budget_places", self._usage.places.refresh)

    async def _tend_budgets(self) -> None:
        while True:
            await asyncio.sleep(BUDGETS_SECONDS)
            await _put_off_when_away("budget_tending", self._usage.gate.tend)

    async def _tend_indexes(self) -> None:
        while True:
            await asyncio.sleep(INDEXES_SECONDS)
            await _put_off_when_away("index_tending", self._knowledge.retrieval.follower.tend)

    async def _tend_audit(self) -> None:
        for tends in itertools.count(1):
            await asyncio.sleep(AUDIT_SECONDS)
            await _put_off_when_away("audit_tending", self._identity.audit.tend)
            if tends % TENDS_PER_HEAD == 0:
                await _put_off_when_away("audit_head", self._identity.audit.log_head)


async def _put_off_when_away(name: str, step: Callable[[], Awaitable[object]]) -> None:
    """One step; a database or a disk that is away puts it off to the next round."""
    try:
        await step()
    except (UnavailableError, OSError) as error:
        log.warning("upkeep_put_off", step=name, error=type(error).__name__)
