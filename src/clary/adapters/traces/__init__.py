"""Spans, sent to a collector by OTLP over HTTP (platform.md 12.3)."""
