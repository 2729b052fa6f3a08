"""A run as a list of steps (platform.md 12.4). No I/O; arguments, results and texts are not part of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clary.features.interventions.service import ApprovalRow, QuestionnaireRow
from clary.features.runs.service import RunRow, RunStepRow, is_active
from clary.features.usage.service import UsageRow
from clary.kit.clock import wire_time

Json = dict[str, Any]
COMPACTION = "history_compaction"
STOPPED = ("interrupted", "replaced")
FIGURES = ("provider_id", "model", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost")
OF_ERROR = {"INTERRUPTED": "interrupted", "OUTCOME_UNKNOWN": "unknown"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything that is known of a run and its children; the run that was asked for comes first."""

    runs: Sequence[RunRow]
    steps: Sequence[RunStepRow]
    calls: Sequence[UsageRow]
    approvals: Sequence[ApprovalRow]
    questionnaires: Sequence[QuestionnaireRow]
    now: float


@dataclass(slots=True)
class Totals:
    """What all steps come to."""

    model_calls: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: Decimal | None = None
    currency: str | None = None
    model_ms: int = 0
    tool_ms: int = 0
    waiting_ms: int = 0

    def add_call(self, row: UsageRow) -> None:
        """Adds a booked call."""
        self.model_calls += 1
        self.input_tokens += row.input_tokens
        self.output_tokens += row.output_tokens
        self.cached_tokens += row.cached_tokens
        self.model_ms += row.duration_ms or 0
        if row.cost is not None:
            self.cost = (self.cost or Decimal(0)) + Decimal(row.cost)
            self.currency = row.currency

    def on_wire(self) -> Json:
        """As clients see it."""
        names = ("model_calls", "tool_calls", "input_tokens", "output_tokens", "cached_tokens")
        times = ("model_ms", "tool_ms", "waiting_ms")
        return {
            **{name: getattr(self, name) for name in names},
            "cost": None if self.cost is None else float(self.cost),
            "currency": self.currency,
            **{name: getattr(self, name) for name in times},
        }


