"""How messages travel to a server: over HTTP in two ways, or over the pipes of a program."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import httpx2
import mcp.client.sse
from mcp import types as wire
from mcp.client._transport import TransportStreams
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream, create_context_streams
from mcp.shared._httpx_utils import sse_within_origin
from mcp.shared.message import SessionMessage

from clary.adapters.mcp.bounds import Bounds, Ending, RefusedError
from clary.adapters.mcp.limits import McpLimits
from clary.adapters.mcp.transport import GuardedTransport, checked_address
from clary.features.mcp_servers.ports import Endpoint, McpFailedError, StdioHost, StdioPipes
from clary.kit.safe_http import OutboundGuard

# The SDK gives old servers one mebibyte for an event and no way to say otherwise; our own bound is on the stream.
setattr(mcp.client.sse, "sse_within_origin", partial(sse_within_origin, max_event_size=None))  # noqa: B010


class Route:
    """The way to one endpoint. Making one raises `McpFailedError` for an address that is not allowed."""

    def __init__(
        self, endpoint: Endpoint, *, guard: OutboundGuard, programs: StdioHost, limits: McpLimits, ending: Ending
    ) -> None:
        self._endpoint = endpoint
        self._guard = guard
        self._programs = programs
        self._limits = limits
        self._ending = ending
        self._url = None if endpoint.protocol == "stdio" else checked_address(guard, endpoint.url)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[TransportStreams]:
        """What comes and what goes; ends with the block."""
        async with AsyncExitStack() as stack:
            if self._url is None:
                yield await stack.enter_async_context(self._over_pipes())
                return
            transport, url = self._transport(self._url), str(self._url)
            if self._endpoint.protocol == "sse":

                def new_client(*_wishes: Any, **_more: Any) -> httpx2.AsyncClient:
                    return self._http(transport)

                yield await stack.enter_async_context(sse_client(url, httpx_client_factory=new_client))
                return
            http, bound = await stack.enter_async_context(self._http(transport)), 2 * self._limits.max_message_bytes
            yield await stack.enter_async_context(
                streamable_http_client(url, http_client=http, max_sse_event_size=bound)
            )

    def _transport(self, url: httpx2.URL) -> GuardedTransport:
        return GuardedTransport(
            self._guard,
            ending=self._ending,
            origin=url,
            max_message_bytes=self._limits.max_message_bytes,
            needs_every_post=self._endpoint.protocol == "sse",
        )

    def _http(self, transport: GuardedTransport) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=transport,
            headers=dict(self._endpoint.headers),
            timeout=httpx2.Timeout(30.0, connect=self._limits.connect_seconds, read=None),
            trust_env=False,
            follow_redirects=False,
        )

    @asynccontextmanager
    async def _over_pipes(self) -> AsyncGenerator[TransportStreams]:
        if self._endpoint.program is None:
            raise McpFailedError("denied")
        incoming, read = create_context_streams[SessionMessage | Exception](0)
        write, outgoing = create_context_streams[SessionMessage](0)
        async with incoming, read, write, outgoing, self._programs.open(self._endpoint.program) as pipes:
            self._ending.connected.set()
            tasks = {asyncio.create_task(self._hear(pipes, incoming)), asyncio.create_task(_say(pipes, outgoing))}
            # Whatever ends one of them, the SDK sees the end of what comes.
            for task in tasks:
                task.add_done_callback(lambda _: incoming.close())
            try:
                yield read, write
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _hear(self, pipes: StdioPipes, incoming: ContextSendStream[SessionMessage | Exception]) -> None:
        with suppress(RefusedError):
            async for line in self._lines(pipes):
                message = _message(line)
                if message is not None:
                    await incoming.send(message)

    async def _lines(self, pipes: StdioPipes) -> AsyncGenerator[bytes]:
        bounds, rest = Bounds(self._limits.max_message_bytes, is_stream=True), bytearray()
        while chunk := await pipes.read():
            kind = bounds.verdict(chunk)
            if kind is not None:
                raise self._ending.broke(kind)
            rest += chunk
            *lines, rest = rest.split(b"\n")
            for line in lines:
                yield bytes(line)


async def _say(pipes: StdioPipes, outgoing: ContextReceiveStream[SessionMessage]) -> None:
    with suppress(OSError):
        async for item in outgoing:
            text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            await pipes.send(text.encode() + b"\n")


def _message(line: bytes) -> SessionMessage | None:
    """A message; None for what programs print besides."""
    try:
        return SessionMessage(wire.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None
