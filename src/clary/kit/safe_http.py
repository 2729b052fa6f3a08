"""HTTP to addresses that a stranger chose: only public ones, or those an administrator allowed.

The check runs three times. `OutboundGuard.check_url` reads the address as text, so a refusal can be told at save time
and without a packet. The connector repeats it for every request, redirects included. And the socket of every
connection attempt is made by the guard, which then knows both the name that was asked for and the address it resolved
to: nothing lies between that check and the connect, so a name that flips its address gains nothing.

Refusals never say what was found (product.md 1.1, E-URL; platform.md 16.2 A30).
"""

import ipaddress
import re
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace
from yarl import URL

from clary.kit import measures
from clary.kit.addresses import Address, Network, canonical_host, is_public, literal_address, unmapped

MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PORT = re.compile(r"[0-9]{1,5}")
_LOOPBACK_NAME_MEANS: Final = ("127.0.0.1", "::1")


class OutboundBlockedError(Exception):
    """The address may not be fetched. Deliberately says nothing about it."""

    def __init__(self) -> None:
        super().__init__("address not allowed")


class OutboundRedirectError(Exception):
    """The answer was a redirect where none is followed, or one redirect too many."""

    def __init__(self) -> None:
        super().__init__("redirect not followed")


class BodyTooLargeError(Exception):
    """The body is longer than the caller takes."""


class _BlockedAddressError(OSError):
    """Inside a connection attempt: this resolved address is refused, the next one may be tried."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of the allow list: a name, or a network; `port` None means every port."""

    name: str | None
    network: Network | None
    port: int | None

    def admits_name(self, name: str, port: int) -> bool:
        return self.name == name and self.port in (None, port)

    def admits_address(self, address: Address, port: int) -> bool:
        return self.network is not None and address in self.network and self.port in (None, port)


@dataclass(slots=True)
class _Attempt:
    """What the request being connected asked for; the sockets of its attempts are judged by it."""

    name: str | None
    port: int
    blocked: bool = False


_attempt: ContextVar[_Attempt | None] = ContextVar("outbound_attempt", default=None)


