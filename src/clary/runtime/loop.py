"""One execution of a run: the phases of its mode in order (stream-runtime.md 9.2).

Knows no wire format, no database, no vendor: whoever drives it makes each event durable before asking for the next,
so every step is recorded before it has an effect.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from clary.runtime.call_steps import CallSteps
from clary.runtime.closing import Closing
from clary.runtime.events import LoopEnd, LoopEnded, Noticed, RunEvent
from clary.runtime.model import BudgetSpentError
from clary.runtime.model_steps import ModelSteps
from clary.runtime.multi_mode import MultiMode
from clary.runtime.plan import LoopPlan, LoopState
from clary.runtime.plan_gate import PlanGate
from clary.runtime.rounds import Rounds

__all__ = ["AgentLoop", "LoopPlan", "LoopState"]

Phase = Callable[[], AsyncGenerator[RunEvent]]


class AgentLoop:
    """See the module."""

    def __init__(self, plan: LoopPlan, state: LoopState) -> None:
        self._plan = plan
        self._state = state
        self._models = ModelSteps(plan, state)
        self._calls = CallSteps(plan, state)
        self._rounds = Rounds(plan, state, self._models, self._calls)
        self._closing = Closing(plan, state, self._models)
        self._end: LoopEnd | None = state.noticed

    async def run(self) -> AsyncGenerator[RunEvent]:
        """Events in order, ending with `LoopEnded`.

        Raises:
            RunFailedError: the model failed for good, or a limit was reached.
        """
        try:
            for phase in (self._analysis, self._gate, self._work, self._close):
                async with aclosing(phase()) as events:
                    async for event in events:
                        yield event
        except BudgetSpentError as spent:
            # What was said stands; only what would have followed is left out.
            if self._end is None:
                self._end = "budget"
                yield Noticed(self._plan.new_id(), "budget", spent.notice)
        assert self._end is not None
        yield LoopEnded(self._end, self._closing.answer(), self._calls.report)

    async def _analysis(self) -> AsyncGenerator[RunEvent]:
        """One `task_analysis` message, visible to the model afterwards."""
        if not self._plan.analyse_first or self._state.analysed:
            return
        request = self._models.analysis_request()
        async with aclosing(self._models.respond("task_analysis", request, "task_analysis")) as events:
            async for event in events:
                yield event
        self._models.take_text()
        self._state.analysed = True

    async def _gate(self) -> AsyncGenerator[RunEvent]:
        if self._plan.plan_first is None or self._end is not None:
            return
        gate = PlanGate(self._plan, self._state, self._models, self._calls, self._plan.plan_first)
        async with aclosing(gate.run()) as events:
            async for event in events:
                yield event
        if gate.ends:
            self._end = "need_user_input"

    async def _work(self) -> AsyncGenerator[RunEvent]:
        if self._end is not None:
            return
        if self._plan.mode == "multi":
            multi = MultiMode(self._plan, self._state, self._models, self._calls, self._rounds)
            async with aclosing(multi.run()) as events:
                async for event in events:
                    yield event
            self._end = multi.end
            return
        while self._end is None:
            async with aclosing(self._rounds.run()) as events:
                async for event in events:
                    yield event
            self._end = self._rounds.end
            if self._end == "answered" and self._calls.report is None:
                async with aclosing(self._closing.check()) as events:
                    async for event in events:
                        yield event
                if self._closing.found_faults:
                    self._end = None

    async def _close(self) -> AsyncGenerator[RunEvent]:
        if self._end == "budget":
            return
        phases: list[Phase] = []
        is_mute = self._plan.must_report and self._calls.report is None and not self._closing.answer()
        if self._plan.mode == "multi" or self._plan.force_summary or is_mute:
            phases.append(self._closing.summarise)
        phases.append(self._closing.suggest)
        for phase in phases:
            async with aclosing(phase()) as events:
                async for event in events:
                    yield event
