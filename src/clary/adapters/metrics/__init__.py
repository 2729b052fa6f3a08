"""Metrics in the formats of Prometheus: one registry per process, every label bounded (platform.md 12.2)."""

from clary.adapters.metrics.catalogue import METRICS, Known
from clary.adapters.metrics.registry import PrometheusMetrics

__all__ = ["METRICS", "Known", "PrometheusMetrics"]
