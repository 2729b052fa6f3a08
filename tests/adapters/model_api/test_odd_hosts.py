"""Habits of servers that only call themselves compatible, and waits that can be given up."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import get_args

import pytest
from anyio import fail_after

from clary.adapters.model_api import RetryPolicy
from clary.adapters.model_api.call_fragments import CallFragments
from clary.adapters.model_api.failures import AttemptBrokenError
from clary.adapters.model_api.lines import MAX_LINE_BYTES, LineCutter, LineTooLongError
from clary.adapters.model_api.response_reader import MAX_RESPONSE_BYTES, ResponseReader
from clary.adapters.model_api.retry import RetryPlan
from clary.adapters.scripted_provider import Attempts, Call, CallTools, Fault, Form, Raw, Say, Tokens
from clary.kit.clock import SystemClock
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.messages import ToolCall, UserMessage
from clary.runtime.model import (
    AttemptLost,
    FailureKind,
    ModelDone,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

pytestmark = pytest.mark.anyio

HELLO = ModelRequest([UserMessage("Hello")])
SAID = b'{"choices":[{"index":0,"delta":{"content":"\xe4\xbd\xa0\xe5\xa5\xbd"}}]}'
STOP = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
DONE = [TextDelta("你好"), ModelDone("stop")]


def items_of(body: bytes, step: int = 0) -> list:
    """The items of a body read at once, or in steps of so many bytes."""
    reader = ResponseReader({}, iter(f"made_{n}" for n in range(100)).__next__)
    pieces = [body[at : at + step] for at in range(0, len(body), step)] if step else [body]
    return [*(item for piece in pieces for item in reader.feed(piece)), *reader.end(), *reader.last_items()]


def events_of(*events: bytes) -> bytes:
    return b"".join(b"data: " + event + b"\n\n" for event in events)


STREAMS = {
    "CR ends lines": b"data: " + SAID + b"\r\rdata: " + STOP + b"\r\rdata: [DONE]\r\r",
    "a byte order mark": b"\xef\xbb\xbf" + events_of(SAID, STOP, b"[DONE]"),
    "no blank lines": b"data:" + SAID + b"\ndata:" + STOP + b"\ndata:[DONE]\n",
    "no line end at the end": b"data: " + SAID + b"\n\ndata: " + STOP,
    "an event over several lines": b"data: " + SAID.replace(b",", b",\ndata: ") + b"\n\n" + events_of(STOP),
    "names, ids and comments": b": hi\n\nevent: message\nid: 7\nretry: 5\ndata: "
    + SAID
    + b"\n\n: x\n\n"
    + events_of(STOP),
    "events that say nothing": events_of(b'{"choices":[]}', b"{}", b'{"choices":[{"delta":null}]}', SAID, b"", STOP),
    "a role and a name": events_of(b'{"choices":[{"delta":{"role":"assistant","name":"x"}}]}', SAID, STOP),
    "content in parts": events_of(
        '{"choices":[{"delta":{"content":[{"type":"text","text":"你"},{"type":"x"},{"text":"好"}]}}]}'.encode(), STOP
    ),
    "a message in place of a delta": events_of(SAID.replace(b"delta", b"message"), STOP),
    "broken numbers": events_of(SAID.replace(b'"index":0', b'"logprob":NaN'), STOP),
    "broken usage": events_of(SAID, STOP.replace(b'{"choices', b'{"usage":{"prompt_tokens":-1,"x":"y"},"choices')),
    "usage cut off": events_of(SAID, STOP) + b'data: {"choices":[],"usage":{"prompt_tok',
}


@pytest.mark.parametrize("step", [0, 1, 2, 7])
@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_is_read_whatever_its_manners(body, step):
    items = items_of(body, step)
    assert "".join(item.text for item in items if isinstance(item, TextDelta)) == "你好"
    assert items[-1] == ModelDone("stop")
    if not step:
        assert items == DONE


def test_text_that_arrives_together_is_one_delta_and_order_is_kept():
    events = [b'{"choices":[{"delta":{"%s":"%d"}}]}' % (key, n) for n, key in enumerate([b"reasoning"] * 3)]
    events += [b'{"choices":[{"delta":{"content":"a"}}]}'] * 3
    events += [b'{"choices":[{"delta":{"reasoning_content":"z","reasoning":"z"}}]}', STOP]
    assert items_of(events_of(*events)) == [
        ReasoningDelta("012"),
        TextDelta("aaa"),
        ReasoningDelta("z"),
        ModelDone("stop"),
    ]
    assert [type(item) for item in items_of(events_of(*events), 1)[:6]] == [ReasoningDelta] * 3 + [TextDelta] * 3


def test_lone_surrogates_never_get_through():
    fragment = rb'{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"t","arguments":"\"\ud800\""}}]}}]}'
    items = items_of(events_of(rb'{"choices":[{"delta":{"reasoning":"\udc00"}}]}', fragment, STOP))
    assert items == [
        ReasoningDelta("\ufffd"),
        ToolCallDelta(0, "a", "t", '"\ufffd"'),
        ModelDone("tool_calls", (ToolCall("a", "t", '"\ufffd"'),)),
    ]


@pytest.mark.parametrize(
    ("fragments", "calls"),
    [
        # The name comes after the first arguments, or never.
        (
            [{"index": 0, "function": {"arguments": "{"}}, {"index": 0, "function": {"name": "a", "arguments": "}"}}],
            "a{}",
        ),
        ([{"index": 0, "id": "x", "function": {"arguments": "{}"}}], "{}"),
        # Whole calls one after the other, without index and id, of the same name.
        ([{"function": {"name": "a", "arguments": "{}"}}] * 2, "a{} a{}"),
        # Name and id repeated with each piece.
        ([{"index": 0, "id": "x", "function": {"name": "a", "arguments": piece}} for piece in ("{", "}")], "a{}"),
        # Indexes as text, arguments as an object.
        ([{"index": "0", "function": {"name": "a", "arguments": {"n": 1}}}], 'a{"n":1}'),
        # The same index for two calls with ids, taking turns.
        (
            [{"index": 0, "id": each, "function": {"name": each, "arguments": "{"}} for each in "ab"]
            + [{"index": 0, "id": each, "function": {"arguments": "}"}} for each in "ab"],
            "a{} b{}",
        ),
    ],
)
def test_calls_are_told_apart(fragments, calls):
    made = CallFragments({}, iter(f"made_{n}" for n in range(9)).__next__)
    for fragment in fragments:
        made.add(fragment)
    assert " ".join(call.name + call.arguments for call in made.calls()) == calls
    assert len({call.id for call in made.calls()}) == len(made.calls())


def test_lines_and_responses_have_a_limit():
    block = b"x" * (2**20 - 3)
    cutter, reader = LineCutter(), ResponseReader({}, str)
    with pytest.raises(LineTooLongError):
        _ = [cutter.cut(block) for _ in range(MAX_LINE_BYTES // len(block) + 1)]
    with pytest.raises(AttemptBrokenError) as caught:
        _ = [reader.feed(b": " + block + b"\n") for _ in range(MAX_RESPONSE_BYTES // len(block) + 1)]
    assert (caught.value.kind, caught.value.retry) == ("provider_bad_response", False)


async def test_an_error_body_without_end_is_cut(bench):
    table = await bench(Fault("status", status=401, body="x" * 5_000_000))
    with fail_after(5):
        _, error = await table.ask()
    assert error.kind == "provider_auth"


async def test_calls_of_a_lost_attempt_are_not_in_the_next_one(bench):
    calls = CallTools([Call("a", {}, "one")], finish_reason=None, form=Form(done=False), usage=Tokens(2, 1))
    table = await bench(Attempts([calls, CallTools([Call("b", {}, "one")])]))
    items, error = await table.ask()
    assert (error, items[-1].calls) == (None, (ToolCall("one", "b", "{}"),))
    assert [item for item in items if isinstance(item, AttemptLost)] == [
        AttemptLost("provider_bad_response", Usage(2, 1))
    ]


async def test_a_wait_between_attempts_can_be_cancelled(bench):
    table = await bench(Fault("status", status=500))
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    table.clock.sleep = sleep
    asking = asyncio.create_task(table.ask())
    with fail_after(5):
        await waiting.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert len(table.requests) == 1


async def test_a_call_closed_at_a_lost_attempt_asks_no_more(bench):
    table = await bench(Raw((events_of(SAID),)))
    with fail_after(5):
        async with aclosing(table.client().stream(HELLO)) as items:
            async for item in items:
                if isinstance(item, AttemptLost):
                    break
    assert (len(table.requests), table.clock.waits) == (1, [])


async def test_a_thinking_model_gets_the_longer_time_for_its_first_token(bench):
    table = await bench(Say("Yes.", delay_seconds=0.25))
    table.timeouts = replace(table.timeouts, first_token_thinking=3.0, gap=3.0)
    _, plain = await table.ask(table.client(attempts=1))
    with fail_after(5):
        items, error = await table.ask(table.client(attempts=1, model="deepseek-reasoner"))
    assert (plain.kind, error, items[-1].finish_reason) == ("provider_timeout", None, "stop")


class SetClock(SystemClock):
    """A clock the test sets."""

    passed = 0.0

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self.passed


BROKEN = AttemptBrokenError("provider_unreachable", retry=True)


def test_time_in_which_text_arrived_is_not_spent_on_retries():
    clock = SetClock()
    plan = RetryPlan(RetryPolicy(total_seconds=300), clock, lambda: 0.5)
    clock.passed = 900.0
    plan.add_productive(880.0)
    assert plan.next_wait(BROKEN) == 1.0
    clock.passed = 1180.0
    assert plan.next_wait(BROKEN) is None


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)])
def test_jitter_spreads_the_waits(chance, wait):
    assert RetryPlan(RetryPolicy(), SetClock(), lambda: chance).next_wait(BROKEN) == wait


def test_every_kind_has_one_sentence_in_both_languages():
    assert set(KIND_TEXTS) == set(get_args(FailureKind))
    assert all(text.zh and text.en and text.zh != text.en for text in KIND_TEXTS.values())
    assert KIND_TEXTS["provider_auth"].zh == "模型服务认证失败，请检查模型提供商的 API Key"
