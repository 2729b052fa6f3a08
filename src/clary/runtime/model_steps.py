"""Single model calls of a run: streamed ones that everybody sees, and silent ones of which only the usage matters."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from clary.kit import traces
from clary.runtime.context import Entry
from clary.runtime.events import (
    AnnouncedCall,
    AnswerType,
    AttemptVoided,
    ModelStepBegan,
    ModelStepDone,
    RunEvent,
    RunFailedError,
    SilentStepDone,
)
from clary.runtime.messages import AssistantMessage, ModelMessage, ToolCall, ToolSpec, UserMessage
from clary.runtime.model import (
    AttemptLost,
    ModelClient,
    ModelDone,
    ModelFailedError,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from clary.runtime.plan import LoopPlan, LoopState
from clary.runtime.prompt import volatile_facts
from clary.runtime.response_draft import ResponseDraft
from clary.runtime.skill_texts import within_room
from clary.runtime.tool_runner import PendingCall
from clary.runtime.toolset import estimate_tokens


@dataclass(frozen=True, slots=True)
class Response:
    """A response that was read completely. `calls` are announced, `asked` is what the model wrote."""

    text: str
    reasoning: str
    finish_reason: str
    calls: tuple[ToolCall, ...] = ()
    asked: tuple[ToolCall, ...] = ()


class ModelSteps:
    """The model calls of one execution."""

    def __init__(self, plan: LoopPlan, state: LoopState) -> None:
        self._plan = plan
        self._state = state
        self._system = plan.instructions.render(self._specs(), plan.deferred_tools)
        state.entries = plan.budget.without_oversized(self._system, self.offered(), state.entries)
        self.response = Response("", "", "stop")
        """The latest response of `respond`."""

    def offered(self) -> list[ToolSpec]:
        """Tools whose schemas the model has now (stream-runtime.md 9.5, many tools)."""
        hidden = self._plan.deferred_tools - self._state.expanded
        return [spec for spec in self._specs() if spec.name not in hidden]

    def offered_for_planning(self, names: frozenset[str]) -> list[ToolSpec]:
        """Those of these names, with what is offered while planning only."""
        offered = {spec.name for spec in self.offered()} | self._plan.planning_only
        return [spec for spec in self._plan.specs if spec.name in offered & names]

    def _specs(self) -> list[ToolSpec]:
        return [spec for spec in self._plan.specs if spec.name not in self._plan.planning_only]

    async def request(self, tools: Sequence[ToolSpec], order: str | None = None) -> ModelRequest:
        """A main call: the whole context, and an order of the server at its end if there is one."""
        plan = self._plan
        facts = volatile_facts(
            plan.instructions.language,
            now_text=plan.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC"),
            todos=await plan.todos.read(),
            interrupt_note=plan.interrupt_note,
            more=await plan.more_facts(),
            order=order,
        )
        state = self._state
        fitted = plan.budget.fit(self._system, tools, state.summary, within_room(state.entries), facts)
        for output in fitted.shortened:
            await plan.runner.keep(output.tool_call_id, output.content)
        return ModelRequest(
            fitted.messages,
            tools,
            max_tokens=plan.max_tokens,
            temperature=plan.temperature,
            top_p=plan.top_p,
            presence_penalty=plan.presence_penalty,
            thinking=plan.thinking,
        )

    async def speak(
        self,
        step_name: str,
        tools: Sequence[ToolSpec],
        order: str | None = None,
        answer_type: AnswerType = "do_subtask_result",
    ) -> AsyncGenerator[RunEvent]:
        """A main call with room made for it: what the provider finds too long is shortened once and asked again (9.8).

        Raises:
            RunFailedError
        """
        async with aclosing(self.compacted()) as events:
            async for event in events:
                yield event
        request = await self.request(tools, order)
        try:
            async with aclosing(self.respond(step_name, request, answer_type)) as events:
                async for event in events:
                    yield event
        except RunFailedError as error:
            if error.kind != "context_overflow":
                raise
            self._plan.budget.overflowed(request.messages, tools)
            async with aclosing(self.compacted()) as events:
                async for event in events:
                    yield event
            shorter = await self.request(tools, order)
            if shorter.messages == request.messages:
                raise
            async with aclosing(self.respond(step_name, shorter, answer_type)) as events:
                async for event in events:
                    yield event

    async def respond(
        self, step_name: str, request: ModelRequest, answer_type: AnswerType = "do_subtask_result"
    ) -> AsyncGenerator[RunEvent]:
        """One streamed call; afterwards `response` holds what was said.

        Calls are taken where tools were offered, and at work also where none were: they are answered as calls of any
        other tool that is not there.

        Raises:
            RunFailedError
        """
        self._plan.meter.count()
        draft = ResponseDraft(
            self._plan.new_id(), self._plan.new_id(), self._plan.new_id, self._state.call_ids, answer_type
        )
        takes_calls = bool(request.tools) or step_name in AT_WORK
        traces.note(clary__step=step_name)
        yield ModelStepBegan(draft.step_id, step_name)
        async with aclosing(_items(self._plan.model, request)) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    yield draft.text_event(item)
                elif isinstance(item, ReasoningDelta):
                    yield draft.reasoning_event(item)
                elif isinstance(item, ToolCallDelta):
                    if self._plan.stream_call_deltas and takes_calls and not _is_completed_later(item, draft):
                        yield draft.call_event(item)
                elif isinstance(item, AttemptLost):
                    yield AttemptVoided(draft.step_id, step_name, item.kind, item.usage)
                    draft.restart()
                else:
                    yield self._done(step_name, request, draft, item, takes_calls=takes_calls)
        if self.response.finish_reason == "content_filter" and not self.response.asked:
            # What was let through stays, but it is no answer: the filter ended it (stream-runtime.md 9.15).
            raise RunFailedError("content_filter")

    def _done(
        self, step_name: str, request: ModelRequest, draft: ResponseDraft, done: ModelDone, *, takes_calls: bool
    ) -> ModelStepDone:
        usage, estimated = self._counted(request.messages, request.tools, draft.text + draft.reasoning, done)
        made = draft.with_own_ids(done).calls if takes_calls else ()
        self._state.call_ids.update(call.id for call in made)
        asked = tuple(self._plan.complete(call) for call in made)
        announced = tuple(
            AnnouncedCall(
                draft.call_message_id(position),
                ToolCall(call.id, call.name, self._plan.runner.announced_arguments(call.arguments)),
            )
            for position, call in enumerate(asked)
        )
        calls = tuple(each.call for each in announced)
        self.response = Response(draft.text, draft.reasoning, done.finish_reason, calls, asked)
        return ModelStepDone(
            draft.step_id,
            step_name,
            draft.response_id,
            self._plan.model.model_name,
            announced,
            usage,
            estimated,
            done.finish_reason,
        )

    def take_calls(self) -> None:
        """Puts the latest response with its calls into the context; the calls are open from now on."""
        # Providers refuse broken arguments in later calls, so the model sees what everybody sees; the tool's own
        # check still gets what the model wrote, and answers it.
        said = self.response
        self._state.entries.append(Entry(AssistantMessage(said.text, said.calls, said.reasoning)))
        self._state.pending = [PendingCall(call) for call in said.asked]

    def take_text(self) -> None:
        """Puts the text of the latest response into the context."""
        if self.response.text.strip():
            self._state.entries.append(Entry(AssistantMessage(self.response.text)))

    async def compacted(self) -> AsyncGenerator[RunEvent]:
        """Replaces old messages by a summary when the context is nearly full (stream-runtime.md 9.8)."""
        budget, state = self._plan.budget, self._state
        cut = budget.wants_compaction(self._system, self.offered(), state.summary, state.entries)
        if cut is None:
            return
        messages = budget.summary_request(state.summary, state.entries[:cut], self._plan.instructions.language)
        try:
            text, usage = await self.ask(messages, max_tokens=budget.summary_tokens)
        except ModelFailedError as error:
            # Without a summary the run still goes on as long as the provider takes the input.
            yield self.silent("history_compaction", error.usage, error.kind)
            return
        yield self.silent("history_compaction", usage)
        covered, kept = state.entries[:cut], state.entries[cut:]
        event = budget.compacted(
            covered, kept, text, self._plan.judge_model.model_name, self._plan.new_id, state.covered_rows, state.summary
        )
        skills = [entry for entry in covered if entry.skill is not None]
        state.summary, state.entries, state.covered_rows = event.summary, [*skills, *kept], event.covers_to
        yield event
        budget.require_fit(self._system, self.offered(), state.summary, state.entries)

    async def ask(self, messages: Sequence[ModelMessage], max_tokens: int = 2000) -> tuple[str, Usage | None]:
        """A call of the small model whose text is not streamed.

        Raises:
            ModelFailedError, RunFailedError
        """
        self._plan.meter.count()
        text, usage = "", None
        traces.note(clary__step=None)
        request = ModelRequest(messages, max_tokens=max_tokens, temperature=0.0)
        async with aclosing(self._plan.judge_model.stream(request)) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    text += item.text
                elif isinstance(item, AttemptLost):
                    text = ""
                elif isinstance(item, ModelDone):
                    usage = item.usage
        return text, usage

    def silent(self, step_name: str, usage: Usage | None, note: str | None = None) -> SilentStepDone:
        """The record of such a call."""
        return SilentStepDone(self._plan.new_id(), step_name, self._plan.judge_model.model_name, usage, note)

    def analysis_request(self) -> ModelRequest:
        """Input of the analysis before the loop: at most 4000 tokens of history."""
        messages = self._plan.budget.analysis_input(self._system, self._state.entries)
        return ModelRequest(messages, max_tokens=self._plan.max_tokens)

    def _counted(
        self, messages: Sequence[ModelMessage], tools: Sequence[ToolSpec], text: str, done: ModelDone
    ) -> tuple[Usage, bool]:
        """The reported usage, which also calibrates the budget; an estimate when nothing was reported."""
        if done.usage is not None:
            self._plan.budget.calibrate(messages, tools, done.usage.prompt_tokens)
            return done.usage, False
        output = text + "".join(call.arguments for call in done.calls)
        return Usage(self._plan.budget.estimate(messages, tools), estimate_tokens(output)), True


def last_user_text(entries: Sequence[Entry]) -> str:
    """What the person said last."""
    for entry in reversed(entries):
        if isinstance(entry.message, UserMessage) and isinstance(entry.message.content, str) and entry.skill is None:
            return entry.message.content
    return ""


AT_WORK = frozenset({"direct_execution", "task_execution"})
"""Steps in which the model does the task, as against those that ask it for words."""

COMPLETED_BY_SERVER = frozenset({"questionnaire", "sys_delegate_task", "sys_spawn_agent"})
"""Calls whose arguments the server completes: never sent as fragments (stream-runtime.md 4.5 rule 8)."""


def _is_completed_later(item: ToolCallDelta, draft: ResponseDraft) -> bool:
    if item.name in COMPLETED_BY_SERVER:
        draft.withheld.add(item.position)
    return item.position in draft.withheld


async def _items(
    model: ModelClient, request: ModelRequest
) -> AsyncGenerator[TextDelta | ReasoningDelta | ToolCallDelta | AttemptLost | ModelDone]:
    """The items of a call; its failure becomes the run's."""
    try:
        async with aclosing(model.stream(request)) as items:
            async for item in items:
                yield item
    except ModelFailedError as error:
        raise RunFailedError(error.kind, retryable=error.retryable) from error
