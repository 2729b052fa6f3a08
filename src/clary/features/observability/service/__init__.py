"""The door of the slice."""

from clary.features.observability.service.gate import GateRules, JaegerGate
from clary.features.observability.service.metrics import MetricsDoor, MetricsPage, Reader
from clary.features.observability.service.statistics import Statistics
from clary.features.observability.service.timeline import RunTimeline

__all__ = [
    "GateRules",
    "JaegerGate",
    "MetricsDoor",
    "MetricsPage",
    "Reader",
    "RunTimeline",
    "Statistics",
]
