"""HTTP to one origin that a stranger chose: checked at each connect, bounded while it is read.

The guard judges the resolved address of every connection attempt, and the address that is judged is the one that is
connected to. A request to another origin is refused here, whatever led to it, so secrets never follow a redirect.
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Any, NoReturn, cast

import httpcore2
import httpx2

from clary.adapters.mcp.hops import HOPS_HEADER, current_hops
from clary.features.mcp_servers.ports import FailureKind, McpFailedError
from clary.kit.addresses import canonical_host, literal_address
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard

LINES_AT_ONCE = 10_000
LINES_PER_SECOND = 500
BYTES_PER_SECOND = 1024 * 1024
PARTS_AT_ONCE = 500_000
PARTS_PER_SECOND = 20_000
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_LINE_END = re.compile(rb"\r\n|\n|\r")


class RefusedError(httpx2.ConnectError):
    """The guard refused, or the server broke a limit; `kind` says which failure that is."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Makes the connections that the guard permits, to the very address it permitted."""

    def __init__(self, guard: OutboundGuard) -> None:
        self._guard = guard
        self._inner: httpcore2.AsyncNetworkBackend = cast("Any", httpcore2.AnyIOBackend)()
        self._connected: set[tuple[str | None, int, str]] = set()
        self.connected = asyncio.Event()

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
                self.connected.set()
                return stream
        if failure is not None:
            raise failure
        self._guard.blocked_total += 1
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

    `failure` says what the SDK does not tell: a limit that was broken, or a refused message, whose challenge is kept.
    With `needs_every_post` any refused message is the end, because nothing else would answer it.
    """

    def __init__(
        self,
        guard: OutboundGuard,
        *,
        origin: httpx2.URL | None,
        max_message_bytes: int,
        needs_every_post: bool = False,
    ) -> None:
        super().__init__(verify=_trusted(), trust_env=False)
        self.backend = GuardedBackend(guard)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trusted(),
            max_connections=64,
            max_keepalive_connections=20,
            keepalive_expiry=60,
            network_backend=self.backend,
        )
        self._guard = guard
        self._origin = origin
        self._max_message_bytes = max_message_bytes
        self._needs_every_post = needs_every_post
        self.challenge: str | None = None
        self.failure: FailureKind | None = None
        self.stopped = asyncio.Event()

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
            self.broke(refusal.kind)
            raise
        except TimeoutError:
            raise httpx2.ConnectTimeout("timed out") from None
        self._note_refusal(request, response)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        response.stream = BoundedStream(response.stream, self._max_message_bytes, self, is_stream=is_stream)
        return response

    def _require_allowed(self, url: httpx2.URL) -> None:
        if self._origin is not None and origin_of(url) != origin_of(self._origin):
            raise RefusedError("denied")
        try:
            self._guard.check_url(str(url))
        except OutboundBlockedError:
            raise RefusedError("denied") from None
        self.backend.require_still_permitted()

    def _note_refusal(self, request: httpx2.Request, response: httpx2.Response) -> None:
        if request.method != "POST" or response.status_code < 400:
            return
        if response.status_code in (401, 403):
            self.challenge = response.headers.get("www-authenticate")
            self.broke("unauthorized")
        elif self._needs_every_post:
            self.broke("bad_protocol")

    def broke(self, kind: FailureKind) -> RefusedError:
        """Notes what ends the connection."""
        self.failure = kind
        self.stopped.set()
        return RefusedError(kind)


class BoundedStream(httpx2.AsyncByteStream):
    """A body within bounds. A stream of events may go on for as long as it is not faster than anybody could use."""

    def __init__(
        self, inner: httpx2.AsyncByteStream, max_bytes: int, transport: GuardedTransport, *, is_stream: bool
    ) -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._transport = transport
        self._is_stream = is_stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        began, size, lines, meter = time.monotonic(), 0, 0, Meter()
        async for chunk in self._inner:
            size += len(chunk)
            age = time.monotonic() - began if self._is_stream else 0.0
            if size > self._max_bytes + age * BYTES_PER_SECOND:
                raise self._transport.broke("too_large")
            if meter.count(chunk) > PARTS_AT_ONCE + age * PARTS_PER_SECOND:
                raise self._transport.broke("too_large")
            if self._is_stream:
                lines += len(_LINE_END.findall(chunk))
                if lines > LINES_AT_ONCE + age * LINES_PER_SECOND:
                    raise self._transport.broke("bad_protocol")
            yield chunk

    async def aclose(self) -> None:
        """Closes what is below."""
        await self._inner.aclose()


class Meter:
    """Counts the values of JSON while it arrives: parsing millions of tiny ones would stop everything else.

    A line ends every string, as JSON cannot hold a bare line end in one; so nothing outside of it hides what follows.
    """

    def __init__(self) -> None:
        self._parts = 0
        self._is_text = False
        self._held = b""

    def count(self, chunk: bytes) -> int:
        """The values so far, with those of a next piece."""
        chunk = self._held + chunk
        self._held = b"\\" if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 else b""
        plain = _ESCAPED.sub(b"", chunk[: len(chunk) - len(self._held)])
        for number, line in enumerate(plain.replace(b"\r", b"\n").split(b"\n")):
            pieces = line.split(b'"')
            is_text = self._is_text and number == 0
            self._parts += sum(each.count(b",") + each.count(b"[") + each.count(b"{") for each in pieces[is_text::2])
            self._is_text = is_text ^ (len(pieces) % 2 == 0)
        return self._parts


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
