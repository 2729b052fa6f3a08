"""One connection to an MCP server. Everything of the SDK lives and dies in its owner task."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import httpx2
from mcp import Client, MCPError
from mcp import types as wire
from mcp.client._transport import TransportStreams
from mcp.client.session import ClientRequestContext, IncomingMessage
from pydantic import ValidationError

from clary import __version__
from clary.adapters.mcp.bounds import Ending, RefusedError
from clary.adapters.mcp.content import call_result, prompt_messages, resource_result
from clary.adapters.mcp.hops import current_hops
from clary.adapters.mcp.limits import McpLimits
from clary.adapters.mcp.listings import Lister
from clary.adapters.mcp.sieve import ListingSieve
from clary.adapters.mcp.streams import Route
from clary.features.mcp_servers.ports import (
    CallDoor,
    CallResult,
    Endpoint,
    FailureKind,
    Listing,
    McpFailedError,
    RemoteError,
    StdioHost,
)
from clary.kit.safe_http import OutboundGuard
from clary.kit.text import cut

T = TypeVar("T")
Json = dict[str, Any]
CLOSING_SECONDS = 2.0
MAX_MESSAGE = 1000
MAX_QUESTIONS = 10

# The SDK logs what servers send, with tracebacks; a hostile server would write our log.
for _name in ("mcp", "client", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class _Flight:
    """A call under way."""

    def __init__(self, door: CallDoor) -> None:
        self.door = door
        self.over = asyncio.Event()
        self.asked = 0
        self.turn = asyncio.Lock()


_flight: ContextVar[_Flight | None] = ContextVar("mcp_flight", default=None)


class Connection:
    """Opened once, used by many calls at once, closed when it is idle, broken or no longer wanted.

    Making one raises `McpFailedError` for an address that is not allowed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        guard: OutboundGuard,
        programs: StdioHost,
        limits: McpLimits,
        on_change: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._on_change = on_change
        self._ending = Ending()
        self._route = Route(endpoint, guard=guard, programs=programs, limits=limits, ending=self._ending)
        self._client: Client | None = None
        self._sieve: ListingSieve | None = None
        self._lister: Lister | None = None
        self._ready = asyncio.Event()
        self._closing = asyncio.Event()
        self._flights: set[_Flight] = set()
        self._holds: set[asyncio.Event] = set()
        self._turn = asyncio.Lock()
        self._listing: Listing | None = None
        self._listed_at = 0.0
        self._used_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it can be used."""
        return self._ready.is_set() and self._task is not None and not self._task.done()

    async def open(self) -> None:
        """Connects, shakes hands and lists.

        Raises:
            McpFailedError
        """
        self._task = asyncio.create_task(self._live())
        self._task.add_done_callback(_seen)
        try:
            await self._within(self._limits.connect_seconds, self._ending.connected.wait())
            await self._listed(self._first_listing())
        except BaseException:
            await self.close()
            raise

    def when_over(self, listener: Callable[[], None]) -> None:
        """Asks to be told when it has ended, also by itself."""
        assert self._task is not None
        self._task.add_done_callback(lambda _: listener())

    async def close(self) -> None:
        """Ends it; what is under way fails. Only a connection that works takes leave of the server."""
        self._closing.set()
        if self._task is None or self._task.done():
            return
        if self._ready.is_set() and not self._ending.stopped.is_set():
            await asyncio.wait({self._task}, timeout=CLOSING_SECONDS)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def retire(self) -> None:
        """Lets those who hold it come to their end, then ends it."""
        await asyncio.gather(*(released.wait() for released in self._holds))
        await self.close()

    @contextmanager
    def held(self) -> Generator[None]:
        """Keeps it from ending while it is wanted."""
        released = asyncio.Event()
        self._holds.add(released)
        try:
            yield
        finally:
            self._holds.discard(released)
            released.set()

    async def fresh_listing(self) -> Listing:
        """The tools as they are at this moment; several who ask at once share an answer.

        Raises:
            McpFailedError
        """
        asked_at = time.monotonic()
        async with self._turn:
            if self._listing is None or self._listed_at < asked_at:
                self._listing = await self._listed(self._known.tools())
                self._listed_at = asked_at
            return self._listing

    async def full_listing(self) -> Listing:
        """The same, with the names of resources and prompts.

        Raises:
            McpFailedError
        """
        listing = await self.fresh_listing()
        resources, prompts = await self._listed(self._known.extras())
        return Listing(listing.tools, listing.instructions, resources, prompts, listing.left_out, has_extras=True)

    async def call_tool(self, name: str, arguments: Json, door: CallDoor) -> CallResult:
        """See the port."""

        async def note(progress: float, total: float | None, message: str | None) -> None:
            share = f"{progress:g}" if total is None else f"{progress:g}/{total:g}"
            await door.progress(cut(message or share, MAX_MESSAGE))

        async with self._flying(door) as client:
            answer = await self._asked(client.call_tool(name, arguments, progress_callback=note))
        return call_result(answer)

    async def read_resource(self, uri: str, door: CallDoor) -> CallResult:
        """See the port."""
        async with self._flying(door) as client:
            return resource_result(await self._asked(client.read_resource(uri)))

    async def get_prompt(self, name: str, arguments: Mapping[str, str], door: CallDoor) -> list[Json]:
        """See the port."""
        async with self._flying(door) as client:
            return prompt_messages(await self._asked(client.get_prompt(name, dict(arguments))))

    # The owner task

    async def _live(self) -> None:
        async with asyncio.timeout(None) as time_left, AsyncExitStack() as stack:
            self._client = await stack.enter_async_context(
                Client(
                    self._streams(),
                    mode="legacy" if self._endpoint.protocol == "sse" else "auto",
                    cache=None,
                    read_timeout_seconds=self._limits.call_seconds,
                    elicitation_callback=self._elicit,
                    message_handler=self._heard,
                    client_info=wire.Implementation(name="clary", version=__version__),
                )
            )
            # A stranger's output schema may hold patterns that never end; what a tool answers is judged by nobody here.
            setattr(self._client.session, "validate_tool_result", _trust)  # noqa: B010
            assert self._sieve is not None
            self._lister = Lister(self._client, self._sieve, self._limits)
            self._ready.set()
            await self._until_idle()
            # A server may hang also when it is taken leave of.
            self._ready.clear()
            time_left.reschedule(asyncio.get_running_loop().time() + CLOSING_SECONDS)

    async def _until_idle(self) -> None:
        while True:
            left = self._used_at + self._limits.idle_seconds - time.monotonic()
            if left <= 0 and not self._holds:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), max(left, 1.0))
                return

    @asynccontextmanager
    async def _streams(self) -> AsyncGenerator[TransportStreams]:
        async with self._route.open() as (incoming, outgoing):
            self._sieve = ListingSieve(incoming, self._limits.max_tools, self._version)
            yield self._sieve, outgoing

    def _version(self) -> str | None:
        return self._client.protocol_version if self._client is not None else None

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, wire.ToolListChangedNotification):
            self._on_change(self._endpoint.server)

    async def _elicit(
        self, context: ClientRequestContext, params: wire.ElicitRequestParams
    ) -> wire.ElicitResult | wire.ErrorData:
        """Asks where the call came from; declines what belongs to no certain call, leads elsewhere, or has no end."""
        flight = _flight.get()
        if flight is None and len(self._flights) == 1:
            (flight,) = self._flights
        if flight is None or not isinstance(params, wire.ElicitRequestFormParams):
            return wire.ElicitResult(action="decline")
        flight.asked += 1
        if flight.asked > MAX_QUESTIONS:
            return wire.ElicitResult(action="decline")
        async with flight.turn:
            return await self._put(flight, params)

    async def _put(self, flight: _Flight, params: wire.ElicitRequestFormParams) -> wire.ElicitResult:
        """One question at a time for one call; it falls with the call."""
        declined = wire.ElicitResult(action="decline")
        if flight.over.is_set():
            return declined
        asking = asyncio.ensure_future(flight.door.elicit(params.message, dict(params.requested_schema)))
        over = asyncio.ensure_future(flight.over.wait())
        try:
            await asyncio.wait({asking, over}, return_when=asyncio.FIRST_COMPLETED)
            content = asking.result() if asking.done() else None
        finally:
            asking.cancel()
            over.cancel()
        return declined if content is None else wire.ElicitResult(action="accept", content=content)

    # Listings

    @property
    def _known(self) -> Lister:
        assert self._lister is not None
        return self._lister

    async def _listed(self, work: Coroutine[Any, Any, T]) -> T:
        """A listing within its time; a server that refuses to list cannot be used."""
        try:
            return await self._within(self._limits.list_seconds, work)
        except RemoteError:
            raise McpFailedError("bad_protocol") from None

    async def _first_listing(self) -> None:
        await self._ready.wait()
        self._listed_at = time.monotonic()
        self._listing = await self._known.tools()

    # Calls

    @asynccontextmanager
    async def _flying(self, door: CallDoor) -> AsyncGenerator[Client]:
        if not self.is_alive or self._client is None:
            raise McpFailedError("unreachable")
        flight = _Flight(door)
        self._flights.add(flight)
        tokens = _flight.set(flight), current_hops.set(door.hops)
        try:
            yield self._client
        finally:
            _flight.reset(tokens[0])
            current_hops.reset(tokens[1])
            flight.over.set()
            self._flights.discard(flight)
            self._used_at = time.monotonic()

    async def _asked(self, request: Coroutine[Any, Any, T]) -> T:
        return await self._within(None, request)

    async def _within(self, seconds: float | None, work: Coroutine[Any, Any, T]) -> T:
        """Does something while the connection lives.

        Raises:
            McpFailedError, RemoteError
        """
        assert self._task is not None
        doing = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._ending.stopped.wait())
        try:
            await asyncio.wait({doing, self._task, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            raise self._failed() if self._task.done() or stopped.done() else McpFailedError("timeout")
        except (MCPError, ValidationError, RuntimeError, httpx2.HTTPError) as error:
            raise self._told(error) from None
        finally:
            # Nobody waits for its end: the SDK tells the server about it, and a server that hangs takes its time.
            doing.add_done_callback(_seen)
            doing.cancel()
            stopped.cancel()

    def _told(self, error: Exception) -> McpFailedError | RemoteError:
        """What an answer of the SDK means to us."""
        if self._ending.failure is not None or (self._task is not None and self._task.done()):
            return self._failed()
        if isinstance(error, MCPError):
            if error.code == wire.REQUEST_TIMEOUT or _is_end(error):
                return McpFailedError(kind_of(error))
            return RemoteError(cut(error.message, MAX_MESSAGE))
        return McpFailedError("bad_protocol")

    def _failed(self) -> McpFailedError:
        """Why the connection ended."""
        if self._ending.failure is not None:
            return McpFailedError(self._ending.failure, self._ending.challenge)
        task = self._task
        error = task.exception() if task is not None and task.done() and not task.cancelled() else None
        return McpFailedError(kind_of(error))


def kind_of(error: BaseException | None) -> FailureKind:
    """The kind of what the SDK raised; the first telling one of a group."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        kinds: list[FailureKind] = [kind_of(each) for each in group.exceptions]
        telling: list[FailureKind] = [kind for kind in kinds if kind != "bad_protocol"]
        return telling[0] if telling else "bad_protocol"
    if isinstance(error, (RefusedError, McpFailedError)):
        return error.kind
    if isinstance(error, MCPError):
        return "timeout" if error.code == wire.REQUEST_TIMEOUT else "unreachable" if _is_end(error) else "bad_protocol"
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return "timeout"
    if isinstance(error, httpx2.HTTPStatusError):
        return "unauthorized" if error.response.status_code in (401, 403) else "bad_protocol"
    if error is None or isinstance(error, (httpx2.NetworkError, OSError)):
        return "unreachable"
    return "bad_protocol"


def _is_end(error: MCPError) -> bool:
    """Whether the SDK says that the connection ended: its code is also what servers use for anything."""
    return error.code == wire.CONNECTION_CLOSED and error.message == "Connection closed"


async def _trust(_name: str, _result: wire.CallToolResult) -> None:
    """Says yes."""


def _seen(task: "asyncio.Future[Any]") -> None:
    """Looks at how a task ended, so that nobody else has to."""
    if not task.cancelled():
        task.exception()
