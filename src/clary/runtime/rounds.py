"""The rounds of the agent loop: model call, tool calls, decision (stream-runtime.md 9.3)."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from clary.runtime.call_steps import CallSteps
from clary.runtime.context import Entry
from clary.runtime.events import LoopEnd, RunEvent, RunFailedError, UserInjected
from clary.runtime.judge import judge_messages, read_verdict
from clary.runtime.messages import AssistantMessage, UserMessage
from clary.runtime.model import ModelFailedError
from clary.runtime.model_steps import ModelSteps
from clary.runtime.plan import LoopPlan, LoopState

MAX_EMPTY_RESPONSES = 3
MAX_CONTINUATIONS = 2
MAX_JUDGED_CONTINUES = 2

CONTINUE = UserMessage(
    "<server_facts>The answer was cut by the output limit. Go on exactly where it stopped.</server_facts>"
)


class Rounds:
    """Goes round until something ends it; `end` then says what."""

    def __init__(self, plan: LoopPlan, state: LoopState, models: ModelSteps, calls: CallSteps) -> None:
        self._plan = plan
        self._state = state
        self._models = models
        self._calls = calls
        self._empty = self._continued = self._judged = 0
        self.end: LoopEnd | None = None

    async def run(self) -> AsyncGenerator[RunEvent]:
        """Events until `end` is set.

        Raises:
            RunFailedError
        """
        self.end = None if self._state.pending else self._calls.end or self._cap()
        while not self._has_ended():
            step: Callable[[], AsyncGenerator[RunEvent]] = self._response
            if self._state.pending:
                step = self._tools
            elif self._state.answered:
                step = self._decide
            async with aclosing(step()) as events:
                async for event in events:
                    yield event

    def _has_ended(self) -> bool:
        return self.end is not None

    async def guidance(self) -> AsyncGenerator[RunEvent]:
        """What the person said during the run, each once (stream-runtime.md 9.14)."""
        if self._plan.guidance is None or self._calls.ended_by == "finished":
            return
        for item in await self._plan.guidance.take():
            self._state.entries.append(item.entry)
            yield UserInjected(item.guidance_id, item.message_id, item.content)

    async def _tools(self) -> AsyncGenerator[RunEvent]:
        async with aclosing(self._calls.run()) as events:
            async for event in events:
                yield event
        self.end = self._calls.end or self._cap()

    def _cap(self) -> LoopEnd | None:
        """The limit that the calls so far have come to."""
        if self._calls.is_stuck:
            return "repetition"
        return "loop_limit" if self._state.rounds >= self._plan.max_loop_count else None

    async def _decide(self) -> AsyncGenerator[RunEvent]:
        """Whether an answer without calls ends the run; a judge is asked only while the task list has open items."""
        self.end = "answered"
        todos = await self._plan.todos.read()
        if self._judged >= MAX_JUDGED_CONTINUES or not any(item.status in ("pending", "in_progress") for item in todos):
            return
        try:
            text, usage = await self._models.ask(judge_messages(self._state.entries, todos))
        except ModelFailedError as error:
            yield self._models.silent("task_completion_judge", error.usage, error.kind)
            return
        yield self._models.silent("task_completion_judge", usage)
        verdict = read_verdict(text)
        if verdict == "continue":
            self._judged += 1
            self.end = None
            self._state.answered = False
        elif verdict in ("need_user_input", "blocked"):
            self.end = "need_user_input"

    async def _response(self) -> AsyncGenerator[RunEvent]:
        async with aclosing(self.guidance()) as events:
            async for event in events:
                yield event
        async with aclosing(self._models.speak("direct_execution", self._models.offered())) as events:
            async for event in events:
                yield event
        self._take()

    def _take(self) -> None:
        said, state = self._models.response, self._state
        if said.asked:
            self._models.take_calls()
            state.rounds += 1
            self._empty = self._continued = self._judged = 0
            return
        if not said.text.strip():
            self._empty += 1
            if self._empty >= MAX_EMPTY_RESPONSES:
                raise RunFailedError("empty_response")
            return
        self._empty = 0
        state.entries.append(Entry(AssistantMessage(said.text, (), "")))
        if said.finish_reason == "length" and self._continued < MAX_CONTINUATIONS:
            self._continued += 1
            state.entries.append(Entry(CONTINUE))
            return
        state.answered = True
