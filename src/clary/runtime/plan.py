"""What a run was resolved to, where it stands, and what the loop needs from the world."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from clary.runtime.context import ContextBudget, Entry
from clary.runtime.events import RunFailedError
from clary.runtime.messages import ToolCall, ToolSpec
from clary.runtime.model import ModelClient, Thinking
from clary.runtime.prompt import Instructions
from clary.runtime.tool_runner import PendingCall, ToolRunner
from clary.runtime.tools import SkillShelf, TodoList, Tool

MAX_MODEL_CALLS = 500

Mode = Literal["simple", "fibre", "team", "multi"]


class Moments(Protocol):
    """The clock of the loop."""

    def now(self) -> datetime:
        """The present moment."""
        ...


class CallMeter:
    """Model calls of a root run and its children together (stream-runtime.md 9.3, limits)."""

    def __init__(self, used: int = 0) -> None:
        self._used = used

    def add(self, calls: int) -> None:
        """Takes calls that an earlier process made."""
        self._used += calls

    def count(self) -> None:
        """Takes one call.

        Raises:
            RunFailedError: `limit`, when none is left.
        """
        self._used += 1
        if self._used > MAX_MODEL_CALLS:
            raise RunFailedError("limit")


@dataclass(frozen=True, slots=True)
class GuidanceItem:
    """Something the person said while the run was under way (stream-runtime.md 9.14)."""

    guidance_id: str
    message_id: str
    content: Any
    """Text, or parts as the wire has them."""
    entry: Entry
    """The same as the model sees it."""


class Guidance(Protocol):
    """What the person sent during the run."""

    async def take(self) -> Sequence[GuidanceItem]:
        """Pending items in order; whoever makes the event durable removes them with it."""
        ...


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a self-check found wrong: a text for person and model, and the files it looked at."""

    text: str
    files: tuple[str, ...]


class SelfCheck(Protocol):
    """Looks at what a run wrote (stream-runtime.md 9.11)."""

    async def check(self, calls: Sequence[tuple[ToolCall, str]], answer: str) -> CheckReport | None:
        """None when nothing is wrong; `calls` are the run's successful calls with their results."""
        ...


class Questions(Protocol):
    """Makes the server's own questions."""

    def plan_confirmation(self) -> ToolCall:
        """A `questionnaire` call that asks whether a plan may be carried out (stream-runtime.md 9.6)."""
        ...


CompleteArguments = Callable[[ToolCall], ToolCall]
"""Adds what the server knows to a call before everybody sees it (stream-runtime.md 4.5 rule 7)."""

MoreFacts = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Further volatile facts: (label, text)."""


def as_called(call: ToolCall) -> ToolCall:
    """A call as the model made it."""
    return call


async def no_more_facts() -> Sequence[tuple[str, str]]:
    """None."""
    return ()


@dataclass(slots=True)
class LoopPlan:
    """Everything a run was resolved to; does not change while it runs."""

    model: ModelClient
    judge_model: ModelClient
    instructions: Instructions
    tools: Sequence[Tool]
    """What is offered to the model; the runner may know more, which only the server calls."""
    runner: ToolRunner
    todos: TodoList
    budget: ContextBudget
    clock: Moments
    new_id: Callable[[], str]
    max_loop_count: int
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    thinking: Thinking = field(default_factory=Thinking)
    mode: Mode = "simple"
    analyse_first: bool = False
    """One `task_analysis` before the loop: deep thinking with a model that has no switch for it (9.10)."""
    plan_first: Questions | None = None
    """The plan gate: plan with reading tools, then ask the person (9.6)."""
    force_summary: bool = False
    more_suggest: bool = False
    stream_call_deltas: bool = False
    interrupt_note: str | None = None
    must_report: bool = False
    """A child: where no text was said, one summary says it for the parent (9.7)."""
    meter: CallMeter = field(default_factory=CallMeter)
    guidance: Guidance | None = None
    self_check: SelfCheck | None = None
    skills: SkillShelf | None = None
    deferred_tools: frozenset[str] = frozenset()
    """Tools that are only named until the model asks for their schemas (9.5, many tools)."""
    planning_only: frozenset[str] = frozenset()
    """Tools that are offered in the plan gate and nowhere else (9.5)."""
    complete: CompleteArguments = as_called
    more_facts: MoreFacts = no_more_facts

    @property
    def specs(self) -> list[ToolSpec]:
        """Every offered tool."""
        return [tool.spec for tool in self.tools]


@dataclass(slots=True)
class LoopState:
    """Where the run stands. After a crash it is rebuilt from what was recorded."""

    entries: list[Entry]
    summary: str | None = None
    covered_rows: int = 0
    """Last row of the message store that the summary stands for."""
    rounds: int = 0
    pending: list[PendingCall] = field(default_factory=list[PendingCall])
    answered: bool = False
    """The last recorded response had no calls: only the decision is left."""
    ended_by: Literal["finished", "need_user_input"] | None = None
    """A call that ends the run has succeeded, and nothing came after it."""
    report: dict[str, Any] | None = None
    """What `sys_finish_task` reported, if that was the call."""
    analysed: bool = False
    call_ids: set[str] = field(default_factory=set[str])
    """Ids of every call of the session so far: some providers count anew in each response."""
    expanded: set[str] = field(default_factory=set[str])
    plans_asked: int = 0
    """Plans that were put before the person."""
    planned_calls: int = 0
    """Model calls for the present plan."""
    plan_ready: bool = False
    """A plan stands there and was not put before the person yet."""
    plan_decision: str | None = None
    """What the person said to the latest plan; None before."""
    checks: int = 0
    """Failed self-checks."""
    cycle: int = 0
    """Finished cycles of mode `multi`."""
    phase: Literal["planning", "executing", "observing", "judging"] = "planning"
    phase_rounds: int = 0
    """Rounds of the present step of mode `multi`."""
    noticed: Literal["loop_limit", "repetition", "budget"] | None = None
    """A cap notice was sent; only what follows it is left."""
    summarised: bool = False
    suggested: bool = False
