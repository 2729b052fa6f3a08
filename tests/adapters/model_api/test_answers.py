"""Answers in every odd shape: text is never corrupted, calls are put together, closing closes."""

import asyncio
import itertools
import json

import pytest
from anyio import fail_after
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.adapters.model_api import Completion, complete
from clary.adapters.model_api.failures import AttemptBrokenError
from clary.adapters.model_api.response_reader import ResponseReader
from clary.adapters.scripted_provider import Attempts, Call, CallTools, Fault, Form, Gate, Raw, Say, Tokens
from clary.runtime.messages import ToolCall, ToolSpec, UserMessage
from clary.runtime.model import ModelDone, ModelRequest, ReasoningDelta, TextDelta, ToolCallDelta, Usage

pytestmark = pytest.mark.anyio

HARD = 'Ünï 漢字 👩‍👩‍👧‍👦 \u2028 \x85 \x00 \r\n data: {"x"} [DONE] </think> <|tool|> stream_end \ufeff €'
HELLO = ModelRequest([UserMessage("Hello")])
FORMS = [
    Form(),
    Form(crlf=True),
    Form(bytes_per_write=1),
    Form(bytes_per_write=3, crlf=True),
    Form(null_deltas=True),
    Form(comments=True, done=False),
]


def texts(items, kind=TextDelta):
    return "".join(item.text for item in items if isinstance(item, kind))


@pytest.mark.parametrize("form", FORMS)
async def test_text_arrives_as_it_was_sent(bench, form):
    table = await bench(Say(HARD, pieces=7, reasoning="Hm €", usage=Tokens(7, 3, 2, 1), form=form))
    with fail_after(10):
        items, error = await table.ask()
    assert error is None
    assert (texts(items), texts(items, ReasoningDelta)) == (HARD, "Hm €")
    assert items[-1] == ModelDone("stop", (), Usage(7, 3, 2, 1))
    assert all(item.text for item in items[:-1])


async def test_an_answer_that_is_not_streamed_is_read_too(bench):
    body = {"choices": [{"message": {"content": HARD}, "finish_reason": "stop"}]}
    table = await bench(Raw((json.dumps(body, indent=1).encode(),), content_type="application/json"))
    items, error = await table.ask()
    assert (items, error) == ([TextDelta(HARD), ModelDone("stop")], None)


REASONS = [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("eos_token", "other")]


@pytest.mark.parametrize(("said", "meant"), REASONS)
async def test_finish_reasons(bench, said, meant):
    items, error = await (table := await bench(Say("Yes.", finish_reason=said, usage=None))).ask()
    assert (items, error, len(table.requests)) == ([TextDelta("Yes."), ModelDone(meant)], None, 1)


def read_in_pieces(body: bytes, cuts: list[int]) -> list:
    reader = ResponseReader({}, iter(f"call_{n}" for n in range(100)).__next__)
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    items = [item for start, end in itertools.pairwise(edges) for item in reader.feed(body[start:end])]
    return [*items, *reader.end(), *reader.last_items()]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(min_size=1), min_size=1), st.lists(st.integers(0, 10**6)), st.booleans(), st.booleans())
def test_wherever_the_bytes_are_cut_the_text_is_the_same(pieces, cuts, crlf, escaped):
    end = "\r\n\r\n" if crlf else "\n\n"
    events = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    body = "".join("data: " + json.dumps(each, ensure_ascii=escaped) + end for each in events)
    assert texts(read_in_pieces((body + "data: [DONE]" + end).encode(), cuts)) == "".join(pieces)


