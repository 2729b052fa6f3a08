"""Where the work at hand came from: set by the edge for each request, read by the audit log."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Client address (platform.md 2.7), user agent and id of a request; empty outside of one."""

    address: str = ""
    user_agent: str = ""
    request_id: str = ""


current_origin: ContextVar[RequestOrigin | None] = ContextVar("current_origin", default=None)
