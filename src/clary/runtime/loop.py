"""The agent loop, mode `simple` (stream-runtime.md 9.3).

Owns the order of model calls and tool calls and when to stop. Knows no wire format, no database, no vendor: whoever
drives it makes each event durable before asking for the next, so every step is recorded before it has an effect.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from clary.runtime.context import ContextBudget, Entry
from clary.runtime.events import (
    AnnouncedCall,
    AttemptVoided,
    LoopEnd,
    LoopEnded,
    ModelStepBegan,
    ModelStepDone,
    Noticed,
    RunEvent,
    RunFailedError,
    SilentStepDone,
    TextStreamed,
    ToolStepDone,
)
from clary.runtime.judge import judge_messages, read_verdict
from clary.runtime.messages import AssistantMessage, ModelMessage, ToolCall, ToolMessage, UserMessage
from clary.runtime.model import (
    AttemptLost,
    ModelClient,
    ModelDone,
    ModelFailedError,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    Thinking,
    ToolCallDelta,
    Usage,
)
from clary.runtime.prompt import Instructions, volatile_facts
from clary.runtime.repetition import RepetitionWatch
from clary.runtime.response_draft import ResponseDraft
from clary.runtime.tool_runner import PendingCall, ToolRunner
from clary.runtime.tools import TodoList, Tool
from clary.runtime.toolset import estimate_tokens

MAX_EMPTY_RESPONSES = 3
MAX_CONTINUATIONS = 2
MAX_JUDGED_CONTINUES = 2
MAX_MODEL_CALLS = 500

CONTINUE = UserMessage(
    "<server_facts>The answer was cut by the output limit. Go on exactly where it stopped.</server_facts>"
)
REMINDER = UserMessage(
    "<server_facts>The same call gave the same result three times. Try another way, or answer now.</server_facts>"
)


class Moments(Protocol):
    """The clock of the loop."""

    def now(self) -> datetime:
        """The present moment."""
        ...


@dataclass(slots=True)
class LoopPlan:
    """Everything a run was resolved to; does not change while it runs."""

    model: ModelClient
    judge_model: ModelClient
    instructions: Instructions
    tools: Sequence[Tool]
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
    analyse_first: bool = False
    """One `task_analysis` before the loop: deep thinking with a model that has no switch for it (9.10)."""
    stream_call_deltas: bool = False
    interrupt_note: str | None = None


@dataclass(slots=True)
class LoopState:
    """Where the run stands. After a crash it is rebuilt from what was recorded."""

    entries: list[Entry]
    summary: str | None = None
    rounds: int = 0
    model_calls: int = 0
    pending: list[PendingCall] = field(default_factory=list[PendingCall])
    answered: bool = False
    """The last recorded response had no calls: only the decision is left."""
    analysed: bool = False
    call_ids: set[str] = field(default_factory=set[str])
    """Ids of every call of the session so far: some providers count anew in each response."""


class AgentLoop:
    """One execution of the loop."""

    def __init__(self, plan: LoopPlan, state: LoopState) -> None:
        self._plan = plan
        self._state = state
        self._specs = [tool.spec for tool in plan.tools]
        self._system = plan.instructions.render(self._specs)
        self._repetition = RepetitionWatch(state.entries)
        self._outcome = _Outcome()
        self._failure: RunFailedError | None = None
        self._empty = self._continued = self._judged = 0

    async def run(self) -> AsyncGenerator[RunEvent]:
        """Events in order, ending with `LoopEnded`.

        Raises:
            RunFailedError: the model failed for good, or a limit was reached.
        """
        if self._plan.analyse_first and not self._state.analysed:
            async with aclosing(self._analysis()) as events:
                async for event in events:
                    yield event
        while True:
            end: LoopEnd | None = None
            if self._state.pending:
                async with aclosing(self._tools()) as events:
                    async for event in events:
                        yield event
                end = self._after_tools()
                if end is not None:
                    yield Noticed(self._plan.new_id(), "loop_limit" if end == "loop_limit" else "repetition")
            elif self._state.answered:
                async for event in self._decide():
                    yield event
                end = self._outcome.end
            if end is not None:
                yield LoopEnded(end)
                return
            async with aclosing(self._response()) as events:
                async for event in events:
                    yield event
            if self._failure is not None:
                raise self._failure

    async def _tools(self) -> AsyncGenerator[RunEvent]:
        """Runs the open calls and takes their results into the context, in the model's order."""
        pending, self._state.pending = self._state.pending, []
        results: dict[str, ToolStepDone] = {}
        async with aclosing(self._plan.runner.run(pending)) as events:
            async for event in events:
                if isinstance(event, ToolStepDone):
                    results[event.call.id] = event
                yield event
        for item in pending:
            done = results[item.call.id]
            self._state.entries.append(Entry(ToolMessage(item.call.id, done.model_text)))
            self._repetition.saw(item.call, done.model_text)
        if self._repetition.wants_reminder():
            self._state.entries.append(Entry(REMINDER))

    def _after_tools(self) -> LoopEnd | None:
        if self._repetition.is_stuck():
            return "repetition"
        return "loop_limit" if self._state.rounds >= self._plan.max_loop_count else None

    async def _decide(self) -> AsyncGenerator[RunEvent]:
        """Whether an answer without calls ends the run; a judge is asked only while the task list has open items."""
        self._outcome.end = "answered"
        todos = await self._plan.todos.read()
        if self._judged >= MAX_JUDGED_CONTINUES or not any(item.status in ("pending", "in_progress") for item in todos):
            return
        messages = judge_messages(self._state.entries, todos)
        try:
            text, usage = await self._quiet(self._plan.judge_model, messages)
        except ModelFailedError as error:
            yield self._silent("task_completion_judge", error.usage, error.kind)
            return
        yield self._silent("task_completion_judge", usage)
        verdict = read_verdict(text)
        if verdict == "continue":
            self._judged += 1
            self._outcome.end = None
            self._state.answered = False
        elif verdict in ("need_user_input", "blocked"):
            self._outcome.end = "need_user_input"

    async def _analysis(self) -> AsyncGenerator[RunEvent]:
        """One `task_analysis` message, visible to the model afterwards."""
        step_id, message_id = self._plan.new_id(), self._plan.new_id()
        yield ModelStepBegan(step_id, "task_analysis")
        request = ModelRequest(
            [*self._plan.budget.analysis_input(self._system, self._state.entries)], max_tokens=self._plan.max_tokens
        )
        text, usage, estimated = "", None, False
        async with aclosing(_model_items(self._plan.model, request)) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    text += item.text
                    yield TextStreamed(message_id, item.text, "task_analysis")
                elif isinstance(item, AttemptLost) and text:
                    yield AttemptVoided(step_id, "task_analysis", item.kind, item.usage)
                    text, message_id = "", self._plan.new_id()
                elif isinstance(item, ModelDone):
                    usage, estimated = self._counted(request.messages, text, item)
        if text:
            self._state.entries.append(Entry(AssistantMessage(text)))
        self._state.analysed = True
        yield ModelStepDone(
            step_id,
            "task_analysis",
            self._plan.new_id(),
            self._plan.model.model_name,
            usage=usage,
            estimated=estimated,
        )

    async def _response(self) -> AsyncGenerator[RunEvent]:
        """One model call, its text streamed, its calls announced."""
        async with aclosing(self._compacted()) as events:
            async for event in events:
                yield event
        self._state.model_calls += 1
        if self._state.model_calls > MAX_MODEL_CALLS:
            raise RunFailedError("limit")
        request = await self._request()
        response = ResponseDraft(self._plan.new_id(), self._plan.new_id(), self._plan.new_id, self._state.call_ids)
        yield ModelStepBegan(response.step_id, "direct_execution")
        async with aclosing(_model_items(self._plan.model, request)) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    yield response.text_event(item)
                elif isinstance(item, ReasoningDelta):
                    yield response.reasoning_event(item)
                elif isinstance(item, ToolCallDelta):
                    if self._plan.stream_call_deltas:
                        yield response.call_event(item)
                elif isinstance(item, AttemptLost):
                    yield AttemptVoided(response.step_id, "direct_execution", item.kind, item.usage)
                    response.restart()
                else:
                    yield self._finished(request, response, item)

    def _finished(self, request: ModelRequest, response: ResponseDraft, done: ModelDone) -> ModelStepDone:
        """Takes a whole response into the state and says what it was."""
        done = response.with_own_ids(done)
        self._state.call_ids.update(call.id for call in done.calls)
        calls = tuple(
            AnnouncedCall(
                response.call_message_id(position),
                ToolCall(call.id, call.name, self._plan.runner.announced_arguments(call.arguments)),
            )
            for position, call in enumerate(done.calls)
        )
        usage, estimated = self._counted(request.messages, response.text + response.reasoning, done)
        self._take(response, done, calls)
        return ModelStepDone(
            response.step_id,
            "direct_execution",
            response.response_id,
            self._plan.model.model_name,
            calls,
            usage,
            estimated,
            done.finish_reason,
        )

    def _take(self, response: ResponseDraft, done: ModelDone, calls: tuple[AnnouncedCall, ...]) -> None:
        state = self._state
        if calls:
            # Providers refuse broken arguments in later calls, so the model sees what everybody sees; the tool's own
            # check still gets what the model wrote, and answers it.
            announced = tuple(each.call for each in calls)
            state.entries.append(Entry(AssistantMessage(response.text, announced, response.reasoning)))
            state.pending = [PendingCall(ToolCall(raw.id, raw.name, raw.arguments)) for raw in done.calls]
            state.rounds += 1
            self._empty = self._continued = 0
            return
        if not response.text.strip():
            self._empty += 1
            if done.finish_reason == "content_filter":
                self._failure = RunFailedError("content_filter")
            elif self._empty >= MAX_EMPTY_RESPONSES:
                self._failure = RunFailedError("empty_response")
            return
        self._empty = 0
        state.entries.append(Entry(AssistantMessage(response.text, (), "")))
        if done.finish_reason == "length" and self._continued < MAX_CONTINUATIONS:
            self._continued += 1
            state.entries.append(Entry(CONTINUE))
            return
        state.answered = True

    async def _request(self) -> ModelRequest:
        plan = self._plan
        facts = volatile_facts(
            plan.instructions.language,
            now_text=plan.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC"),
            todos=await plan.todos.read(),
            interrupt_note=plan.interrupt_note,
        )
        messages = plan.budget.fit(self._system, self._state.summary, self._state.entries, facts)
        return ModelRequest(
            messages,
            self._specs,
            max_tokens=plan.max_tokens,
            temperature=plan.temperature,
            top_p=plan.top_p,
            presence_penalty=plan.presence_penalty,
            thinking=plan.thinking,
        )

    async def _compacted(self) -> AsyncGenerator[RunEvent]:
        """Replaces old messages by a summary when the context is nearly full."""
        budget, state = self._plan.budget, self._state
        cut = budget.wants_compaction(self._system, self._specs, state.summary, state.entries)
        if cut is None:
            return
        messages = budget.summary_request(state.summary, state.entries[:cut], self._plan.instructions.language)
        try:
            text, usage = await self._quiet(self._plan.judge_model, messages)
        except ModelFailedError as error:
            # Without a summary the run still goes on as long as the provider takes the input.
            yield self._silent("history_compaction", error.usage, error.kind)
            return
        yield self._silent("history_compaction", usage)
        event = budget.compacted(state.entries[:cut], text, self._plan.judge_model.model_name, self._plan.new_id)
        state.summary, state.entries = event.summary, state.entries[cut:]
        yield event

    async def _quiet(self, model: ModelClient, messages: Sequence[ModelMessage]) -> tuple[str, Usage | None]:
        """A call whose text is not streamed."""
        self._state.model_calls += 1
        text, usage = "", None
        async with aclosing(model.stream(ModelRequest(messages, max_tokens=2000, temperature=0.0))) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    text += item.text
                elif isinstance(item, AttemptLost):
                    text = ""
                elif isinstance(item, ModelDone):
                    usage = item.usage
        return text, usage

    def _silent(self, step_name: str, usage: Usage | None, note: str | None = None) -> SilentStepDone:
        return SilentStepDone(self._plan.new_id(), step_name, self._plan.judge_model.model_name, usage, note)

    def _counted(self, messages: Sequence[ModelMessage], text: str, done: ModelDone) -> tuple[Usage, bool]:
        """The reported usage, which also calibrates the budget; an estimate when nothing was reported."""
        if done.usage is not None:
            self._plan.budget.calibrate(messages, self._specs, done.usage.prompt_tokens)
            return done.usage, False
        output = text + "".join(call.arguments for call in done.calls)
        return Usage(self._plan.budget.estimate(messages, self._specs), estimate_tokens(output)), True


@dataclass(slots=True)
class _Outcome:
    end: LoopEnd | None = None


async def _model_items(
    model: ModelClient, request: ModelRequest
) -> AsyncGenerator[TextDelta | ReasoningDelta | ToolCallDelta | AttemptLost | ModelDone]:
    """The items of a call; its failure becomes the run's."""
    try:
        async with aclosing(model.stream(request)) as items:
            async for item in items:
                yield item
    except ModelFailedError as error:
        raise RunFailedError(error.kind, retryable=error.retryable) from error
