"""What is told of every request when it is over: one line in the log, and measures (platform.md 12.2, 12.3)."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.types import Message

from clary.kit import measures
from clary.kit.traces import Span

log = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/api/health", "/api/ready", "/active", "/metrics"})
"""Routes that machines ask every few seconds: told of only when something is wrong, or on level debug."""
NO_ROUTE = "other"
"""No route of the API: pages and files of the console, addresses that do not exist, refusals at the edge."""


class RequestWatch:
    """One request. Paths and queries are never told: they hold ids and codes."""

    def __init__(self, method: str, state: dict[str, Any]) -> None:
        self._method = method if method in METHODS else "other"
        self._state = state
        self._began = time.monotonic()
        self._status = 0

    def watching(self, send: Callable[[Message], Awaitable[None]]) -> Callable[[Message], Awaitable[None]]:
        """The same way out; notes the status."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            await send(message)

        return watched

    def ended(self, span: Span) -> None:
        """The answer is out, the stream is over, or the client has left."""
        seconds = time.monotonic() - self._began
        route = self._state.get("route") or NO_ROUTE
        status = self._status or 499
        measures.count("clary_http_requests_total", route=route, method=self._method, status=str(status))
        measures.observe("clary_http_request_seconds", seconds, route=route)
        identity = self._state.get("identity")
        span.rename(f"{self._method} {route}")
        span.set(http__request__method=self._method, http__route=route, http__response__status_code=status)
        if status >= 500:
            span.fail(str(status))
        facts = {
            "user_id": getattr(identity, "user_id", None),
            "route": route,
            "method": self._method,
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
        }
        tell = log.debug if route in QUIET and status < 500 else log.info
        tell("request", **{name: value for name, value in facts.items() if value is not None})