@dataclass(slots=True)
class Timeline:
    """Makes steps of what was recorded."""

    recorded: Recorded
    totals: Totals = field(default_factory=Totals)

    def steps(self) -> list[Json]:
        """All steps, as they began; each after the one it belongs to. Fills `totals`."""
        runs = {run.run_id: run for run in self.recorded.runs}
        asked = self.recorded.runs[0].run_id
        found: list[tuple[float, int, Json]] = []
        parent_of: Callable[[str], str | None] = lambda run_id: None if run_id == asked else run_id  # noqa: E731
        for position, step in enumerate(
            (
                *self._children(asked),
                *(self._step(runs[row.run_id], row, parent_of(row.run_id)) for row in self.recorded.steps),
                *self._unrecorded_calls(parent_of),
                *self._waits(runs),
            )
        ):
            found.append((step.pop("began"), position, step))
        for row in self.recorded.calls:
            self.totals.add_call(row)
        return [step for _, _, step in sorted(found, key=lambda each: each[:2])]

    def _children(self, asked: str) -> Iterable[Json]:
        for run in self.recorded.runs[1:]:
            call = step_id(run.parent_run_id or asked, run.parent_call_id) if run.parent_call_id else None
            began, ended = run.started_at or run.created_at, run.ended_at
            yield self._shape(
                id=run.run_id,
                parent_id=call,
                run=run,
                kind="child_run",
                name=run.agent_name,
                status=_status_of_run(run),
                began=began.timestamp(),
                ended=ended.timestamp() if ended is not None else None,
                detail={"agent_id": run.agent_id, "end_reason": run.end_reason},
            )

    def _step(self, run: RunRow, row: RunStepRow, parent_id: str | None) -> Json:
        is_tool = row.kind == "tool"
        status = _status_of_step(run, row)
        ended = row.ended_at
        if ended is None and not is_active(run.status) and run.ended_at is not None:
            ended = run.ended_at.timestamp()
        if is_tool:
            self.totals.tool_calls += 1
            self.totals.tool_ms += _milliseconds(row.started_at, ended if ended is not None else self.recorded.now)
        return self._shape(
            id=step_id(row.run_id, row.step_id),
            parent_id=parent_id,
            run=run,
            kind="tool" if is_tool else "model",
            name=row.name,
            status=status,
            began=row.started_at,
            ended=ended,
            lines=(row.line_from, row.line_to),
            attempt=row.attempt,
            detail=self._tool_detail(row) if is_tool else _model_detail(run, row, status),
        )

    def _tool_detail(self, row: RunStepRow) -> Json:
        detail: Json = {
            "tool": row.name,
            "tool_call_id": row.step_id,
            "effect": row.effect,
            "result_bytes": row.detail.get("result_bytes"),
        }
        asked = [
            each for each in self.recorded.approvals if (each.run_id, each.tool_call_id) == (row.run_id, row.step_id)
        ]
        if asked:
            detail["approval_id"] = asked[-1].approval_id
        for name in ("error_type", "passages"):
            if name in row.detail:
                detail[name] = row.detail[name]
        return detail

    def _unrecorded_calls(self, parent_of: Callable[[str], str | None]) -> Iterable[Json]:
        """Calls that stream nothing have no step of their own, only a row of the ledger: judges, summaries."""
        runs = {run.run_id: run for run in self.recorded.runs}
        known = {(row.run_id, row.name) for row in self.recorded.steps if row.kind == "model"}
        for call in self.recorded.calls:
            run = runs.get(call.run_id or "")
            if run is None or (run.run_id, call.step_name) in known:
                continue
            ended = call.at.timestamp()
            detail: Json = {name: getattr(call, name) for name in FIGURES} | {"step_name": call.step_name}
            # What only a stream has (platform.md 12.4).
            detail |= {"finish_reason": None, "first_token_ms": None}
            if call.outcome == "error":
                detail["error_kind"] = call.note
            yield self._shape(
                id=f"{run.run_id}:call_{call.id}",
                parent_id=parent_of(run.run_id),
                run=run,
                kind="compaction" if call.step_name == COMPACTION else "model",
                name=call.step_name,
                status={"ok": "ok", "error": "error"}.get(call.outcome, "interrupted"),
                began=ended - (call.duration_ms or 0) / 1000,
                ended=ended,
                attempt=call.attempt,
                detail=detail | {"cost": None if call.cost is None else float(call.cost)},
            )

    def _waits(self, runs: dict[str, RunRow]) -> Iterable[Json]:
        waits = [
            *(
                (each, "approval", each.approval_id, each.requested_at, each.decided_at)
                for each in self.recorded.approvals
            ),
            *(
                (each, "questionnaire", each.questionnaire_id, each.opened_at, each.submitted_at)
                for each in self.recorded.questionnaires
                # An answer to an approval is the wait of the approval.
                if each.approval_id is None
            ),
        ]
        for row, kind, wait_id, began, ended in waits:
            run = runs[row.run_id]
            if ended is None and not is_active(run.status) and run.ended_at is not None:
                ended = run.ended_at.timestamp()
            self.totals.waiting_ms += _milliseconds(began, ended if ended is not None else self.recorded.now)
            answered = row.decision if isinstance(row, ApprovalRow) else row.status
            yield self._shape(
                id=f"{run.run_id}:wait_{wait_id}",
                parent_id=step_id(run.run_id, row.tool_call_id),
                run=run,
                kind="wait",
                name=kind,
                status="running" if ended is None else "interrupted" if answered in (None, "pending") else "ok",
                began=began,
                ended=ended,
                detail={"kind": kind, "id": wait_id},
            )

    def _shape(
        self,
        *,
        id: str,
        parent_id: str | None,
        run: RunRow,
        kind: str,
        name: str,
        status: str,
        began: float,
        ended: float | None,
        detail: Json,
        lines: tuple[int | None, int | None] = (None, None),
        attempt: int = 1,
    ) -> Json:
        return {
            "id": id,
            "parent_id": parent_id,
            "run_id": run.run_id,
            "session_id": run.session_id,
            "kind": kind,
            "name": name,
            "status": status,
            "started_at": _moment(began),
            "ended_at": None if ended is None else _moment(ended),
            "duration_ms": _milliseconds(began, ended if ended is not None else self.recorded.now),
            "line_from": lines[0],
            "line_to": lines[1],
            "attempt": attempt,
            "detail": detail,
            "began": began,
        }


def step_id(run_id: str, recorded_id: str | None) -> str:
    """Ids of recorded steps are unique in their run only."""
    return f"{run_id}:{recorded_id}"


def _model_detail(run: RunRow, row: RunStepRow, status: str) -> Json:
    detail: Json = {name: row.detail.get(name) for name in FIGURES}
    detail |= {name: row.detail.get(name) for name in ("finish_reason", "first_token_ms")}
    detail["step_name"] = row.name
    detail["cost"] = None if detail["cost"] is None else float(detail["cost"])
    if status == "error" and run.error_info is not None:
        detail["error_kind"] = run.error_info.get("kind")
    return detail


def _status_of_step(run: RunRow, row: RunStepRow) -> str:
    if row.status == "done":
        return "ok"
    if row.status == "error":
        return OF_ERROR.get(row.detail.get("error_type", ""), "error")
    if is_active(run.status):
        return "running"
    if run.status in STOPPED:
        return "interrupted"
    return "error" if run.status == "failed" else "unknown"


def _status_of_run(run: RunRow) -> str:
    if is_active(run.status):
        return "running"
    return {"completed": "ok", "failed": "error"}.get(run.status, "interrupted")


def _moment(epoch: float) -> str | None:
    return wire_time(datetime.fromtimestamp(epoch, UTC))


def _milliseconds(began: float, ended: float) -> int:
    return max(0, round((ended - began) * 1000))
