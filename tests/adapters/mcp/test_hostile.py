"""Servers that hang, flood, lie and die: each ends its own calls with a known kind, and nobody else notices."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from anyio import fail_after

from adapters.mcp.stage import Listener, opened
from clary.adapters.mcp import McpGateway
from clary.features.mcp_servers.ports import Endpoint, McpFailedError, RemoteError
from support.mcp_servers import PNG, Stranger, stranger, streaming, text, tool

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
MIB = 1024 * 1024
NOTICE = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n\n'


def at(server: Stranger, name: str = "hostile") -> Endpoint:
    return Endpoint(name, "streamable_http", server.url)


async def fails(work: Awaitable[Any], seconds: float = 8) -> str:
    """How something fails, within its time."""
    with fail_after(seconds), pytest.raises(McpFailedError) as failed:
        await work
    return failed.value.kind


async def beside(client: McpGateway, work: Awaitable[str]) -> str:
    """How something fails while calls to an honest server go on as ever."""
    async with stranger() as honest:
        doing = asyncio.ensure_future(work)
        while True:
            with fail_after(2):
                answer = await client.call_tool(at(honest, "honest"), "echo", {}, Listener().door)
            assert answer.parts[0].text == "called echo"
            if doing.done():
                return doing.result()
            await asyncio.wait({doing}, timeout=0.05)


@pytest.mark.parametrize("step", ["initialize", "notifications/initialized", "tools/list"])
async def test_one_that_hangs_before_it_is_known_times_out(other: Stranger, step: str) -> None:
    other.hang = {step, "DELETE", "GET"}
    async with opened(list_seconds=0.5) as client:
        assert await beside(client, fails(client.list_offer(at(other)))) == "timeout"


async def test_one_that_hangs_in_a_call_times_out_and_the_next_call_works(other: Stranger) -> None:
    other.hang = {"tools/call", "notifications/cancelled", "DELETE"}
    async with opened(call_seconds=0.7) as client:
        call = client.call_tool(at(other), "echo", {}, Listener().door)
        assert await beside(client, fails(call)) == "timeout"
        other.hang = set()
        await client.call_tool(at(other), "echo", {}, Listener().door)
        assert len(other.calls) == 1


async def test_one_that_takes_the_connection_and_says_nothing_times_out() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    serving = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/mcp"
    async with serving, opened(list_seconds=0.5) as client:
        for protocol in ("streamable_http", "sse"):
            assert await beside(client, fails(client.list_offer(Endpoint("a", protocol, url)))) == "timeout"


async def test_a_dead_address_is_unreachable() -> None:
    serving = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/mcp"
    serving.close()
    await serving.wait_closed()
    async with opened() as client:
        for protocol in ("streamable_http", "sse"):
            assert await fails(client.list_offer(Endpoint("a", protocol, url))) == "unreachable"


@pytest.mark.parametrize(
    ("tools", "kind"),
    [
        ([tool(f"t{number}") for number in range(10_000)], "too_large"),
        ([tool(f"t{number}", "x" * 10_000) for number in range(100)], "too_large"),
        ([tool("t", inputSchema={"type": "object", "enum": [[]] * 600_000})], "too_large"),
        ("not a list", "bad_protocol"),
    ],
    ids=["many", "long", "fine-grained", "none"],
)
async def test_a_flood_of_definitions_is_refused(other: Stranger, tools: Any, kind: str) -> None:
    other.tools = tools
    async with opened() as client:
        assert await beside(client, fails(client.list_offer(at(other)))) == kind


async def test_pages_without_end_are_refused(other: Stranger) -> None:
    async def page(message: Json, request: web.Request) -> Json:
        return {"result": {"tools": [], "nextCursor": "more"}}

    other.answers["tools/list"] = page
    async with opened() as client:
        assert await beside(client, fails(client.list_offer(at(other)))) == "too_large"
    assert other.asked.count("tools/list") == 50


async def test_one_bad_definition_takes_away_itself_alone(other: Stranger) -> None:
    other.tools = [tool("good"), {"name": 7}, tool("bad", inputSchema="none"), tool("good", "again"), "x"]  # type: ignore[list-item]
    async with opened() as client:
        offer = await client.list_offer(at(other))
    assert [each["name"] for each in offer.tools] == ["good"]
    assert list(offer.left_out) == ["7", "bad", "good"]


async def test_a_result_beyond_the_limit_ends_its_call(other: Stranger) -> None:
    async def much(message: Json, request: web.Request) -> Json:
        return {"result": text("x" * (20 * MIB))}

    other.answers["tools/call"] = much
    async with opened() as client:
        await client.list_offer(at(other))
        assert await beside(client, fails(client.call_tool(at(other), "echo", {}, Listener().door))) == "too_large"
        del other.answers["tools/call"]
        await client.call_tool(at(other), "echo", {}, Listener().door)


async def test_a_result_of_very_many_values_ends_its_call(other: Stranger) -> None:
    async def much(message: Json, request: web.Request) -> Json:
        return {"result": {"content": [], "structuredContent": {"rows": [[]] * 3_000_000}}}

    other.answers["tools/call"] = much
    async with opened() as client:
        await client.list_offer(at(other))
        assert await fails(client.call_tool(at(other), "echo", {}, Listener().door)) == "too_large"


async def test_a_long_text_full_of_commas_and_quotes_is_only_a_text(other: Stranger) -> None:
    async def table(message: Json, request: web.Request) -> Json:
        return {"result": text('a,"b",[\\{\n' * 300_000)}

    other.answers["tools/call"] = table
    async with opened() as client:
        answer = await client.call_tool(at(other), "echo", {}, Listener().door)
    assert len(answer.parts[0].text) == 300_000 * 10


async def test_packed_answers_are_not_unpacked(other: Stranger) -> None:
    async def bomb(message: Json, request: web.Request) -> web.Response:
        packed = gzip.compress(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": text("x" * MIB)}).encode())
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=packed, headers=headers)

    other.answers["tools/call"] = bomb
    async with opened() as client:
        assert await fails(client.call_tool(at(other), "echo", {}, Listener().door)) == "bad_protocol"
    assert {each["accept-encoding"] for each in other.headers} == {"identity"}


@pytest.mark.parametrize(
    ("piece", "pause", "kinds"),
    [
        (lambda _: b": still here\n\n", 0.05, {"timeout"}),
        (lambda _: b": x\n" * 1000, 0, {"bad_protocol"}),
        (lambda _: b"data: " + b"x" * 65_536, 0, {"too_large"}),
        (lambda _: NOTICE * 9, 0, {"bad_protocol", "timeout"}),
        (lambda n: b'data: {"jsonrpc":"2.0","id":%d,"result":{}}\n\n' % (n + 10**6), 0, {"bad_protocol", "timeout"}),
        (lambda n: b"id: x\nretry: 1\nevent: junk\ndata: {broken\n\n", 0.01, {"bad_protocol", "timeout"}),
    ],
    ids=["comments", "lines", "one-line", "notices", "strange-ids", "junk"],
)
async def test_events_without_end_end_with_their_call(
    other: Stranger, piece: Callable[[int], bytes], pause: float, kinds: set[str]
) -> None:
    other.answers["tools/call"] = streaming(piece, pause)
    async with opened(call_seconds=2) as client:
        await client.list_offer(at(other))
        assert await beside(client, fails(client.call_tool(at(other), "echo", {}, Listener().door))) in kinds


async def test_an_event_stream_of_the_old_transport_that_never_ends_times_out(other: Stranger) -> None:
    other.everything = streaming(lambda _: b": x\n\n", 0.05)
    async with opened(list_seconds=0.5) as client:
        assert await beside(client, fails(client.list_offer(Endpoint("a", "sse", other.url)))) == "timeout"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>hello</html>", "bad_protocol"),
        (200, "", "bad_protocol"),
        (500, "boom", "bad_protocol"),
        (404, "none", "bad_protocol"),
        (401, "no", "unauthorized"),
        (403, "no", "unauthorized"),
        (200, '{"jsonrpc":"2.0","id":1,"result":{}}', "timeout"),
        (200, "[" * 100_000, "bad_protocol"),
        (200, "\0\xff\0", "bad_protocol"),
    ],
)
async def test_nonsense_is_a_known_failure(other: Stranger, status: int, body: str, kind: str) -> None:
    async def nonsense(message: Json, request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    other.everything = nonsense
    async with opened(list_seconds=1) as client:
        assert await fails(client.list_offer(at(other))) == kind


async def test_one_that_refuses_to_list_cannot_be_used(other: Stranger) -> None:
    async def refusing(message: Json, request: web.Request) -> Json:
        return {"error": {"code": -32603, "message": "MARK"}}

    other.answers["tools/list"] = refusing
    async with opened() as client:
        assert await fails(client.list_offer(at(other))) == "bad_protocol"


async def test_one_that_dies_in_a_call_is_an_ordinary_failure_and_sent_once(other: Stranger) -> None:
    async def dying(message: Json, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    other.answers["tools/call"] = dying
    async with opened() as client:
        with fail_after(5), pytest.raises((McpFailedError, RemoteError)):
            await client.call_tool(at(other), "echo", {}, Listener().door)
    assert other.asked.count("tools/call") == 1


async def test_more_calls_than_allowed_wait_their_turn(other: Stranger) -> None:
    under_way, most, full = 0, 0, asyncio.Event()

    async def counting(message: Json, request: web.Request) -> Json:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most == 4:
            full.set()
        await full.wait()
        await asyncio.sleep(0.02)
        under_way -= 1
        return {"result": text("x")}

    other.answers["tools/call"] = counting
    async with opened(max_parallel_calls=4) as client:
        await client.list_offer(at(other))
        await asyncio.gather(*(client.call_tool(at(other), "echo", {}, Listener().door) for _ in range(20)))
    assert most == 4


async def test_questions_without_end_are_declined_after_a_few() -> None:
    from mcp.server.mcpserver import Context, MCPServer

    from support.mcp_servers import City, serving

    server = MCPServer("asking")

    @server.tool(structured_output=False)
    async def ask(ctx: Context) -> str:
        """Asks and asks."""
        return ",".join([(await ctx.elicit("Where?", City)).action for _ in range(30)])

    listener = Listener({"city": "x", "sure": True})
    async with serving(server.sse_app()) as origin, opened() as client:
        answer = await client.call_tool(Endpoint("a", "sse", origin + "/sse"), "ask", {}, listener.door)
    assert answer.parts[0].text.split(",") == ["accept"] * 10 + ["decline"] * 20
    assert len(listener.asked) == 10


async def test_broken_data_is_said_to_be_broken(other: Stranger) -> None:
    async def images(message: Json, request: web.Request) -> Json:
        content = [{"type": "image", "data": data, "mimeType": "image/png"} for data in (PNG, "!", "A")]
        return {"result": {"content": content}}

    other.answers["tools/call"] = images
    async with opened() as client:
        answer = await client.call_tool(at(other), "echo", {}, Listener().door)
    assert answer.parts[0].kind == "file"
    assert answer.parts[2].text == "[image/png: broken data]"