class OutboundGuard:
    """Decides which addresses may be fetched on a user's behalf.

    `allow` holds names, addresses or networks, each with an optional `:port`, that are let through though private. A
    name is let through by name, whatever it resolves to. Replace the list while running with `replace_allow`; pooled
    connections are judged again when they are reused.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._rules = parse_allow(allow)
        self.blocked_total = 0
        """How many requests were refused since start."""

    def replace_allow(self, allow: Sequence[str]) -> None:
        """Puts another allow list in force at once.

        Raises:
            ValueError: an entry is neither a name nor an address nor a network; the old list stays.
        """
        self._rules = parse_allow(allow)

    def check_url(self, url: str | URL, *, https_only: bool = False) -> URL:
        """Reads an address the way the connector will and returns it in canonical form; fetch exactly that.

        No name is resolved here; that happens at connect. With `https_only`, plain http is left to the allow list.

        Raises:
            OutboundBlockedError: not http(s), user info, unreadable, or a literal address that is not allowed.
        """
        try:
            return self._checked(url, https_only)
        except OutboundBlockedError:
            self.note_blocked()
            raise

    def _checked(self, url: str | URL, https_only: bool) -> URL:
        parsed = _parse(url)
        port = parsed.port
        host = canonical_host(parsed.raw_host or "")
        if parsed.scheme not in ("http", "https") or parsed.user is not None or parsed.password is not None:
            raise OutboundBlockedError
        if host is None or not port:
            raise OutboundBlockedError
        address = literal_address(host)
        if address is None and (host == "localhost" or host.endswith(".localhost")):
            admitted = any(self.permits(host, port, ipaddress.ip_address(each)) for each in _LOOPBACK_NAME_MEANS)
        else:
            admitted = address is None or self.permits(host, port, address)
        if not admitted or (https_only and parsed.scheme != "https" and not self._is_listed(host, port, address)):
            raise OutboundBlockedError
        return parsed if address is None else parsed.with_host(str(address))

    def note_blocked(self) -> None:
        """Counts a refusal."""
        self.blocked_total += 1
        measures.count("clary_outbound_blocked_total")

    def permits(self, name: str | None, port: int, address: Address) -> bool:
        """Whether a connection to a resolved address may be made for a request that named `name`."""
        return self._is_listed(name, port, address) or is_public(address)

    def _is_listed(self, name: str | None, port: int, address: Address | None) -> bool:
        plain = None if address is None else unmapped(address)
        return any(
            (name is not None and rule.admits_name(name, port))
            or (plain is not None and rule.admits_address(plain, port))
            for rule in self._rules
        )

    def connector(self, *, resolver: AbstractResolver | None = None) -> "GuardedConnector":
        """A connector that asks this guard about every connection. Call inside the event loop; close with its session.

        There is no connection limit: the caller bounds its own parallelism. `resolver` is for tests.
        """
        return GuardedConnector(self, resolver)

    def session(
        self, *, timeout: aiohttp.ClientTimeout | None = None, resolver: AbstractResolver | None = None
    ) -> aiohttp.ClientSession:
        """A session without cookies, environment proxies and automatic redirects, over `connector`.

        A redirect that the caller has not switched off with `allow_redirects=False` raises `OutboundRedirectError`;
        to follow redirects use `fetch`. The default timeout is 10 s to connect, 30 s of silence, 60 s in all.
        """
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_refuse_redirect)
        return aiohttp.ClientSession(
            connector=self.connector(resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout or aiohttp.ClientTimeout(total=60, connect=10, sock_read=30),
            trust_env=False,
            trace_configs=[trace],
        )

    @asynccontextmanager
    async def fetch(
        self,
        session: aiohttp.ClientSession,
        url: str | URL,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        max_redirects: int = MAX_REDIRECTS,
        https_only: bool = False,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Opens a GET or HEAD answer, following redirects by hand with a check at each hop.

        Headers go only to the origin of the first address: they may hold a key.

        Raises:
            OutboundBlockedError: an address on the way is not allowed.
            OutboundRedirectError: more than `max_redirects`, or a redirect to nowhere.
            aiohttp.ClientError, TimeoutError: the fetch failed.
        """
        if method not in ("GET", "HEAD"):
            raise ValueError("only GET and HEAD are repeated at another address")
        target = self.check_url(url, https_only=https_only)
        origin = target.origin()
        for _ in range(max_redirects + 1):
            sent = headers if target.origin() == origin else None
            async with session.request(method, target, headers=sent, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                target = self.check_url(_next_hop(response), https_only=https_only)
        raise OutboundRedirectError


class GuardedConnector(aiohttp.TCPConnector):
    """Connects only where the guard permits; made by `OutboundGuard.connector`."""

    def __init__(self, guard: OutboundGuard, resolver: AbstractResolver | None) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            socket_factory=self._open_socket, use_dns_cache=False, limit=0, resolver=resolver
        )
        self._guard = guard

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        """Checks the request's address, then connects with sockets that the guard makes.

        Raises:
            OutboundBlockedError: the address, or every address it resolves to, is refused.
        """
        if req.proxy is not None:
            raise OutboundBlockedError
        url = self._guard.check_url(req.url)
        attempt = _Attempt(canonical_host(url.raw_host or ""), url.port or 0)
        token = _attempt.set(attempt)
        try:
            connection = await super().connect(req, traces, timeout)
        except aiohttp.ClientConnectorError:
            if not attempt.blocked:
                raise
        else:
            if self._may_keep(connection.protocol, attempt):
                return connection
            connection.close()
        finally:
            _attempt.reset(token)
        # Raised here, outside the handler: the connector's own error names the address.
        self._guard.note_blocked()
        raise OutboundBlockedError

    def _open_socket(self, addr_info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """The socket of one connection attempt, or a refusal of that one address."""
        family, kind, protocol, _, target = addr_info
        # Attempts run in tasks that inherit the context of `connect`; without one only public addresses pass.
        attempt = _attempt.get()
        address = literal_address(str(target[0]))
        name, port = (attempt.name, attempt.port) if attempt else (None, int(target[1]))
        if address is None or not self._guard.permits(name, port, address):
            if attempt:
                attempt.blocked = True
            raise _BlockedAddressError
        return socket.socket(family, kind, protocol)

    def _may_keep(self, protocol: ResponseHandler | None, attempt: _Attempt) -> bool:
        """Judges a connection again that comes from the pool: the allow list may have changed since it was made."""
        # Not `if protocol`: an idle one is an empty queue, which tests as false.
        transport = protocol.transport if protocol is not None else None
        peer: Any = transport.get_extra_info("peername") if transport else None
        if not peer:
            # Closed meanwhile; the request will fail by itself.
            return True
        address = literal_address(str(peer[0]))
        return address is not None and self._guard.permits(attempt.name, attempt.port, address)


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Reads a body, after decompression, up to a limit.

    Raises:
        BodyTooLargeError: there is more; the connection is closed.
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > max_bytes:
            response.close()
            raise BodyTooLargeError
        pieces.append(piece)
    return b"".join(pieces)


def parse_allow(entries: Sequence[str]) -> tuple[_Rule, ...]:
    """Reads allow entries: `host`, `10.0.0.5`, `10.0.0.0/8`, `fd00::/8`, `[::1]`, each with an optional `:port`.

    Raises:
        ValueError: naming the entry that cannot be read.
    """
    return tuple(_parse_rule(entry.strip()) for entry in entries)


def is_web_address(url: str) -> bool:
    """Whether it can be asked for at all: http(s), a host that has a spelling on the wire, a port that exists.

    Says nothing of whether the server may; that is decided at each connection.
    """
    try:
        parsed = _parse(url)
        return parsed.scheme in ("http", "https") and bool(parsed.host and parsed.raw_host) and parsed.port != 0
    except (OutboundBlockedError, ValueError):
        # A host is decoded lazily; what IDNA cannot spell shows here.
        return False


def _parse(url: str | URL) -> URL:
    if isinstance(url, str):
        if "\\" in url or any(ord(char) <= 32 or ord(char) == 127 for char in url):
            raise OutboundBlockedError
        try:
            url = URL(url)
        except ValueError:
            raise OutboundBlockedError from None
    try:
        # The port is parsed lazily; read it once, so that a bad one shows here.
        _ = url.port
    except ValueError:
        raise OutboundBlockedError from None
    return url


def _parse_rule(entry: str) -> _Rule:
    host, port = _split_port(entry)
    network = _parse_network(host)
    if network is not None:
        return _Rule(None, network, port)
    try:
        name = canonical_host(URL.build(scheme="http", host=host).raw_host or "")
    except ValueError:
        name = None
    if name is None or literal_address(name) is not None:
        raise ValueError(f"not a host, address or network: {entry!r}")
    return _Rule(name, None, port)


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        host, closed, tail = entry[1:].partition("]")
        if not closed:
            raise ValueError(f"not an address: {entry!r}")
        port = tail.removeprefix(":")
        bare = not tail
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
        bare = False
    else:
        return entry, None
    if bare:
        return host, None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError(f"not a port: {entry!r}")
    return host, int(port)


def _parse_network(host: str) -> Network | None:
    try:
        network = ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen == 128:
        return ipaddress.ip_network(unmapped(network.network_address))
    return network


def _next_hop(response: aiohttp.ClientResponse) -> URL:
    location = response.headers.get("Location", "")
    if not location or "\\" in location or any(ord(char) <= 32 for char in location):
        raise OutboundRedirectError
    try:
        return response.url.join(URL(location))
    except ValueError:
        raise OutboundRedirectError from None


async def _refuse_redirect(_session: object, _context: object, _parameters: object) -> None:
    raise OutboundRedirectError
