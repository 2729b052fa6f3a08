"""The plan gate: plan with reading tools only, then ask the person (stream-runtime.md 9.6)."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, cast

from clary.runtime.call_steps import CallSteps
from clary.runtime.context import Entry
from clary.runtime.events import AnnouncedCall, RunEvent, RunFailedError, ServerCalled, ToolStepDone
from clary.runtime.messages import AssistantMessage, ToolCall
from clary.runtime.model_steps import ModelSteps
from clary.runtime.plan import LoopPlan, LoopState, Questions
from clary.runtime.rounds import Rounds
from clary.runtime.tool_runner import PendingCall

MAX_REPLANS: Final = 5
MAX_CALLS: Final = 10
READING_TOOLS: Final = frozenset(
    {
        "file_read",
        "search_memory",
        "search_knowledge_base",
        "fetch_webpages",
        "search_web_page",
        "load_skill",
        "questionnaire",
        "todo_write",
        "todo_read",
    }
)
ASKED_BY_SERVER: Final = "call_plan_"
"""How the ids of the server's questions begin: what a model asks in the same words decides nothing."""
EXECUTE: Final = "execute_plan"
AGAIN: Final = ("adjust_plan", "add_requirements")
_ORDER: Final = (
    "Make a plan for the request; do not carry it out yet. Read what you need with the tools you have, then answer "
    "with the plan alone: a short goal and numbered steps. The person will be asked whether to execute it."
)
_PLAN_NOW: Final = " Answer with the plan now, without any tool."
_STEP: Final = re.compile(r"^\s*(?:\d{1,3}[.)、]|[-*])\s+(.{1,300})$", re.MULTILINE)


class PlanGate:
    """Asks for plans until one is accepted; `ends` tells that the run ends without."""

    def __init__(
        self,
        plan: LoopPlan,
        state: LoopState,
        models: ModelSteps,
        calls: CallSteps,
        rounds: Rounds,
        questions: Questions,
    ) -> None:
        self._plan = plan
        self._state = state
        self._models = models
        self._calls = calls
        self._rounds = rounds
        self._questions = questions

    @property
    def ends(self) -> bool:
        """The person did not accept a plan: the run waits for their next message."""
        decision = self._state.plan_decision
        return decision is not None and decision != EXECUTE and (decision not in AGAIN or self._is_last)

    @property
    def _is_last(self) -> bool:
        return self._state.plans_asked > MAX_REPLANS

    async def run(self) -> AsyncGenerator[RunEvent]:
        """Events until a plan is accepted or `ends`.

        Raises:
            RunFailedError
        """
        while self._state.plan_decision != EXECUTE and not self.ends:
            step = self._think
            if self._state.pending:
                step = self._tools
            elif self._state.plan_ready:
                step = self._ask
            async with aclosing(step()) as events:
                async for event in events:
                    yield event
            if self.ends:
                # What the person said meanwhile is their answer to the plan.
                async with aclosing(self._rounds.guidance()) as events:
                    async for event in events:
                        self._state.plan_decision = None
                        yield event

    async def _think(self) -> AsyncGenerator[RunEvent]:
        async with aclosing(self._rounds.guidance()) as events:
            async for event in events:
                yield event
        state = self._state
        state.planned_calls += 1
        last = state.planned_calls >= MAX_CALLS
        tools = [] if last else self._models.offered_for_planning(READING_TOOLS)
        order = _ORDER + (_PLAN_NOW if last else "")
        async with aclosing(self._models.speak("plan_agent", tools, order)) as events:
            async for event in events:
                yield event
        said = self._models.response
        if said.asked:
            self._models.take_calls()
        elif said.text.strip():
            self._models.take_text()
            state.plan_ready = True
        elif last:
            raise RunFailedError("empty_response")

    async def _ask(self) -> AsyncGenerator[RunEvent]:
        """The server asks, not the model; everybody sees the call, the model too."""
        call = self._questions.plan_confirmation()
        announced = AnnouncedCall(self._plan.new_id(), call)
        self._state.entries.append(Entry(AssistantMessage("", (call,))))
        self._state.pending = [PendingCall(call)]
        self._state.plan_ready, self._state.planned_calls = False, 0
        self._state.plans_asked += 1
        self._state.plan_decision = None
        yield ServerCalled(announced)

    async def _tools(self) -> AsyncGenerator[RunEvent]:
        async with aclosing(self._calls.run(READING_TOOLS)) as events:
            async for event in events:
                yield event
        for done in self._calls.results:
            decision = plan_decision(done)
            if decision is not None:
                self._state.plan_decision = decision
                if decision == EXECUTE:
                    await self._make_list()

    async def _make_list(self) -> None:
        """The steps of the accepted plan become the task list."""
        text = next(
            (
                entry.message.text
                for entry in reversed(self._state.entries)
                if isinstance(entry.message, AssistantMessage) and entry.message.text
            ),
            "",
        )
        steps = [found.strip() for found in _STEP.findall(text)][:50]
        if steps:
            await self._plan.todos.upsert(
                [{"id": str(at), "content": step, "status": "pending"} for at, step in enumerate(steps, 1)]
            )


def plan_decision(done: ToolStepDone) -> str | None:
    """What the person said to a plan; `""` for no answer, None for any other result."""
    return decision_of(done.content) if is_plan_question(done.call) else None


def decision_of(content: Any) -> str:
    """What a result of the server's question says; `""` for no answer."""
    if not isinstance(content, dict):
        return ""
    result = cast("dict[str, Any]", content)
    answers = cast("dict[str, Any]", result.get("answers") or {})
    return "" if result.get("is_auto_submit") else str(answers.get("decision") or "")


def is_plan_question(call: ToolCall) -> bool:
    """Whether a call is the server's question for a plan."""
    return call.name == "questionnaire" and call.id.startswith(ASKED_BY_SERVER)