def test_a_surrogate_pair_cut_between_two_deltas_is_joined():
    body = (
        b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\ndata: {"choices": [{"delta": {"content": '
        b'"\\ude00b\\ud83d"}, "finish_reason": "stop"}]}\n\n'
    )
    for cut in range(len(body)):
        assert texts(read_in_pieces(body, [cut])) == "a\U0001f600b\ufffd"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400)), st.booleans())
def test_any_bytes_end_in_items_or_in_one_error(noise, cuts, framed):
    try:
        items = read_in_pieces(b"data: " + noise + b"\n\n" if framed else noise, cuts)
    except AttemptBrokenError:
        return
    assert isinstance(items[-1], ModelDone)
    texts(items).encode()


ARGUMENTS = '{"city": "Köln \U0001f600", "days": [1, 2]}'
TWO = (Call("weather.of-day", ARGUMENTS, "call_a"), Call("mail.send", '{"to": "x"}', "call_b"))
CALLS = (ToolCall("call_a", "weather.of-day", ARGUMENTS), ToolCall("call_b", "mail.send", '{"to": "x"}'))
SHAPES = [
    {},
    {"argument_piece": 1},
    {"argument_piece": 1, "interleaved": True},
    {"argument_piece": 1, "index": "missing"},
    {"argument_piece": 1, "index": "zero"},
    {"index": "missing"},
    {"index": "zero"},
    {"argument_piece": 1, "form": Form(bytes_per_write=5, null_deltas=True, crlf=True)},
    {"finish_reason": "stop", "text": "Let me see.", "reasoning": "Hm."},
]


def joined(items) -> tuple[ToolCall, ...]:
    """The calls as the deltas tell them."""
    made: dict[int, list] = {}
    for item in items:
        if isinstance(item, ToolCallDelta):
            if item.position not in made:
                made[item.position] = [item.id, item.name, ""]
            else:
                assert (item.id, item.name) == (None, None)
            made[item.position][2] += item.arguments
    assert list(made) == list(range(len(made)))
    return tuple(ToolCall(*parts) for parts in made.values())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_calls_are_put_together_and_named_as_ours(bench, shape):
    tools = [ToolSpec(name, "", {}) for name in ("weather.of-day", "mail.send")]
    table = await bench(Say("x"))
    await table.ask(request=ModelRequest([UserMessage("Hello")], tools))
    wire = [tool["function"]["name"] for tool in table.requests[0].body["tools"]]
    assert all("." not in name for name in wire)
    calls = [Call(name, call.arguments, call.id) for name, call in zip(wire, TWO, strict=True)]
    again = await bench(CallTools(calls, **shape))
    items, error = await again.ask(request=ModelRequest([UserMessage("Hello")], tools))
    assert error is None
    assert (items[-1].finish_reason, items[-1].calls, joined(items)) == ("tool_calls", CALLS, CALLS)


async def test_ids_are_made_where_they_are_missing_or_taken(bench):
    step = CallTools([Call("a", {}, ""), Call("b", {}, "same"), Call("c", {}, "same"), Call("d", {}, "x y\n")])
    items, _ = await (await bench(step)).ask()
    ids = [call.id for call in items[-1].calls]
    assert [call.name for call in items[-1].calls] == ["a", "b", "c", "d"]
    assert len(set(ids)) == 4
    assert ids[1] == "same"
    assert all(id and " " not in id for id in ids)


async def test_broken_arguments_and_a_hundred_calls_stay_as_they_are(bench):
    items, error = await (await bench(CallTools([Call("t", '{"a": ', f"c{n}") for n in range(100)]))).ask()
    assert error is None
    assert items[-1].calls == tuple(ToolCall(f"c{n}", "t", '{"a": ') for n in range(100))


async def test_more_than_a_thousand_calls_are_a_bad_response(bench):
    items, error = await (await bench(CallTools([Call("t", {}, f"c{n}") for n in range(1001)]))).ask()
    assert error.kind == "provider_bad_response"
    assert not any(isinstance(item, ModelDone) for item in items)


async def test_closing_the_iterator_closes_the_connection_at_once(bench):
    table = await bench(Fault("stall", text="Half"))
    items = table.client().stream(HELLO)
    assert await anext(items) == TextDelta("Half")
    await items.aclose()
    with fail_after(1):
        await table.requests[0].client_left.wait()
    assert len(table.requests) == 1


@pytest.mark.parametrize("fault", [Fault("no_answer"), Fault("stall"), Fault("stall", text="Half")], ids=str)
async def test_cancelling_closes_the_connection_at_once(bench, fault):
    gate = Gate(fault)
    table = await bench(gate)
    gate.open()
    task = asyncio.create_task(table.ask())
    with fail_after(2):
        await gate.reached.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await table.requests[0].client_left.wait()
    assert len(table.requests) == 1


async def test_connections_of_whole_answers_are_used_again(bench):
    table = await bench(Say("Yes."))
    client = table.client()
    for _ in range(5):
        await table.ask(client)
    assert (len(table.requests), table.provider.connections_total) == (5, 1)


async def test_many_calls_at_a_time_do_not_mix(bench):
    table = await bench(Say(HARD, pieces=20, form=Form(bytes_per_write=20)))
    client = table.client()
    table.timeouts = table.timeouts.__class__(5, 5, 5, 5, 5)
    with fail_after(30):
        answers = await asyncio.gather(*(complete(table.client(), HELLO) for _ in range(50)))
    assert {answer.text for answer in answers} == {HARD}
    assert client.model_name == "scripted"


async def test_a_completion_forgets_lost_attempts(bench):
    table = await bench(Attempts([Fault("stall", text="Half"), Say("Yes.", usage=Tokens(4, 2))]))
    assert await complete(table.client(), HELLO) == Completion("Yes.", (), Usage(4, 2), "stop")
