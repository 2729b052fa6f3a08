"""What is done from time to time while the process lives."""

import asyncio
import itertools

import structlog

from clary.db.database import UnavailableError
from clary.features.runs.service import RunReports, RunService
from clary.features.workspaces.service import WorkspaceService
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
    """Sweeps what has lost its meaning; tends the audit log. A database that is away puts it off."""

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
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins, and goes on with what an ended process left."""
        await self._identity.deletion.resume()
        duties = (self._sweep(), self._tend_audit(), self._read_settings(), self._tend_budgets(), self._tend_indexes())
        self._tasks = [asyncio.create_task(duty) for duty in duties]

    async def stop(self) -> None:
        """Ends it."""
        for task in self._tasks:
            task.cancel()
        await self._identity.deletion.stop()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._runs.sweep_expired_logs()
                await self._run_reports.prune()
                await self._workspaces.sweep()
                await self._skills.sweep()
                await self._objects.sweep()
                await self._identity.accounts.sweep()
                await self._identity.oauth.server.clients.sweep()
                await self._identity.deletion.resume()
                await self._usage.keeping.prune()
                await self._schedules.scheduler.prune()
            except UnavailableError:
                log.warning("sweep_put_off")

    async def _read_settings(self) -> None:
        while True:
            await asyncio.sleep(SETTINGS_SECONDS)
            try:
                await self._identity.live.refresh()
                await self._usage.places.refresh()
            except UnavailableError:
                log.warning("settings_not_read")

    async def _tend_budgets(self) -> None:
        while True:
            await asyncio.sleep(BUDGETS_SECONDS)
            try:
                await self._usage.gate.tend()
            except UnavailableError:
                log.warning("budget_tending_put_off")

    async def _tend_indexes(self) -> None:
        while True:
            await asyncio.sleep(INDEXES_SECONDS)
            try:
                await self._knowledge.retrieval.follower.tend()
            except UnavailableError:
                log.warning("index_tending_put_off")

    async def _tend_audit(self) -> None:
        for tends in itertools.count(1):
            await asyncio.sleep(AUDIT_SECONDS)
            try:
                await self._identity.audit.tend()
                if tends % TENDS_PER_HEAD == 0:
                    await self._identity.audit.log_head()
            except UnavailableError:
                log.warning("audit_tending_put_off")
