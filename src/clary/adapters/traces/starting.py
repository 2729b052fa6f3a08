"""Begins to trace, and ends it."""

from typing import Protocol

from clary.adapters.traces.ports import ExporterMissingError, TraceRules
from clary.kit.traces import Tracer


class Tracing(Tracer, Protocol):
    """A tracer that can be stopped."""

    def stop(self) -> None:
        """Sends what is left, for a few seconds at most. Blocking."""
        ...


def start_tracing(rules: TraceRules) -> Tracing:
    """Loads the SDK, and a tracer that sends to the collector in a thread of its own.

    Raises:
        ExporterMissingError
    """
    try:
        from clary.adapters.traces.otel import OtelTracer
    except ImportError as missing:
        raise ExporterMissingError from missing
    return OtelTracer(rules)
