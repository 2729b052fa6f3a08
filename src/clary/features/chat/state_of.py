"""Where a run stands, out of what was recorded of it (stream-runtime.md 6.9)."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Literal

from clary.features.chat.config import RunConfig
from clary.features.chat.model_view import entries_of, open_calls
from clary.features.chat.offering import FINISH
from clary.features.chat.texts import NOTICES
from clary.features.conversations.service import CompactionRow, MessageRow
from clary.features.runs.service import RunStepRow
from clary.runtime.call_steps import EXPAND
from clary.runtime.context import Entry
from clary.runtime.loop import LoopState
from clary.runtime.messages import AssistantMessage
from clary.runtime.plan_gate import ASKED_BY_SERVER, decision_of
from clary.runtime.tools import Todo, TodoList
from clary.runtime.toolset import parse_arguments

Json = dict[str, Any]
Ending = Literal["finished", "need_user_input"]
CLOSING_TYPES = frozenset({"final_answer", "query_suggest", "normal"})
"""What follows the work itself."""
_CUT_SHORT = frozenset({"length", "content_filter"})
"""Why a response ended that is no whole answer; after a crash the model is asked again."""
ENDING_TOOLS: dict[str, Ending] = {FINISH: "finished", "questionnaire_async": "need_user_input"}
Phase = Literal["planning", "executing", "observing", "judging"]


class RunTodos:
    """The task list during a run: only the run itself changes it, so it is read from the database once."""

    def __init__(self, store: TodoList, items: Sequence[Todo]) -> None:
        self._store = store
        self._items = items

    async def read(self) -> Sequence[Todo]:
        """See `TodoList`."""
        return self._items

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        """See `TodoList`."""
        self._items = await self._store.upsert(items)
        return self._items


class RecordedRun:
    """The rows of a conversation and the steps of one of its runs."""

    def __init__(
        self,
        run_id: str,
        rows: Sequence[MessageRow],
        steps: Sequence[RunStepRow],
        *,
        compaction: CompactionRow | None,
        todos: TodoList,
        untold_approvals: Mapping[str, str | None] | None = None,
    ) -> None:
        self.run_id = run_id
        self.rows = rows
        self.steps = steps
        self.compaction = compaction
        self.todos = todos
        self.untold_approvals = untold_approvals or {}
        self.own = [row for row in rows if row.run_id == run_id]
        self._done = [step for step in steps if step.kind == "model" and step.status == "done"]

    def model_steps(self, *names: str) -> list[RunStepRow]:
        """Finished model steps of these names, in order."""
        return [step for step in self._done if step.name in names]

    @property
    def model_calls(self) -> int:
        """How many model calls were recorded."""
        return len(self._done)

    def calls(self, name: str) -> list[tuple[str, Json]]:
        """(id, arguments) of the run's calls of a tool."""
        found: list[tuple[str, Json]] = []
        for row in self.own:
            for call in row.tool_calls or []:
                if call["function"]["name"] == name and "index" not in call:
                    found.append((str(call["id"]), parse_arguments(str(call["function"]["arguments"])) or {}))
        return found

    def results(self) -> dict[str, MessageRow]:
        """Results of the run by call id."""
        return {row.tool_call_id: row for row in self.own if row.role == "tool" and row.tool_call_id}

    def has(self, kind: str) -> bool:
        """Whether the run has a whole message of a type."""
        return any(
            row.type == kind and row.role == "assistant" and not row.details.get("superseded") for row in self.own
        )


def state_of(record: RecordedRun, config: RunConfig, skill_texts: Mapping[str, str]) -> LoopState:
    """The loop's state at the point where the record ends."""
    compaction = record.compaction
    begun = frozenset(step.step_id for step in record.steps if step.kind == "tool" and step.status == "started")
    entries = entries_of(
        record.rows,
        run_id=record.run_id,
        accepts_images=config.accepts_images,
        after_row=compaction.covers_to if compaction is not None else 0,
        skill_texts=skill_texts,
    )
    main = record.model_steps("direct_execution")
    state = LoopState(
        entries=entries,
        summary=compaction.summary if compaction is not None else None,
        covered_rows=compaction.covers_to if compaction is not None else 0,
        rounds=sum(1 for step in main if step.detail.get("calls")),
        pending=open_calls(record.rows, run_id=record.run_id, begun=begun),
        answered=_is_answered(main, entries, record),
        analysed=bool(record.model_steps("task_analysis")),
        call_ids={str(call["id"]) for row in record.rows for call in row.tool_calls or []},
        expanded=_expanded(record),
        checks=sum(1 for row in record.own if _is_failed_check(row)),
        summarised=record.has("final_answer"),
        suggested=record.has("query_suggest"),
    )
    state.ended_by, state.report = _ended_by(record)
    if record.has("normal"):
        state.noticed = _notice_of(record)
    _add_plans(state, record)
    _add_cycles(state, record)
    return state


