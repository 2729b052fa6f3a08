"""States of a run and what may follow (stream-runtime.md 6.2)."""

from typing import Literal

RunStatus = Literal["queued", "running", "completed", "interrupted", "failed", "replaced"]
EndReason = Literal[
    "answered",
    "need_user_input",
    "loop_limit",
    "repetition",
    "budget",
    "interrupt_request",
    "client_disconnect",
    "replaced",
    "model_error",
    "internal_error",
    "limit",
]
StopReason = Literal["interrupt_request", "client_disconnect", "replaced"]
Endpoint = Literal["chat", "stream", "web_stream", "rerun", "task"]

ACTIVE: tuple[RunStatus, ...] = ("queued", "running")
MAX_FRUITLESS_TAKEOVERS = 5

_STATUS_OF: dict[EndReason, RunStatus] = {
    "answered": "completed",
    "need_user_input": "completed",
    "loop_limit": "completed",
    "repetition": "completed",
    "budget": "completed",
    "interrupt_request": "interrupted",
    "client_disconnect": "interrupted",
    "replaced": "replaced",
    "model_error": "failed",
    "internal_error": "failed",
    "limit": "failed",
}


def status_of(reason: EndReason) -> RunStatus:
    """The terminal status a reason leads to."""
    return _STATUS_OF[reason]


def is_active(status: str) -> bool:
    """Whether a run in this status still goes on."""
    return status in ACTIVE
