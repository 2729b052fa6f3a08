"""Where the client connects: only where the guard lets it, whatever a name, a redirect or a server says."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web
from anyio import fail_after

from adapters.mcp.stage import Listener, opened
from clary.adapters.mcp import McpAuthorization, transport
from clary.features.mcp_servers.ports import AuthorizationServer, Endpoint, McpFailedError
from clary.kit.safe_http import OutboundGuard
from support.mcp_servers import Stranger, stranger

pytestmark = pytest.mark.anyio
Json = dict[str, Any]

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "localhost",
    "a.localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "[fd00::1]",
]


async def refusal(client: Any, url: str, protocol: Any = "streamable_http") -> str:
    with fail_after(5), pytest.raises(McpFailedError) as failed:
        await client.list_offer(Endpoint("a", protocol, url, headers=(("Authorization", "Bearer SECRET"),)))
    return failed.value.kind


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_a_private_address_is_connected_to(other: Stranger, host: str) -> None:
    port = other.origin.rpartition(":")[2]
    async with opened("nobody.example") as client:
        for protocol in ("streamable_http", "sse"):
            assert await refusal(client, f"http://{host}:{port}/mcp", protocol) == "denied"
    assert other.asked == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/", "http://a:b@example.com/", "gopher://x/"])
async def test_other_schemes_and_user_info_are_denied(url: str) -> None:
    async with opened("nobody.example") as client:
        assert await refusal(client, url) == "denied"


async def test_a_name_is_judged_by_what_it_means_at_each_connect(
    other: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant = ["127.0.0.1"]

    async def resolved(host: str, port: int) -> list[str]:
        return meant

    monkeypatch.setattr(transport, "_resolved", resolved)
    port = other.origin.rpartition(":")[2]
    endpoint = Endpoint("a", "streamable_http", f"http://rebinding.example:{port}/mcp")
    async with opened("nobody.example") as client:
        for addresses in (["127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254", "127.0.0.1"], ["0.0.0.0"]):
            meant[:] = addresses
            assert await refusal(client, endpoint.url) == "denied"
    assert other.asked == []


async def test_a_connection_that_is_no_longer_permitted_is_not_used_again(other: Stranger) -> None:
    async with opened() as client:
        endpoint = Endpoint("a", "streamable_http", other.url)
        await client.list_offer(endpoint)
        client._guard.replace_allow(["nobody.example"])  # pyright: ignore[reportPrivateUsage]
        asked = len(other.asked)
        with pytest.raises(McpFailedError) as failed:
            await client.call_tool(endpoint, "echo", {}, Listener().door)
    assert failed.value.kind == "denied"
    assert other.asked[asked:] == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_key_never_follows_a_redirect_to_another_origin(other: Stranger, status: int) -> None:
    async with stranger() as thief:

        async def leading_away(message: Json, request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": thief.url})

        other.everything = leading_away
        async with opened() as client:
            for protocol in ("streamable_http", "sse"):
                assert await refusal(client, other.url, protocol) in ("denied", "bad_protocol")
        assert thief.asked == []


async def test_an_old_server_cannot_send_messages_elsewhere(other: Stranger) -> None:
    async with stranger() as thief:

        async def elsewhere(message: Json, request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(f"event: endpoint\ndata: {thief.url}\n\n".encode())
            await other.gone.wait()
            return response

        other.everything = elsewhere
        async with opened(list_seconds=0.5) as client:
            assert await refusal(client, other.url, "sse") == "timeout"
        assert thief.asked == []


async def test_an_authorization_server_at_a_private_address_is_never_asked(other: Stranger) -> None:
    port = other.origin.rpartition(":")[2]
    allowed = f"127.0.0.1:{port}"
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        private = f"http://127.0.0.1:{listening.getsockname()[1]}"

        async def pointing(message: Json, request: web.Request) -> web.StreamResponse:
            if request.path.startswith("/.well-known/oauth-protected-resource"):
                return web.json_response({"resource": other.url, "authorization_servers": [private]})
            return web.json_response({}, status=401)

        other.everything = pointing
        door = McpAuthorization(OutboundGuard([allowed]))
        with pytest.raises(McpFailedError) as failed:
            await door.discover(other.url)
        assert failed.value.kind == "denied"
        server = AuthorizationServer("i", private, f"{private}/token", f"{private}/register", other.url)
        with pytest.raises(McpFailedError):
            await door.register(server, redirect_uri="https://clary.example/cb")
        with pytest.raises(BlockingIOError):
            listening.accept()
    await asyncio.sleep(0)
