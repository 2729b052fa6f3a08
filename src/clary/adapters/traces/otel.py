"""Spans of the OpenTelemetry SDK behind our own words."""

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from clary.adapters.traces.ports import MAX_CONTENT_BYTES, TraceRules
from clary.adapters.traces.queueing import QueuedExport
from clary.kit import traces
from clary.kit.logs import masked

PATH = "/v1/traces"
EXPORT_SECONDS = 10.0
KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}

_wanted_trace: ContextVar[int | None] = ContextVar("wanted_trace", default=None)


class ChosenIds(RandomIdGenerator):
    """Trace ids that somebody chose, else random ones: a run goes on in its trace, whichever process has it."""

    def generate_trace_id(self) -> int:
        """See `IdGenerator`."""
        return _wanted_trace.get() or super().generate_trace_id()


class OtelSpan:
    """Fills `Span`."""

    def __init__(self, span: trace.Span, rules: TraceRules) -> None:
        self.span = span
        self._rules = rules

    def set(self, **attributes: traces.Value) -> None:
        """See `Span.set`."""
        for name, value in attributes.items():
            if value is not None:
                self.span.set_attribute(name.replace("__", "."), value)

    def content(self, name: str, make: Callable[[], str]) -> None:
        """See `Span.content`; cut, and without the secrets that are known."""
        if self._rules.with_content and self.span.is_recording():
            text = masked(make(), self._rules.secrets)
            self.span.set_attribute(name, text.encode()[:MAX_CONTENT_BYTES].decode(errors="ignore"))

    def rename(self, name: str) -> None:
        """See `Span.rename`."""
        self.span.update_name(name)

    def fail(self, kind: str) -> None:
        """See `Span.fail`."""
        self.span.set_attribute("error.type", kind)
        self.span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """See `Span.end`."""
        if self.span.is_recording():
            self.span.end()


class OtelTracer:
    """Fills `Tracing`. Of its own: the global provider stays as it is."""

    def __init__(self, rules: TraceRules) -> None:
        # What it says of a collector that is away may hold the collector's words; `clary_otlp_dropped_total` tells.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._rules = rules
        endpoint = rules.endpoint if rules.endpoint.endswith(PATH) else rules.endpoint.rstrip("/") + PATH
        exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(rules.headers), timeout=EXPORT_SECONDS)
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(rules.ratio)),
            resource=Resource({"service.name": "clary", "service.version": rules.version}),
            id_generator=ChosenIds(),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(QueuedExport(exporter, rules.flush_seconds))
        self._tracer = self._provider.get_tracer("clary", rules.version)

    def start(
        self,
        name: str,
        *,
        kind: traces.Kind,
        attributes: Mapping[str, traces.Value],
        parent: traces.Span | None,
        trace_id: str | None,
        remote_parent: traces.RemoteParent | None,
        link: traces.Span | None,
        seconds_ago: float,
    ) -> OtelSpan:
        """See `Tracer.start`."""
        token = _wanted_trace.set(int(trace_id, 16) if trace_id is not None else None)
        try:
            span = self._tracer.start_span(
                name,
                context=_context(parent, trace_id, remote_parent),
                kind=KINDS[kind],
                attributes={name: value for name, value in attributes.items() if value is not None},
                links=[Link(link.span.get_span_context())] if isinstance(link, OtelSpan) else [],
                start_time=time.time_ns() - round(seconds_ago * 1e9),
            )
        finally:
            _wanted_trace.reset(token)
        return OtelSpan(span, self._rules)

    def stop(self) -> None:
        """See `Tracing.stop`."""
        self._provider.shutdown()


def _context(parent: traces.Span | None, trace_id: str | None, remote_parent: traces.RemoteParent | None) -> Context:
    """What the span is below; an empty one begins a trace."""
    if isinstance(parent, OtelSpan):
        return trace.set_span_in_context(parent.span, Context())
    if trace_id is None or remote_parent is None:
        return Context()
    # What is not recorded above is not recorded here either; the ratio is for traces that begin here.
    flags = TraceFlags(TraceFlags.SAMPLED if remote_parent.is_sampled else TraceFlags.DEFAULT)
    remote = SpanContext(int(trace_id, 16), int(remote_parent.span_id, 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())
