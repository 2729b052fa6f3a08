"""The outermost layer: request and trace id, language, header limits, host, CORS, security headers, last resort.

Plain ASGI: it must not copy or delay a stream.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote_plus

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clary.errors import ProblemError
from clary.http.peers import AddressList, find_peer, is_address, socket_peer
from clary.http.problems import HeadersTooLargeError, InvalidHostError
from clary.http.rendering import render_problem, render_unforeseen
from clary.http.watching import RequestWatch
from clary.kit import traces
from clary.kit.ids import new_hex
from clary.kit.origin import RequestOrigin, current_origin
from clary.kit.text import Locale, current_locale

MAX_HEADER_BYTES = 32 * 1024
OPEN_ROUTES = frozenset({"metadata", "jwks", "token", "revoke", "userinfo", "register"})
HANDS_ON_OPTIONS = "/api/observability/jaeger/"
"""What is only redirected is so with every method (platform.md 12.1)."""
MAX_URL_BYTES = 16 * 1024
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""W3C Trace Context; the groups are trace, span and flags."""
ABSENT = frozenset({"", "undefined", "null", "None", "[object Object]"})

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, Accept-Language, X-Accept-Language, X-Locale, X-Request-Id, "
    "Idempotency-Key, Last-Event-ID, If-Match, If-None-Match, Range"
)
EXPOSED_HEADERS = (
    "X-Request-Id, Retry-After, Content-Disposition, X-Clary-Run-Id, X-Clary-Session-Id, "
    "X-Clary-AG-UI-Replay, ETag, Content-Range"
)
ALL_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """What the operator decided about the edge."""

    trusted_forwarders: AddressList
    allowed_hosts: frozenset[str]
    """Lower-case host names without port; empty: any."""
    cors_origins: frozenset[str]
    strict_transport: bool
    literal_hosts: bool = False
    """Whether IP addresses are allowed beside `allowed_hosts`."""

    def allows_host(self, host: str) -> bool:
        """Whether requests for this host are ours to answer."""
        if not self.allowed_hosts or host in self.allowed_hosts:
            return True
        return self.literal_hosts and is_address(host)


