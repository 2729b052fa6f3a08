"""Spans, sent to a collector by OTLP over HTTP (platform.md 12.3). The SDK is loaded only when there is an endpoint."""

from clary.adapters.traces.ports import ExporterMissingError, TraceRules
from clary.adapters.traces.starting import Tracing, start_tracing

__all__ = ["ExporterMissingError", "TraceRules", "Tracing", "start_tracing"]
