"""HTTP to one origin that a stranger chose: checked at each connect, bounded while it is read.

The guard judges the resolved address of every connection attempt, and the address that is judged is the one that is
connected to. A request to another origin is refused here, whatever led to it, so secrets never follow a redirect.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Any, NoReturn, cast

import httpcore2
import httpx2

from clary.adapters.mcp.bounds import Bounds, Ending, RefusedError
from clary.adapters.mcp.hops import HOPS_HEADER, current_hops
from clary.features.mcp_servers.ports import McpFailedError
from clary.kit.addresses import canonical_host, literal_address
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Makes the connections that the guard permits, to the very address it permitted."""

    def __init__(self, guard: OutboundGuard, connected: asyncio.Event) -> None:
        self._guard = guard
        self._inner: httpcore2.AsyncNetworkBackend = cast("Any", httpcore2.AnyIOBackend)()
        self._connected: set[tuple[str | None, int, str]] = set()
        self._is_connected = connected

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolves, asks the guard about each address, and connects to the first that is permitted and answers."""
        name = canonical_host(host)
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        async with asyncio.timeout(timeout):
            for found in await _resolved(host, port):
                address = literal_address(found)
                if address is None or not self._guard.permits(name, port, address):
                    continue
                try:
                    stream = await self._inner.connect_tcp(found, port, timeout, local_address, socket_options)
                except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                    failure = error
                    continue
                self._connected.add((name, port, found))
                self._is_connected.set()
                return stream
        if failure is not None:
            raise failure
        self._guard.note_blocked()
        raise RefusedError("denied")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> NoReturn:
        """Never."""
        raise RefusedError("denied")

    async def sleep(self, seconds: float) -> None:
        """As the port says."""
        await asyncio.sleep(seconds)

    def require_still_permitted(self) -> None:
        """The allow list may have changed since a pooled connection was made."""
        for name, port, found in self._connected:
            address = literal_address(found)
            if address is None or not self._guard.permits(name, port, address):
                raise RefusedError("denied")


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """See the module. `origin` None leaves the origin open: then requests carry no secret of a server.

    With `needs_every_post` any refused message is the end, because nothing else would answer it.
    """

    def __init__(
        self,
        guard: OutboundGuard,
        *,
        ending: Ending,
        origin: httpx2.URL | None,
        max_message_bytes: int,
        needs_every_post: bool = False,
    ) -> None:
        super().__init__(verify=_trusted(), trust_env=False)
        self._ending = ending
        self._backend = GuardedBackend(guard, ending.connected)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trusted(),
            max_connections=64,
            max_keepalive_connections=20,
            keepalive_expiry=60,
            network_backend=self._backend,
        )
        self._guard = guard
        self._origin = origin
        self._max_message_bytes = max_message_bytes
        self._needs_every_post = needs_every_post

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request.

        Raises:
            RefusedError
        """
        try:
            self._require_allowed(request.url)
            hops = current_hops.get()
            if hops is not None:
                request.headers[HOPS_HEADER] = str(hops + 1)
            # What is unpacked has no bound of its own: a few bytes may become gigabytes.
            request.headers["Accept-Encoding"] = "identity"
            response = await super().handle_async_request(request)
            await _require_plain(response)
        except RefusedError as refusal:
            self._ending.broke(refusal.kind)
            raise
        except TimeoutError:
            raise httpx2.ConnectTimeout("timed out") from None
        self._note_refusal(request, response)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        response.stream = BoundedStream(
            response.stream, Bounds(self._max_message_bytes, is_stream=is_stream), self._ending
        )
        return response

    def _require_allowed(self, url: httpx2.URL) -> None:
        if self._origin is not None and origin_of(url) != origin_of(self._origin):
            raise RefusedError("denied")
        try:
            self._guard.check_url(str(url))
        except OutboundBlockedError:
            raise RefusedError("denied") from None
        self._backend.require_still_permitted()

    def _note_refusal(self, request: httpx2.Request, response: httpx2.Response) -> None:
        if request.method != "POST" or response.status_code < 400:
            return
        if response.status_code in (401, 403):
            self._ending.challenge = response.headers.get("www-authenticate")
            self._ending.broke("unauthorized")
        elif self._needs_every_post:
            self._ending.broke("bad_protocol")


class BoundedStream(httpx2.AsyncByteStream):
    """A body within bounds."""

    def __init__(self, inner: httpx2.AsyncByteStream, bounds: Bounds, ending: Ending) -> None:
        self._inner = inner
        self._bounds = bounds
        self._ending = ending

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            kind = self._bounds.verdict(chunk)
            if kind is not None:
                raise self._ending.broke(kind)
            yield chunk

    async def aclose(self) -> None:
        """Closes what is below."""
        await self._inner.aclose()


async def _require_plain(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        await response.aclose()
        raise RefusedError("bad_protocol")


@cache
def _trusted() -> ssl.SSLContext:
    # Reading the certificates takes tens of milliseconds.
    return httpx2.create_ssl_context(trust_env=False)


def checked_address(guard: OutboundGuard, address: str, *, https_only: bool = False) -> httpx2.URL:
    """An address in the one form in which it is connected to.

    Raises:
        McpFailedError: `denied`
    """
    try:
        return httpx2.URL(str(guard.check_url(address, https_only=https_only)))
    except (OutboundBlockedError, httpx2.InvalidURL):
        raise McpFailedError("denied") from None


def origin_of(url: httpx2.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port; a default port and a written one are the same."""
    return url.scheme, url.host, url.port


async def _resolved(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError("name not resolved") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))
