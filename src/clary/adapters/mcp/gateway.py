"""The pool: one connection for each endpoint, a bounded number of calls for each server."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from clary.adapters.mcp.limits import McpLimits
from clary.features.mcp_servers.ports import (
    CallDoor,
    CallResult,
    Endpoint,
    Listing,
    McpFailedError,
    StdioHost,
    StdioPipes,
    StdioProgram,
)
from clary.kit.safe_http import OutboundGuard

if TYPE_CHECKING:
    from clary.adapters.mcp.connection import Connection

__all__ = ["McpGateway", "McpLimits"]

Json = dict[str, Any]


class NoPrograms:
    """A host that runs no programs."""

    @asynccontextmanager
    async def open(self, program: StdioProgram) -> AsyncGenerator[StdioPipes]:
        """See the port."""
        raise McpFailedError("unreachable")
        yield


class McpGateway:
    """Fills the port `McpClient`."""

    def __init__(
        self, guard: OutboundGuard, limits: McpLimits | None = None, programs: StdioHost | None = None
    ) -> None:
        self._guard = guard
        self._programs = programs or NoPrograms()
        self._limits = limits or McpLimits()
        self._connections: dict[Endpoint, Connection] = {}
        self._turns: WeakValueDictionary[Endpoint, asyncio.Lock] = WeakValueDictionary()
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._leaving: dict[asyncio.Task[None], Connection] = {}
        self._listener: Callable[[str], None] = lambda server: None

    def on_change(self, listener: Callable[[str], None]) -> None:
        """See the port."""
        self._listener = listener

    async def list_offer(self, endpoint: Endpoint) -> Listing:
        """See the port."""
        async with self._call(endpoint.server):
            # Instructions are told at the handshake alone, so a look is a new connection; calls under way go on.
            known = self._connections.get(endpoint)
            if known is not None:
                self._retire(endpoint, known)
            connection, _ = await self._checked(endpoint)
            return await connection.full_listing()

    async def call_tool(self, endpoint: Endpoint, name: str, arguments: Json, door: CallDoor) -> CallResult:
        """See the port."""
        async with self._call(endpoint.server):
            connection, listing = await self._checked(endpoint)
            async with self._used(endpoint, connection):
                await door.check(listing)
                return await connection.call_tool(name, arguments, door)

    async def read_resource(self, endpoint: Endpoint, uri: str, door: CallDoor) -> CallResult:
        """See the port."""
        async with self._call(endpoint.server):
            connection, _ = await self._checked(endpoint)
            async with self._used(endpoint, connection):
                return await connection.read_resource(uri, door)

    async def get_prompt(
        self, endpoint: Endpoint, name: str, arguments: Mapping[str, str], door: CallDoor
    ) -> list[Json]:
        """See the port."""
        async with self._call(endpoint.server):
            connection, _ = await self._checked(endpoint)
            async with self._used(endpoint, connection):
                return await connection.get_prompt(name, arguments, door)

    async def forget(self, server: str, *, user: str | None = None) -> None:
        """See the port."""
        gone = [each for each in self._connections if each.server == server and user in (None, each.user)]
        await self._close(*[self._connections.pop(each) for each in gone])

    async def close(self) -> None:
        """See the port."""
        every = [*self._connections.values(), *self._leaving.values()]
        self._connections.clear()
        await self._close(*every)
        await asyncio.gather(*self._leaving)

    @asynccontextmanager
    async def _call(self, server: str) -> AsyncGenerator[None]:
        """A place among the calls to a server, and their time."""
        slots = self._slots.setdefault(server, asyncio.Semaphore(self._limits.max_parallel_calls))
        try:
            async with asyncio.timeout(self._limits.call_seconds), slots:
                yield
        except TimeoutError:
            raise McpFailedError("timeout") from None

    @asynccontextmanager
    async def _used(self, endpoint: Endpoint, connection: "Connection") -> AsyncGenerator[None]:
        """A call that is given up may have left its connection stuck: the next one gets another."""
        with connection.held():
            try:
                yield
            except asyncio.CancelledError:
                self._retire(endpoint, connection)
                raise

    def _retire(self, endpoint: Endpoint, connection: "Connection") -> None:
        self._let_go(endpoint, connection)
        leaving = asyncio.create_task(connection.retire())
        self._leaving[leaving] = connection
        leaving.add_done_callback(self._leaving.pop)

    async def _checked(self, endpoint: Endpoint) -> "tuple[Connection, Listing]":
        """A connection that has just answered. One that was idle may be dead: then there is one new attempt."""
        connection, is_new = await self._connected(endpoint)
        try:
            return connection, await connection.fresh_listing()
        except McpFailedError:
            await self._drop(endpoint, connection)
            if is_new:
                raise
        connection, _ = await self._connected(endpoint)
        return connection, await connection.fresh_listing()

    async def _connected(self, endpoint: Endpoint) -> "tuple[Connection, bool]":
        turn = self._turns.setdefault(endpoint, asyncio.Lock())
        async with turn:
            known = self._connections.get(endpoint)
            if known is not None and known.is_alive:
                return known, False
            made = (await asyncio.to_thread(_connection_class))(
                endpoint,
                guard=self._guard,
                programs=self._programs,
                limits=self._limits,
                on_change=lambda server: self._listener(server),
            )
            await made.open()
            self._connections[endpoint] = made
            made.when_over(lambda: self._let_go(endpoint, made))
            return made, True

    def _let_go(self, endpoint: Endpoint, connection: "Connection") -> None:
        if self._connections.get(endpoint) is connection:
            del self._connections[endpoint]

    async def _drop(self, endpoint: Endpoint, connection: "Connection") -> None:
        self._let_go(endpoint, connection)
        await self._close(connection)

    async def _close(self, *connections: "Connection") -> None:
        await asyncio.gather(*(each.close() for each in connections))


def _connection_class() -> "type[Connection]":
    """Imports the SDK; takes most of a second at the first time."""
    from clary.adapters.mcp.connection import Connection

    return Connection
