"""A bounded queue between whoever ends a span and the collector: nobody waits, and what does not fit is counted."""

import queue
import threading
import time
from collections.abc import Sequence

import structlog
from opentelemetry.context import Context, attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from clary.kit import measures

log = structlog.get_logger()

MAX_WAITING = 4096
MAX_BATCH = 512
STOP_SECONDS = 5.0
DROPPED = "clary_otlp_dropped_total"


class QueuedExport(SpanProcessor):
    """Sends spans in batches from one thread."""

    def __init__(self, exporter: SpanExporter, flush_seconds: float) -> None:
        self._exporter = exporter
        self._flush_seconds = flush_seconds
        self._waiting: queue.Queue[ReadableSpan | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._send_forever, name="traces", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is sent before its end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queues a sampled span; one that does not fit is lost."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            measures.count(DROPPED)

    def shutdown(self) -> None:
        """Sends what waits, for some seconds."""
        try:
            self._waiting.put(None, timeout=STOP_SECONDS)
        except queue.Full:
            return
        self._thread.join(STOP_SECONDS)
        self._exporter.shutdown()
        self._thread.join(STOP_SECONDS)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing here is sent at anybody's request."""
        return True

    def _send_forever(self) -> None:
        # What the exporter itself does over HTTP is not traced.
        token = attach(set_value("suppress_instrumentation", True))
        try:
            is_over = False
            while not is_over:
                batch, is_over = self._next_batch()
                if batch:
                    self._send(batch)
        finally:
            detach(token)

    def _next_batch(self) -> tuple[list[ReadableSpan], bool]:
        """(spans, whether these are the last): what comes within a moment after the first."""
        first = self._waiting.get()
        if first is None:
            return [], True
        batch, until = [first], time.monotonic() + self._flush_seconds
        while len(batch) < MAX_BATCH:
            try:
                span = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if span is None:
                return batch, True
            batch.append(span)
        return batch, False

    def _send(self, batch: Sequence[ReadableSpan]) -> None:
        try:
            result = self._exporter.export(batch)
        except OSError as error:
            log.warning("traces_not_sent", error=type(error).__name__)
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            measures.count(DROPPED, len(batch))