class Edge:
    """See the module."""

    def __init__(self, app: ASGIApp, rules: EdgeRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["peer"] = find_peer(scope, self._rules.trusted_forwarders)
        is_forwarded = socket_peer(scope) in self._rules.trusted_forwarders
        state["request_id"] = choose_request_id(headers, is_forwarded=is_forwarded)
        state["trace_id"], remote_parent = choose_trace(headers, is_forwarded=is_forwarded)
        state["is_head"] = scope["method"] == "HEAD"
        method = scope["method"]
        if state["is_head"]:
            scope, receive, send = as_get(scope, receive, send)
        locale = choose_locale(headers)
        locale_token = current_locale.set(locale)
        origin = RequestOrigin(state["peer"].address, headers.get("user-agent", "")[:200], state["request_id"])
        origin_token = current_origin.set(origin)
        ids = {name: state[name] for name in ("request_id", "trace_id")}
        structlog.contextvars.bind_contextvars(**ids)
        watch = RequestWatch(method, state)
        span = traces.start(method, kind="server", trace_id=state["trace_id"], remote_parent=remote_parent)
        try:
            with traces.inside(span):
                try:
                    await self._serve(scope, receive, watch.watching(self._dressed(send, scope, headers, locale)))
                finally:
                    watch.ended(span)
        finally:
            current_locale.reset(locale_token)
            current_origin.reset(origin_token)
            structlog.contextvars.unbind_contextvars(*ids)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            self._require_limits(scope, request)
            scope["state"]["query"] = scope["query_string"]
            if scope["query_string"] and _is_own(scope["path"]):
                scope["query_string"] = drop_absent(scope["query_string"])
            await self._app(scope, receive, watching)
        except ProblemError as problem:
            await (await render_problem(request, problem))(scope, receive, send)
        except Exception as error:
            if getattr(request.state, "fault_is_logged", False):
                # The framework raises a fault again after its answer was sent.
                return
            if started:
                raise
            await (await render_unforeseen(request, error))(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """A preflight, and any other OPTIONS, is answered before anything else looks at the request."""
        if scope["method"] != "OPTIONS" or (scope["path"].startswith(HANDS_ON_OPTIONS) and not _is_preflight(scope)):
            return None
        return Response(status_code=204)

    def _require_limits(self, scope: Scope, request: Request) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        url = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if size > MAX_HEADER_BYTES or url > MAX_URL_BYTES:
            raise HeadersTooLargeError
        if not self._rules.allows_host(host_name(request.state.peer.host)):
            raise InvalidHostError

    def _dressed(
        self, send: Send, scope: Scope, headers: Headers, locale: Locale
    ) -> Callable[[Message], Awaitable[None]]:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(raw=list(message["headers"]))
                out["X-Request-Id"] = scope["state"]["request_id"]
                self._add_security(out, locale)
                self._add_cors(out, headers, scope)
                message = {**message, "headers": out.raw}
            await send(message)

        return dressed

    def _add_security(self, out: MutableHeaders, locale: Locale) -> None:
        out.setdefault("X-Content-Type-Options", "nosniff")
        out.setdefault("Referrer-Policy", "same-origin")
        out.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if self._rules.strict_transport:
            out.setdefault("Strict-Transport-Security", "max-age=31536000")
        kind = out.get("content-type", "")
        if "json" in kind or "text/plain" in kind:
            out.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            out.setdefault("Cache-Control", "no-store")
            out.setdefault("Content-Language", locale)

    def _add_cors(self, out: MutableHeaders, headers: Headers, scope: Scope) -> None:
        origin, listed = headers.get("origin"), self._rules.cors_origins
        if _is_open(scope["path"]):
            listed = frozenset({"*"})
        if listed:
            out.add_vary_header("Origin")
        if origin is None or not listed:
            return
        if origin in listed:
            out["Access-Control-Allow-Origin"] = origin
            out["Access-Control-Allow-Credentials"] = "true"
        elif "*" in listed:
            out["Access-Control-Allow-Origin"] = "*"
        else:
            return
        out["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if scope["method"] == "OPTIONS":
            out["Access-Control-Allow-Methods"] = ALL_METHODS
            out["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            out["Access-Control-Max-Age"] = "600"


def _is_open(path: str) -> bool:
    """Documents and token endpoints of the OAuth2 server, which every page may call without credentials (2.4)."""
    if path.startswith("/.well-known/") or path.endswith("/.well-known/openid-configuration"):
        return True
    prefix, _, last = path.rpartition("/")
    return prefix in ("/oauth2", "/api/oauth2") and last in OPEN_ROUTES


def as_get(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """HEAD follows GET: the same answer without its body. A stream finds its reader gone once it has begun."""
    begun = False

    async def received() -> Message:
        return {"type": "http.disconnect"} if begun else await receive()

    async def bodiless(message: Message) -> None:
        nonlocal begun
        if message["type"] == "http.response.start":
            begun = True
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return {**scope, "method": "GET"}, received, bodiless


def choose_request_id(headers: Headers, *, is_forwarded: bool) -> str:
    """The id that a forwarding proxy sent, else a new one (platform.md 1.4)."""
    sent = headers.get("x-request-id", "")
    return sent if is_forwarded and REQUEST_ID.fullmatch(sent) else new_hex(32)


def choose_trace(headers: Headers, *, is_forwarded: bool) -> tuple[str, traces.RemoteParent | None]:
    """(trace, span) that a forwarding proxy's `traceparent` names, else a new trace without one (platform.md 1.4)."""
    sent = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if not is_forwarded or sent is None:
        return new_hex(32), None
    return sent[1], traces.RemoteParent(sent[2], is_sampled=bool(int(sent[3], 16) & 1))


def host_name(host: str) -> str:
    """The host of a Host header without its port, lower-case."""
    if host.startswith("["):
        return host[1:].split("]")[0].lower()
    return host.rsplit(":", 1)[0].lower() if host.count(":") == 1 else host.lower()


def choose_locale(headers: Headers) -> Locale:
    """`X-Locale`, else the best known of `Accept-Language`, else Chinese (platform.md 1.4)."""
    for wanted in (headers.get("x-locale", "")[:64], *_by_weight(headers.get("accept-language", "")[:1024])):
        language = wanted.strip().lower()
        if language.startswith("zh"):
            return "zh-CN"
        if language.startswith("en"):
            return "en-US"
    return "zh-CN"


def _by_weight(header: str) -> list[str]:
    weighted: list[tuple[float, str]] = []
    for part in header.split(","):
        language, _, rest = part.partition(";")
        weight = 1.0
        if rest.strip().startswith("q="):
            try:
                weight = float(rest.strip()[2:])
            except ValueError:
                weight = 0.0
        if weight > 0:
            weighted.append((weight, language))
    return [language for _, language in sorted(weighted, key=lambda pair: -pair[0])]


def _is_preflight(scope: Scope) -> bool:
    """Whether a browser asks for leave before it asks."""
    headers = Headers(scope=scope)
    return "origin" in headers and "access-control-request-method" in headers


def _is_own(path: str) -> bool:
    """Whether a path is of the API that existing clients speak; queries of protocols say what they say."""
    if path.startswith("/api/"):
        return not path.startswith("/api/oauth2/")
    return path == "/tasks" or path.startswith("/tasks/")


def drop_absent(query: bytes) -> bytes:
    """Removes parameters whose value means "not given" (platform.md 1.3)."""
    kept = [part for part in query.split(b"&") if not _is_absent(part)]
    return b"&".join(kept)


def _is_absent(part: bytes) -> bool:
    _, _, value = part.partition(b"=")
    return unquote_plus(value.decode("latin-1")) in ABSENT
