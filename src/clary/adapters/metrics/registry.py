"""Counts what is spoken, and writes it out when it is asked for."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from clary.adapters.metrics.catalogue import METRICS, MOST_VALUES, OTHER, READ_ANEW, Known, Metric
from clary.features.observability.ports import Gauge as GaugeValue

MAX_LABEL = 128


class PrometheusMetrics:
    """Fills `Collector` and `Exposition`."""

    def __init__(self, *, version: str, known: Known) -> None:
        disable_created_metrics()
        self._known = known
        self._registry = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, Any] = {name: self._made(name, metric) for name, metric in METRICS.items()}
        self._values: dict[tuple[str, int], set[str]] = {}
        self._lock = threading.Lock()
        self._metrics["clary_build_info"].labels(version).set(1)

    def _made(self, name: str, metric: Metric) -> Any:
        if metric.kind == "counter":
            return Counter(name, metric.help, metric.labels, registry=self._registry)
        if metric.kind == "gauge":
            return Gauge(name, metric.help, metric.labels, registry=self._registry)
        return Histogram(name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets)

    def count(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """See `Collector.count`."""
        self._child(name, labels).inc(amount)

    def observe(self, name: str, seconds: float, labels: dict[str, str]) -> None:
        """See `Collector.observe`."""
        self._child(name, labels).observe(max(0.0, seconds))

    def change(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """See `Collector.change`."""
        self._child(name, labels).inc(amount)

    def _child(self, name: str, labels: dict[str, str]) -> Any:
        wanted = METRICS[name].labels
        if not wanted:
            return self._metrics[name]
        return self._metrics[name].labels(*(self._bounded(name, at, labels[each]) for at, each in enumerate(wanted)))

    def _bounded(self, name: str, at: int, value: str) -> str:
        """A value that is known, or one of not too many."""
        label = METRICS[name].labels[at]
        if label == "model":
            value = self._known.model(value)
        elif label == "tool":
            value = self._known.tool(value)
        with self._lock:
            seen = self._values.setdefault((name, at), set())
            if value not in seen and len(seen) >= MOST_VALUES and label != "route":
                return OTHER
            seen.add(value)
        return value[:MAX_LABEL]

    async def render(self, *, accept: str, gauges: list[GaugeValue]) -> tuple[bytes, str]:
        """See `Exposition.render`."""
        return await asyncio.to_thread(self._render, accept, gauges)

    def _render(self, accept: str, gauges: list[GaugeValue]) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        with self._lock:
            for name in READ_ANEW:
                # Also those that nobody has a value for any more: yesterday's is no answer.
                self._metrics[name].clear()
            for each in gauges:
                metric = self._metrics[each.name]
                (metric.labels(*each.labels) if each.labels else metric).set(each.value)
            self._metrics["clary_process_resident_memory_bytes"].set(_resident_bytes())
        return encode(self._registry), content_type


def _resident_bytes() -> int:
    """What this process holds in memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
