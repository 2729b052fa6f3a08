"""What a run did, step by step, from what was recorded (platform.md 12.4)."""

from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.interventions.service import Interventions
from clary.features.observability.policy import Recorded, Timeline
from clary.features.permissions.service import Identity, ObjectType, PermissionExplainer, Question
from clary.features.runs.service import RunRecord, RunReports, RunRow, RunService
from clary.features.usage.service import UsageReports
from clary.kit.clock import Clock
from clary.kit.traces import trace_of

Json = dict[str, Any]


class RunTimeline:
    """Use case of `/api/runs/{run_id}/timeline`: also of a run under way, and of one that was taken over."""

    def __init__(
        self,
        *,
        database: Database,
        runs: RunService,
        reports: RunReports,
        usage: UsageReports,
        interventions: Interventions,
        rules: PermissionExplainer,
        clock: Clock,
    ) -> None:
        self._database = database
        self._runs = runs
        self._reports = reports
        self._usage = usage
        self._interventions = interventions
        self._rules = rules
        self._clock = clock

    async def read(self, *, identity: Identity, run_id: str, with_children: bool) -> Json:
        """Steps, totals, and by which rules the run used what it used.

        Raises:
            RunNotFoundError: unknown, or not to be seen.
        """
        async with self._database.read() as db:
            record = await self._reports.read(db, identity=identity, run_id=run_id, with_children=with_children)
            timeline = Timeline(await self._recorded(db, record))
            # A run whose steps were forgotten has no steps, whatever else is left of it.
            steps = timeline.steps() if record.steps else []
            permissions = await self._permissions(db, record.run, timeline.recorded)
        return {
            "run": await self._runs.describe_row(record.run, identity=identity),
            "trace_id": trace_of(record.run.root_run_id),
            "steps": steps,
            "totals": timeline.totals.on_wire(),
            "permissions": permissions,
            "warnings": record.run.warnings,
        }

    async def _recorded(self, db: Session, record: RunRecord) -> Recorded:
        ids = [run.run_id for run in record.runs]
        approvals, questionnaires = await self._interventions.list_of_runs(db, run_ids=ids)
        return Recorded(
            runs=record.runs,
            steps=record.steps,
            calls=await self._usage.list_calls_of(db, run_ids=ids),
            approvals=approvals,
            questionnaires=questionnaires,
            now=self._clock.epoch(),
        )

    async def _permissions(self, db: Session, run: RunRow, recorded: Recorded) -> list[Json]:
        """The rules as they stand now, by which the person of the run may use its agents and models."""
        used: list[tuple[ObjectType, str]] = [
            *(("agent", each.agent_id) for each in recorded.runs),
            *(("provider", call.provider_id) for call in recorded.calls),
        ]
        found: list[Json] = []
        for kind, object_id in dict.fromkeys(used):
            question = Question(run.user_id, "use", kind, object_id)
            rule = await self._rules.find_rule(db, question)
            if rule is not None:
                found.append({"object": f"{kind}:{object_id}", "rule": rule})
        return found
