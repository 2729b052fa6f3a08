"""One execution of a run: the phases of its mode in order (stream-runtime.md 9.2).

Knows no wire format, no database, no vendor: whoever drives it makes each event durable before asking for the next,
so every step is recorded before it has an effect.
"""

from collections.abc import AsyncGenerator
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


class AgentLoop:
    """See the module."""

    def __init__(self, plan: LoopPlan, state: LoopState) -> None:
        self._plan = plan
        self._state = state
        self._models = ModelSteps(plan, state)
        self._calls = CallSteps(plan, state)
        self._rounds = Rounds(plan, state, self._models, self._calls)
        self._multi = MultiMode(plan, state, self._models, self._calls, self._rounds)
        self._closing = Closing(plan, state, self._models)
        self._end: LoopEnd | None = state.noticed

    async def run(self) -> AsyncGenerator[RunEvent]:
        """Events in order, ending with `LoopEnded`.

        Raises:
            RunFailedError: the model failed for good, or a limit was reached.
        """
        try:
            for phase in (self._analysis, self._gate, self._until_nothing_is_left, self._notice, self._suggest):
                async with aclosing(phase()) as events:
                    async for event in events:
                        yield event
        except BudgetSpentError as spent:
            # What was said stands; only what would have followed is left out.
            if self._end is None:
                self._end = self._state.noticed = "budget"
                yield Noticed(self._plan.new_id(), "budget", spent.notice)
            async with aclosing(self._notice()) as events:
                async for event in events:
                    yield event
        assert self._end is not None
        yield LoopEnded(self._end, self._closing.answer(), self._calls.report)

    async def _analysis(self) -> AsyncGenerator[RunEvent]:
        """One `task_analysis` message, visible to the model afterwards."""
        if not self._plan.analyse_first or self._state.analysed:
            return
        async with aclosing(self._rounds.guidance()) as events:
            async for event in events:
                yield event
        request = self._models.analysis_request()
        async with aclosing(self._models.respond("task_analysis", request, "task_analysis")) as events:
            async for event in events:
                yield event
        self._models.take_text()
        self._state.analysed = True

    async def _gate(self) -> AsyncGenerator[RunEvent]:
        if self._plan.plan_first is None or self._end is not None:
            return
        gate = PlanGate(self._plan, self._state, self._models, self._calls, self._rounds, self._plan.plan_first)
        async with aclosing(gate.run()) as events:
            async for event in events:
                yield event
        if gate.ends:
            self._end = "need_user_input"

    async def _until_nothing_is_left(self) -> AsyncGenerator[RunEvent]:
        """The work and its summary, again as long as the person says something before the end (9.14)."""
        while self._state.noticed is None:
            # Writing suggestions takes a call of a model, long enough for another word.
            for step in (self._work, self._summary, self._late_words, self._early_suggestions, self._late_words):
                async with aclosing(step()) as events:
                    async for event in events:
                        yield event
                if self._end is None:
                    break
            else:
                return

    async def _late_words(self) -> AsyncGenerator[RunEvent]:
        """What was said meanwhile comes before any end but those of a limit."""
        if self._end not in ("answered", "need_user_input"):
            return
        async with aclosing(self._rounds.guidance()) as events:
            async for event in events:
                self._end = self._calls.ended_by = None
                self._state.answered = self._state.summarised = False
                self._closing.drop_suggestions()
                yield event

    async def _work(self) -> AsyncGenerator[RunEvent]:
        while self._end is None:
            work = self._multi if self._plan.mode == "multi" else self._rounds
            async with aclosing(work.run()) as events:
                async for event in events:
                    yield event
            self._end = work.end
            if self._plan.mode != "multi" and self._end == "answered" and self._calls.report is None:
                async with aclosing(self._closing.check()) as events:
                    async for event in events:
                        yield event
                if self._closing.found_faults:
                    self._end = None

    async def _summary(self) -> AsyncGenerator[RunEvent]:
        is_mute = self._plan.must_report and self._calls.report is None and not self._closing.answer()
        if self._plan.mode != "multi" and not self._plan.force_summary and not is_mute:
            return
        async with aclosing(self._late_words()) as events:
            async for event in events:
                yield event
        if self._end is not None:
            async with aclosing(self._closing.summarise()) as events:
                async for event in events:
                    yield event

    async def _notice(self) -> AsyncGenerator[RunEvent]:
        """A cap is told of once, after the summary (4.6, fixed order)."""
        if self._end in ("loop_limit", "repetition") and self._state.noticed is None:
            self._state.noticed = self._end
            yield Noticed(self._plan.new_id(), self._end)

    async def _early_suggestions(self) -> AsyncGenerator[RunEvent]:
        """Suggestions are written before the last look at what the person says, and shown after it."""
        if self._end not in ("answered", "need_user_input"):
            return
        async with aclosing(self._closing.ask_for_suggestions()) as events:
            async for event in events:
                yield event

    async def _suggest(self) -> AsyncGenerator[RunEvent]:
        if self._end == "budget":
            return
        for step in (self._closing.ask_for_suggestions, self._closing.suggest):
            async with aclosing(step()) as events:
                async for event in events:
                    yield event
