"""The provider does what its script says, to a client that knows only HTTP."""

import asyncio
import json

import aiohttp
import pytest
from anyio import fail_after

from clary.adapters.scripted_provider import (
    Attempts,
    Call,
    CallTools,
    Fault,
    Gate,
    Paced,
    Say,
    ScriptedProvider,
    Tokens,
    serve,
)

pytestmark = pytest.mark.anyio

ROUND = {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"name": "t"}}]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "r"}


def user(text):
    return {"role": "user", "content": text}


async def ask(provider, messages, *, stream=True, session=None):
    """The events of an answer, or the whole one."""
    if session is None:
        async with aiohttp.ClientSession() as own:
            return await ask(provider, messages, stream=stream, session=own)
    body = {"model": "m", "messages": messages, "stream": stream}
    async with session.post(provider.url + "/chat/completions", json=body) as response:
        if not stream or response.status != 200:
            return await response.json()
        lines = (await response.text()).split("\n\n")
        return [json.loads(line[6:]) for line in lines if line and line != "data: [DONE]"]


def text(events):
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


async def test_the_last_tag_chooses_the_script_and_the_tool_rounds_choose_the_step():
    scripts = {"a": [CallTools([Call("t")], text="0"), Say("1"), Say("2")], "b": [Say("b")]}
    async with ScriptedProvider(scripts, default=Say("default")) as provider:
        said = [
            text(await ask(provider, messages))
            for messages in (
                [user("[[play:a]]")],
                [user("[[play:a]]"), ROUND, RESULT],
                [user("[[play:a]]"), ROUND, RESULT, user("more"), ROUND, RESULT],
                [user("[[play:a]]"), *[ROUND, RESULT] * 9],
                [user("[[play:b]]"), ROUND, RESULT, user([{"type": "text", "text": "x [[play:b]] [[play:a]]"}])],
                [user("[[play:a]]"), user("[[play:b]]")],
                [{"role": "system", "content": "[[play:a]]"}, user("hi")],
                [],
            )
        ]
    assert said == ["0", "1", "2", "2", "0", "b", "default", "default"]
    assert [(each.script, each.round) for each in provider.requests[:4]] == [("a", 0), ("a", 1), ("a", 2), ("a", 9)]


async def test_an_unknown_script_is_refused():
    async with ScriptedProvider() as provider:
        answer = await ask(provider, [user("[[play:nowhere]]")])
    assert answer == {"error": {"message": "no script is named nowhere"}}


async def test_attempts_are_counted_by_messages():
    step = Attempts([Say("first"), Say("second")])
    async with ScriptedProvider({"a": [step]}) as provider:
        again = [text(await ask(provider, [user("[[play:a]]")])) for _ in range(3)]
        other = text(await ask(provider, [user("[[play:a]] other")]))
    assert (again, other) == (["first", "second", "second"], "first")
    assert [each.attempt for each in provider.requests] == [0, 1, 2, 0]


async def test_whole_answers_and_models():
    calls = CallTools([Call("t", {"n": 1}, "c")], text="x", reasoning="y", usage=Tokens(1, 2, 3, 4))
    async with ScriptedProvider({"calls": [calls], "load": [Paced(3, 0, "{n},")]}) as provider:
        whole = await ask(provider, [user("[[play:calls]]")], stream=False)
        load = await ask(provider, [user("[[play:load]]")], stream=False)
        async with aiohttp.ClientSession() as session:
            async with session.get(provider.url + "/models") as response:
                models = await response.json()
            async with session.get(provider.url + "/other") as response:
                assert response.status == 404
    assert whole["choices"][0]["message"] == {
        "role": "assistant",
        "content": "x",
        "reasoning_content": "y",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "t", "arguments": '{"n":1}'}}],
    }
    assert (whole["choices"][0]["finish_reason"], whole["usage"]["total_tokens"]) == ("tool_calls", 3)
    assert load["choices"][0]["message"]["content"] == "0,1,2,"
    assert [model["id"] for model in models["data"]] == ["scripted"]


async def test_500_paced_streams_at_a_time_keep_their_order():
    scripts = {"load": [Paced(5, 0.02, "{n},", usage=None)]}
    unlimited = aiohttp.TCPConnector(limit=0)
    async with ScriptedProvider(scripts) as provider, aiohttp.ClientSession(connector=unlimited) as session:
        with fail_after(30):
            asked = [ask(provider, [user("[[play:load]]")], session=session) for _ in range(500)]
            answers = await asyncio.gather(*asked)
        assert provider.open_connections == 500
    assert {text(each) for each in answers} == {"0,1,2,3,4,"}


async def test_a_gate_waits_for_the_test():
    gate = Gate(Say("after"), text="before ")
    async with ScriptedProvider({"gate": [gate]}) as provider:
        asking = asyncio.create_task(ask(provider, [user("[[play:gate]]")]))
        with fail_after(5):
            await gate.reached.wait()
            assert not provider.requests[0].ended.is_set()
            gate.open()
            assert text(await asking) == "before after"


async def test_a_client_that_leaves_is_noticed_at_once():
    async with ScriptedProvider(default=Fault("no_answer")) as provider:
        asking = asyncio.create_task(ask(provider, [user("x")]))
        with fail_after(5):
            while not provider.requests:
                await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await provider.requests[0].client_left.wait()
            await provider.requests[0].ended.wait()


async def test_leaving_the_provider_ends_open_answers():
    async with ScriptedProvider(default=Fault("no_answer")) as provider:
        asking = asyncio.create_task(ask(provider, [user("x")]))
        with fail_after(5):
            while not provider.requests:
                await asyncio.sleep(0.01)
    with fail_after(5), pytest.raises(aiohttp.ClientError):
        await asking
    assert provider.open_connections == 0


@pytest.mark.parametrize(
    "sent", [b"", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n", b"x" * 100_000]
)
async def test_nonsense_closes_only_its_own_connection(sent):
    async with ScriptedProvider() as provider:
        reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
        writer.write(sent)
        writer.write_eof()
        with fail_after(5):
            assert await reader.read() == b""
        writer.close()
        assert text(await ask(provider, [user("x")])) == "This is the scripted provider."


async def test_a_chunked_body_and_a_body_that_is_no_object_are_read():
    async def pieces():
        yield b'{"stream": false, "messages": '
        yield json.dumps([user("[[play:a]]")]).encode() + b"}"

    async with ScriptedProvider({"a": [Say("yes")]}) as provider, aiohttp.ClientSession() as session:
        async with session.post(provider.url + "/chat/completions", data=pieces()) as response:
            assert (await response.json())["choices"][0]["message"]["content"] == "yes"
        async with session.post(provider.url + "/chat/completions", data=b"[1]") as response:
            assert response.status == 200
    assert provider.requests[1].body == {}


async def test_serve_listens_until_cancelled(tmp_path, unused_port):
    path = tmp_path / "play.json"
    path.write_text('{"default": {"say": "from the file"}}')
    serving = asyncio.create_task(serve("127.0.0.1", unused_port, str(path)))
    provider = ScriptedProvider(port=unused_port)
    with fail_after(5):
        while True:
            try:
                answer = await ask(provider, [user("x")], stream=False)
                break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert answer["choices"][0]["message"]["content"] == "from the file"


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