def _ended_by(record: RecordedRun) -> tuple[Ending | None, Json | None]:
    """The end that a call among the latest results has brought, and what a child reported by it."""
    said = [row for row in record.own if row.type not in CLOSING_TYPES and not row.hidden_from_model]
    latest = list(takewhile(lambda row: row.role == "tool", reversed(said)))
    went_well = {row.tool_call_id for row in latest if not row.is_error}
    for name, ending in ENDING_TOOLS.items():
        for call_id, arguments in record.calls(name):
            if call_id in went_well:
                return ending, arguments if ending == "finished" else None
    return None, None


def _notice_of(record: RecordedRun) -> Literal["loop_limit", "repetition", "budget"]:
    """Which cap notice was shown last; any words that are not a fixed notice tell of a budget."""
    said = [row.content for row in record.own if row.type == "normal" and row.role == "assistant"][-1]
    for kind in ("loop_limit", "repetition"):
        if said in (NOTICES[kind].zh, NOTICES[kind].en):
            return kind
    return "budget"


def _is_answered(main: Sequence[RunStepRow], entries: Sequence[Entry], record: RecordedRun) -> bool:
    if not main or main[-1].detail.get("calls") or main[-1].detail.get("finish_reason") in _CUT_SHORT:
        return False
    return _ends_with_answer(entries) and not (record.own and _is_failed_check(record.own[-1]))


def _ends_with_answer(entries: Sequence[Entry]) -> bool:
    if not entries:
        return False
    last = entries[-1].message
    return isinstance(last, AssistantMessage) and bool(last.text) and not last.tool_calls


def _is_failed_check(row: MessageRow) -> bool:
    return row.type == "observation" and row.details.get("self_check_passed") is False


def _expanded(record: RecordedRun) -> set[str]:
    results = record.results()
    found: set[str] = set()
    for call_id, arguments in record.calls(EXPAND):
        result = results.get(call_id)
        if result is not None and not result.is_error:
            found.update(str(name) for name in arguments.get("tool_names", ()))
    return found


def _add_plans(state: LoopState, record: RecordedRun) -> None:
    """How far the plan gate has come."""
    questions = [call_id for call_id, _ in record.calls("questionnaire") if call_id.startswith(ASKED_BY_SERVER)]
    planning = record.model_steps("plan_agent")
    plans = [at for at, step in enumerate(planning) if not step.detail.get("calls")]
    state.plans_asked = len(questions)
    state.plan_ready = len(plans) > len(questions)
    state.planned_calls = len(planning) - (plans[-1] + 1 if plans else 0)
    results = record.results()
    answered = [results[call_id] for call_id in questions if call_id in results]
    if answered and len(answered) == len(questions):
        state.plan_decision = decision_of(answered[-1].content)


def _add_cycles(state: LoopState, record: RecordedRun) -> None:
    """How far mode `multi` has come."""
    steps = record.model_steps("planning", "task_execution", "observation")
    if not steps:
        return
    last = steps[-1]
    phase: Phase = "executing"
    if last.name == "task_execution" and not last.detail.get("calls"):
        phase = "observing"
    elif last.name == "observation":
        phase = "observing" if state.pending else "judging"
    state.phase = phase
    observed = sum(1 for step in steps if step.name == "observation")
    state.cycle = max(0, observed - 1) if phase == "judging" else observed
    for step in reversed(steps):
        if step.name == "planning":
            break
        if step.name == "task_execution" and step.detail.get("calls"):
            state.phase_rounds += 1
