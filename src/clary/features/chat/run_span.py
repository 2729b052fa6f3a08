"""A run as operators follow it: its span, and its ids in every line of the log (platform.md 12.3)."""

from collections.abc import Generator
from contextlib import contextmanager

import structlog

from clary.features.chat.recording import RunRecorder
from clary.features.runs.service import EndReason
from clary.kit import traces
from clary.runtime.model import FailureKind


@contextmanager
def run_span(recorder: RunRecorder) -> Generator[None]:
    """A root run has a trace of its own, the same after a takeover, linked to the request that began it.

    A child stands below the call that started it.
    """
    root_run_id, on = recorder.log.root_run_id, recorder.booking.on
    trace_id = traces.trace_of(root_run_id)
    ids = {"run_id": recorder.run_id, "session_id": recorder.lines.session_id, "user_id": on.user_id}
    span = traces.start(
        f"invoke_agent {recorder.config.agent_name}",
        trace_id=trace_id if recorder.place.is_root else None,
        linked=recorder.place.is_root,
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__id=recorder.config.agent_id,
        gen_ai__agent__name=recorder.config.agent_name,
        gen_ai__conversation__id=recorder.lines.session_id,
        clary__run_id=recorder.run_id,
        clary__root_run_id=root_run_id,
        clary__user_id=on.user_id,
    )
    with structlog.contextvars.bound_contextvars(**ids, trace_id=trace_id), traces.inside(span):
        yield
        cost = recorder.usage.cost
        span.set(clary__cost=float(cost) if recorder.usage.priced else None)


def tell_end(reason: EndReason, kind: FailureKind | None) -> None:
    """Says of the present run how it ended."""
    span = traces.current()
    span.set(clary__end_reason=reason)
    if kind is not None:
        span.fail(kind)
