"""The loop against a scripted model: whole event lists."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clary.kit.clock import SystemClock
from clary.runtime.context import BudgetRules, ContextBudget, Entry
from clary.runtime.events import (
    AttemptVoided,
    LoopEnded,
    ModelStepDone,
    Noticed,
    RunEvent,
    RunFailedError,
    TextStreamed,
    ToolProgressed,
    ToolStepBegan,
    ToolStepDone,
)
from clary.runtime.loop import AgentLoop, LoopPlan, LoopState
from clary.runtime.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, ToolSpec, UserMessage
from clary.runtime.model import AttemptLost, ModelDone, ModelFailedError, ModelItem, ModelRequest, TextDelta, Usage
from clary.runtime.prompt import Instructions
from clary.runtime.tool_runner import PendingCall, ToolRunner
from clary.runtime.tools import Todo, ToolContext, ToolFailedError

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ScriptedModel:
    """Gives one prepared list of items per call; an exception in it is raised."""

    model_name = "scripted"

    def __init__(self, *responses: Sequence[ModelItem | Exception]) -> None:
        self._responses = list(responses)
        self.requests: list[ModelRequest] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        self.requests.append(request)
        for item in self._responses.pop(0):
            if isinstance(item, Exception):
                raise item
            yield item


class Todos:
    def __init__(self, *items: Todo) -> None:
        self.items = list(items)

    async def read(self) -> Sequence[Todo]:
        return self.items

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        raise NotImplementedError


class Echo:
    """Repeats its argument; remembers how often it ran."""

    def __init__(self, name: str = "echo", *, effect: Any = "external", parallel_safe: bool = True) -> None:
        parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        self.spec = ToolSpec(name, "Repeats.", parameters, effect=effect, parallel_safe=parallel_safe)
        self.ran: list[str] = []

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any] | str:
        self.ran.append(arguments["text"])
        if arguments["text"] == "fail":
            raise ToolFailedError("no")
        return {"said": arguments["text"]}


def text(*pieces: str, finish: Any = "stop") -> list[ModelItem | Exception]:
    return [*(TextDelta(piece) for piece in pieces), ModelDone(finish, (), Usage(10, 2))]


def calling(*calls: tuple[str, str], say: str = "") -> list[ModelItem | Exception]:
    made = tuple(ToolCall(f"call_{name}_{at}", name, arguments) for at, (name, arguments) in enumerate(calls))
    said: list[ModelItem | Exception] = [TextDelta(say)] if say else []
    return [*said, ModelDone("tool_calls", made, Usage(10, 2))]


def loop_of(
    model: ScriptedModel,
    *tools: Echo,
    todos: Todos | None = None,
    state: LoopState | None = None,
    with_progress: bool = False,
    **plan: Any,
) -> AgentLoop:
    numbers = iter(range(10_000))
    listed = todos or Todos()

    def new_id() -> str:
        return f"id{next(numbers)}"

    async def keep(name: str, whole: str) -> None:
        return

    def context(call_id: str, progress: Any) -> ToolContext:
        return ToolContext(call_id, Path("/"), listed, None, progress)  # type: ignore[arg-type]

    runner = ToolRunner(
        {tool.spec.name: tool for tool in tools},
        make_context=context,
        save_whole=keep,
        new_id=new_id,
        clock=SystemClock(),
        max_result_tokens=12_000,
        language="en",
        with_progress=with_progress,
    )
    wanted: dict[str, Any] = {
        "model": model,
        "judge_model": model,
        "instructions": Instructions("Persona.", "en", "English"),
        "tools": tools,
        "runner": runner,
        "todos": listed,
        "budget": ContextBudget(BudgetRules(54_000, 4096)),
        "clock": type("Clock", (), {"now": staticmethod(lambda: NOON)})(),
        "new_id": new_id,
        "max_loop_count": 5,
        "max_tokens": 4096,
    }
    return AgentLoop(LoopPlan(**{**wanted, **plan}), state or LoopState([Entry(UserMessage("hi"))]))


async def events_of(loop: AgentLoop) -> list[RunEvent]:
    async with asyncio.timeout(5):
        return [event async for event in loop.run()]


def told(events: Sequence[RunEvent]) -> list[str]:
    """What a reader would notice, in order."""
    found: list[str] = []
    for event in events:
        if isinstance(event, TextStreamed):
            found.append(f"text {event.text}")
        elif isinstance(event, ModelStepDone):
            found += [f"call {each.call.name} {each.call.arguments}" for each in event.calls]
        elif isinstance(event, ToolStepBegan):
            found.append(f"begin {event.call.id}")
        elif isinstance(event, ToolStepDone):
            found.append(f"result {event.call.id} {event.content}")
        elif isinstance(event, AttemptVoided):
            found.append(f"void {event.kind}")
        elif isinstance(event, Noticed):
            found.append(f"notice {event.kind}")
        elif isinstance(event, LoopEnded):
            found.append(f"end {event.reason}")
    return found


async def test_a_plain_answer_streams_and_ends_answered() -> None:
    model = ScriptedModel(text("Hel", "lo"))
    assert told(await events_of(loop_of(model))) == ["text Hel", "text lo", "end answered"]


async def test_calls_run_between_two_responses_and_their_results_reach_the_model_in_model_order() -> None:
    model = ScriptedModel(calling(("echo", '{"text": "a"}'), ("echo", '{"text": "b"}'), say="Look."), text("Done."))
    events = told(await events_of(loop_of(model, Echo())))
    assert events[:3] == ["text Look.", 'call echo {"text": "a"}', 'call echo {"text": "b"}']
    assert sorted(events[3:7]) == [
        "begin call_echo_0",
        "begin call_echo_1",
        "result call_echo_0 {'said': 'a'}",
        "result call_echo_1 {'said': 'b'}",
    ]
    assert events[7:] == ["text Done.", "end answered"]
    seen = model.requests[1].messages
    assert [message.tool_call_id for message in seen if isinstance(message, ToolMessage)] == [
        "call_echo_0",
        "call_echo_1",
    ]
    answer = next(message for message in seen if isinstance(message, AssistantMessage))
    assert (answer.text, [call.id for call in answer.tool_calls]) == ("Look.", ["call_echo_0", "call_echo_1"])


async def test_bad_calls_become_error_results_and_the_loop_goes_on() -> None:
    model = ScriptedModel(
        calling(("nothing", "{}"), ("echo", "{{{"), ("echo", "{}"), ("echo", '{"text": "fail"}')), text("Recovered.")
    )
    events = await events_of(loop_of(model, Echo()))
    kinds = {each.call.id: each.content["error_type"] for each in events if isinstance(each, ToolStepDone)}  # type: ignore[index]
    assert kinds == {
        "call_nothing_0": "TOOL_NOT_FOUND",
        "call_echo_1": "INVALID_JSON",
        "call_echo_2": "INVALID_ARGUMENTS",
        "call_echo_3": "EXECUTION_ERROR",
    }
    assert told(events)[1] == 'call echo {"_raw":"{{{"}'
    assert told(events)[-1] == "end answered"


async def test_the_rounds_cap_lets_the_last_calls_run_and_says_so() -> None:
    model = ScriptedModel(*(calling(("echo", f'{{"text": "{n}"}}')) for n in range(3)))
    tool = Echo()
    events = told(await events_of(loop_of(model, tool, max_loop_count=3)))
    assert tool.ran == ["0", "1", "2"]
    assert events[-2:] == ["notice loop_limit", "end loop_limit"]


async def test_the_same_call_with_the_same_result_is_reminded_at_three_and_stopped_at_five() -> None:
    model = ScriptedModel(*(calling(("echo", '{"text": "x"}')) for _ in range(5)))
    events = told(await events_of(loop_of(model, Echo(), max_loop_count=50)))
    assert events[-2:] == ["notice repetition", "end repetition"]
    reminded = [
        any(isinstance(m, UserMessage) and "three times" in str(m.content) for m in request.messages)
        for request in model.requests
    ]
    assert reminded == [False, False, False, True, True]


async def test_a_lost_attempt_is_void_and_the_answer_starts_again_under_a_new_id() -> None:
    model = ScriptedModel([TextDelta("Hal"), AttemptLost("provider_unreachable"), *text("Hello")])
    events = await events_of(loop_of(model))
    ids = [event.message_id for event in events if isinstance(event, TextStreamed)]
    assert told(events) == ["text Hal", "void provider_unreachable", "text Hello", "end answered"]
    assert len(set(ids)) == 2


async def test_three_empty_responses_fail_the_run() -> None:
    model = ScriptedModel(text(), text(), text())
    with pytest.raises(RunFailedError) as failure:
        await events_of(loop_of(model))
    assert failure.value.kind == "empty_response"


@pytest.mark.parametrize("pieces", [(), ("The first", " half")])
async def test_a_response_ended_by_the_content_filter_fails_the_run_and_keeps_what_was_said(
    pieces: tuple[str, ...],
) -> None:
    model = ScriptedModel(text(*pieces, finish="content_filter"), text("More."))
    events: list[RunEvent] = []
    failure = None
    try:
        async for event in loop_of(model).run():
            events.append(event)
    except RunFailedError as error:
        failure = error.kind
    assert failure == "content_filter"
    assert [event.text for event in events if isinstance(event, TextStreamed)] == list(pieces)
    assert isinstance(events[-1], ModelStepDone)
    assert len(model.requests) == 1


async def test_a_response_cut_by_the_output_limit_is_continued_twice() -> None:
    model = ScriptedModel(text("a", finish="length"), text("b", finish="length"), text("c", finish="length"))
    assert told(await events_of(loop_of(model))) == ["text a", "text b", "text c", "end answered"]
    assert len(model.requests) == 3


async def test_a_model_that_fails_for_good_fails_the_run_with_its_kind() -> None:
    model = ScriptedModel([ModelFailedError("provider_auth")])
    with pytest.raises(RunFailedError) as failure:
        await events_of(loop_of(model))
    assert failure.value.kind == "provider_auth"


@pytest.mark.parametrize(
    ("verdict", "end"),
    [
        ('{"status": "need_user_input"}', "end need_user_input"),
        ('```json\n{"status": "blocked"}\n```', "end need_user_input"),
        ("no idea", "end answered"),
    ],
)
async def test_the_judge_is_asked_only_while_the_task_list_is_open(verdict: str, end: str) -> None:
    model = ScriptedModel(text("Hm."), text(verdict))
    events = told(await events_of(loop_of(model, todos=Todos(Todo("1", "work")))))
    assert events == ["text Hm.", end]
    done = ScriptedModel(text("Hm."))
    await events_of(loop_of(done, todos=Todos(Todo("1", "work", "completed"))))
    assert len(done.requests) == 1


async def test_the_judge_may_send_the_model_on_twice_in_a_row_and_no_more() -> None:
    going = '{"status": "continue"}'
    model = ScriptedModel(text("1"), text(going), text("2"), text(going), text("3"))
    events = told(await events_of(loop_of(model, todos=Todos(Todo("1", "work")))))
    assert events == ["text 1", "text 2", "text 3", "end answered"]


async def test_work_between_two_verdicts_lets_the_judge_send_the_model_on_again() -> None:
    going = text('{"status": "continue"}')
    work = calling(("echo", '{"text": "x"}'))
    model = ScriptedModel(text("1"), going, text("2"), going, work, text("3"), going, text("4"), going, text("5"))
    events = told(await events_of(loop_of(model, Echo(), todos=Todos(Todo("1", "work")))))
    assert [each for each in events if each.startswith(("text", "end"))] == [
        *(f"text {number}" for number in range(1, 6)),
        "end answered",
    ]


@pytest.mark.parametrize("with_progress", [True, False])
async def test_after_a_crash_a_call_that_may_have_begun_is_reported_and_one_that_had_not_is_run(
    with_progress: bool,
) -> None:
    tool, reader = Echo(), Echo("look", effect="read")
    calls = [
        ToolCall("a", "echo", '{"text": "1"}'),
        ToolCall("b", "echo", '{"text": "2"}'),
        ToolCall("c", "look", '{"text": "3"}'),
    ]
    state = LoopState(
        [Entry(UserMessage("hi")), Entry(AssistantMessage("", tuple(calls)))],
        rounds=1,
        pending=[
            PendingCall(calls[0], "maybe_begun"),
            PendingCall(calls[1], "new"),
            PendingCall(calls[2], "maybe_begun"),
        ],
    )
    done = ScriptedModel(text("Done."))
    events = await events_of(loop_of(done, tool, reader, state=state, with_progress=with_progress))
    contents = {event.call.id: event.content for event in events if isinstance(event, ToolStepDone)}
    assert contents["a"]["error_type"] == "OUTCOME_UNKNOWN"  # type: ignore[index]
    assert contents["b"] == {"said": "2"}
    assert contents["c"] == {"said": "3"}
    assert tool.ran == ["2"]
    closed = [event.call_id for event in events if isinstance(event, ToolProgressed) and event.closed]
    assert closed == (["a"] if with_progress else [])


async def test_after_a_crash_a_report_that_was_given_ends_the_run_without_another_call() -> None:
    report = {"status": "failed", "result": "nothing"}
    for mode in ("simple", "multi"):
        state = LoopState([Entry(UserMessage("hi"))], rounds=1, ended_by="finished", report=report, summarised=True)
        events = await events_of(loop_of(ScriptedModel(), state=state, mode=mode, must_report=True))
        assert events == [LoopEnded("answered", "", report)]


async def test_calls_that_are_not_parallel_safe_keep_the_models_order() -> None:
    tool = Echo(parallel_safe=False)
    model = ScriptedModel(calling(*(("echo", f'{{"text": "{n}"}}') for n in range(6))), text("ok"))
    events = told(await events_of(loop_of(model, tool)))
    assert tool.ran == ["0", "1", "2", "3", "4", "5"]
    assert [e.split()[0] for e in events[6:18]] == ["begin", "result"] * 6


async def test_what_stands_before_the_messages_is_byte_identical_between_the_calls_of_a_run() -> None:
    model = ScriptedModel(calling(("echo", '{"text": "a"}')), text("Done."))
    await events_of(loop_of(model, Echo()))
    first, second = (request.messages[0] for request in model.requests)
    assert isinstance(first, SystemMessage)
    assert first == second
    assert str(model.requests[0].messages[-1].content).startswith("<server_facts>")  # type: ignore[union-attr]


async def test_old_messages_are_summarised_when_the_context_is_nearly_full_and_pairs_stay_together() -> None:
    turns: list[Entry] = []
    for number in range(8):
        turns.append(Entry(UserMessage(f"question {number} " + "word " * 400), number * 2, of_this_run=False))
        turns.append(Entry(AssistantMessage("answer " * 400), number * 2 + 1, of_this_run=False))
    state = LoopState([*turns, Entry(UserMessage("now"), 99)])
    model = ScriptedModel(text("SUMMARY"), text("Done."))
    budget = ContextBudget(BudgetRules(max_model_len=6000, max_tokens=1000))
    events = await events_of(loop_of(model, state=state, budget=budget))
    assert told(events)[-1] == "end answered"
    compacted = [event for event in events if type(event).__name__ == "ContextCompacted"]
    assert len(compacted) == 1
    shown = model.requests[-1].messages
    assert any("SUMMARY" in str(getattr(message, "content", "")) for message in shown)
    assert any(getattr(message, "content", "") == "now" for message in shown)
    assert budget.estimate(shown, ()) < 5000


async def test_what_the_provider_finds_too_long_is_summarised_and_asked_once_more() -> None:
    turns = [
        Entry(UserMessage(f"question {number} " + "word " * 400), number, of_this_run=False) for number in range(8)
    ]
    state = LoopState([*turns, Entry(UserMessage("now"), 99)])
    model = ScriptedModel([ModelFailedError("context_overflow")], text("SUMMARY"), text("Done."))
    events = await events_of(loop_of(model, state=state))
    assert told(events) == ["text Done.", "end answered"]
    shown = [str(message) for message in model.requests[-1].messages]
    assert (sum("SUMMARY" in each for each in shown), sum("question 5" in each for each in shown)) == (1, 1)
    assert len(shown) < len(model.requests[0].messages)


async def test_what_cannot_be_shortened_is_not_asked_again() -> None:
    model = ScriptedModel([ModelFailedError("context_overflow")])
    with pytest.raises(RunFailedError) as failure:
        await events_of(loop_of(model))
    assert (failure.value.kind, len(model.requests)) == ("context_overflow", 1)


@pytest.mark.parametrize(("ended_by", "end"), [("need_user_input", "need_user_input"), ("finished", "answered")])
async def test_a_run_that_a_call_had_ended_before_a_crash_only_ends(ended_by: Any, end: str) -> None:
    model = ScriptedModel()
    events = await events_of(loop_of(model, state=LoopState([Entry(UserMessage("hi"))], ended_by=ended_by)))
    assert (told(events), model.requests) == ([f"end {end}"], [])
