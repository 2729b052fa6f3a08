"""Mode `multi`: plan the next step, execute it, observe, judge; over and over (stream-runtime.md 9.2)."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from clary.kit import json_text
from clary.runtime.call_steps import CallSteps
from clary.runtime.events import AnswerType, LoopEnd, RunEvent
from clary.runtime.messages import SystemMessage, ToolSpec, UserMessage
from clary.runtime.model import ModelFailedError
from clary.runtime.model_steps import ModelSteps, last_user_text
from clary.runtime.plan import LoopPlan, LoopState
from clary.runtime.rounds import Rounds

MAX_ROUNDS_PER_STEP: Final = 10
OBSERVING_TOOLS: Final = frozenset({"todo_write"})
PLANNING: Final = (
    "State the next step towards the goal in one or two sentences: what will be done and how you will know that it "
    "worked. Do not do it yet."
)
EXECUTING: Final = "Carry out the planned step now with your tools, then say in words what came of it."
OBSERVING: Final = (
    "Compare what was done with the goal: what is achieved, what is missing, what went wrong. Keep the task list "
    "current. Do not do further work."
)
JUDGE: Final = (
    "You judge the progress of an agent. Reply with one JSON object only: "
    '{"completion_status": "in_progress" | "completed" | "need_user_input" | "failed", '
    '"finish_percent": 0..100, "reason": "…"}.'
)
_OBJECT: Final = re.compile(r"\{.*\}", re.DOTALL)
_STATUSES: Final = ("in_progress", "completed", "need_user_input", "failed")


class MultiMode:
    """The cycles of mode `multi`; `end` says how they ended."""

    def __init__(self, plan: LoopPlan, state: LoopState, models: ModelSteps, calls: CallSteps, rounds: Rounds) -> None:
        self._plan = plan
        self._state = state
        self._models = models
        self._calls = calls
        self._rounds = rounds
        self._unread = 0
        self.end: LoopEnd | None = None

    async def run(self) -> AsyncGenerator[RunEvent]:
        """Events until `end` is set.

        Raises:
            RunFailedError
        """
        self.end = None if self._state.pending else self._calls.end
        while self.end is None:
            step: Callable[[], AsyncGenerator[RunEvent]] = {
                "planning": self._plan_next,
                "executing": self._execute,
                "observing": self._observe,
                "judging": self._judge,
            }[self._state.phase]
            if self._state.pending:
                step = self._tools
            async with aclosing(step()) as events:
                async for event in events:
                    yield event

    async def _plan_next(self) -> AsyncGenerator[RunEvent]:
        async with aclosing(self._speak("planning", (), PLANNING, "planning")) as events:
            async for event in events:
                yield event
        self._models.take_text()
        self._state.phase, self._state.phase_rounds = "executing", 0

    async def _speak(
        self, step_name: str, tools: Sequence[ToolSpec], order: str, answer_type: AnswerType = "do_subtask_result"
    ) -> AsyncGenerator[RunEvent]:
        """A phase's call; what the person said meanwhile comes before it."""
        async with aclosing(self._rounds.guidance()) as events:
            async for event in events:
                yield event
        async with aclosing(self._models.speak(step_name, tools, order, answer_type)) as events:
            async for event in events:
                yield event

    async def _execute(self) -> AsyncGenerator[RunEvent]:
        async with aclosing(self._speak("task_execution", self._models.offered(), EXECUTING)) as events:
            async for event in events:
                yield event
        if self._models.response.asked:
            self._models.take_calls()
            self._state.phase_rounds += 1
        else:
            self._models.take_text()
            self._state.phase = "observing"

    async def _tools(self) -> AsyncGenerator[RunEvent]:
        only = OBSERVING_TOOLS if self._state.phase == "observing" else None
        async with aclosing(self._calls.run(only)) as events:
            async for event in events:
                yield event
        self.end = self._calls.end or ("repetition" if self._calls.is_stuck else None)
        if self.end is not None:
            return
        if self._state.phase == "executing" and self._state.phase_rounds >= MAX_ROUNDS_PER_STEP:
            self._state.phase = "observing"
        elif self._state.phase == "observing":
            self._state.phase = "judging"

    async def _observe(self) -> AsyncGenerator[RunEvent]:
        tools = [spec for spec in self._models.offered() if spec.name in OBSERVING_TOOLS]
        async with aclosing(self._speak("observation", tools, OBSERVING, "observation")) as events:
            async for event in events:
                yield event
        if self._models.response.asked:
            self._models.take_calls()
        else:
            self._models.take_text()
            self._state.phase = "judging"

    async def _judge(self) -> AsyncGenerator[RunEvent]:
        state = self._state
        state.cycle += 1
        status = "in_progress"
        try:
            text, usage = await self._models.ask(self._judged())
            yield self._models.silent("task_completion_judge", usage)
            status = self._verdict(text)
        except ModelFailedError as error:
            yield self._models.silent("task_completion_judge", error.usage, error.kind)
            status = self._verdict("")
        state.phase = "planning"
        if status == "need_user_input":
            self.end = "need_user_input"
        elif status in ("completed", "failed"):
            self.end = "answered"
        elif state.cycle >= self._plan.max_loop_count:
            self.end = "loop_limit"

    def _judged(self) -> list[SystemMessage | UserMessage]:
        done = "\n".join(
            f"{type(entry.message).__name__}: {getattr(entry.message, 'text', None) or entry.message}"[:2000]
            for entry in self._state.entries[-12:]
            if entry.of_this_run
        )
        goal = last_user_text(self._state.entries)
        return [SystemMessage(JUDGE), UserMessage(f"Goal:\n{goal}\n\nLatest work:\n{done}")]

    def _verdict(self, text: str) -> str:
        """The judge's word; unreadable counts as `in_progress` once, then as `completed` (9.18)."""
        found = _OBJECT.search(text)
        try:
            status = json_text.loads(found.group())["completion_status"] if found else None
        except (ValueError, KeyError, TypeError):
            status = None
        if status in _STATUSES:
            self._unread = 0
            return str(status)
        self._unread += 1
        return "in_progress" if self._unread == 1 else "completed"
