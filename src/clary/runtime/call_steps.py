"""Runs the open calls of a run and takes what they came to into its context."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from clary.runtime.context import Entry
from clary.runtime.events import LoopEnd, RunEvent, ToolStepDone
from clary.runtime.messages import ToolMessage, UserMessage
from clary.runtime.plan import LoopPlan, LoopState
from clary.runtime.repetition import RepetitionWatch
from clary.runtime.skill_texts import skill_entry
from clary.runtime.toolset import parse_arguments

Ending = Literal["finished", "need_user_input"]
LOAD_SKILL = "load_skill"
EXPAND = "tool_expand_tools"

REMINDER = UserMessage(
    "<server_facts>The same call gave the same result three times. Try another way, or answer now.</server_facts>"
)


class CallSteps:
    """The tool calls of one execution."""

    def __init__(self, plan: LoopPlan, state: LoopState) -> None:
        self._plan = plan
        self._state = state
        self._ends: dict[str, Ending | None] = {tool.spec.name: tool.spec.ends_run for tool in plan.tools}
        self._repetition = RepetitionWatch(state.entries)
        self.ended_by: Ending | None = state.ended_by
        """A call that ends the run has succeeded."""
        self.report: dict[str, Any] | None = state.report
        """What `sys_finish_task` reported."""
        self.results: list[ToolStepDone] = []
        """Results of the latest `run`, in the model's order."""

    @property
    def is_stuck(self) -> bool:
        """The same call gave the same result five times."""
        return self._repetition.is_stuck()

    @property
    def end(self) -> LoopEnd | None:
        """The end of the run that a call has brought."""
        if self.ended_by is None:
            return None
        return "answered" if self.ended_by == "finished" else "need_user_input"

    async def run(self, only: frozenset[str] | None = None) -> AsyncGenerator[RunEvent]:
        """Runs the open calls; their results enter the context in the model's order.

        A phase that has some tools `only` refuses the others; at work those of the planning are refused.
        """
        pending, self._state.pending = self._state.pending, []
        self.ended_by = self.report = None
        results: dict[str, ToolStepDone] = {}
        elsewhere = self._plan.planning_only

        def allowed(name: str) -> bool:
            return name not in elsewhere if only is None else name in only

        async with aclosing(self._plan.runner.run(pending, allowed)) as events:
            async for event in events:
                if isinstance(event, ToolStepDone):
                    results[event.call.id] = event
                yield event
        self.results = [results[item.call.id] for item in pending]
        self._repetition.begin()
        for item, done in zip(pending, self.results, strict=True):
            self._state.entries.append(Entry(ToolMessage(item.call.id, done.model_text)))
            self._repetition.saw(item.call, done.model_text)
        for done in self.results:
            if not done.is_error:
                await self._take_effect(done)
        if self._repetition.wants_reminder():
            self._state.entries.append(Entry(REMINDER))

    async def _take_effect(self, done: ToolStepDone) -> None:
        """What a successful call changes for the rest of the run."""
        name, arguments = done.call.name, parse_arguments(done.call.arguments) or {}
        if name == LOAD_SKILL and self._plan.skills is not None:
            skill = str(arguments.get("skill_name", "")).strip()
            text = await self._plan.skills.read(skill)
            if text is not None:
                self._state.entries.append(skill_entry(skill, text))
        elif name == EXPAND:
            self._state.expanded.update(str(each) for each in arguments.get("tool_names", ()))
        ends = self._ends.get(name)
        if ends is not None:
            self.ended_by = ends
            self.report = arguments if ends == "finished" else None
