"""`/metrics`, the gate to Jaeger, statistics, timelines."""

from clary.features.observability.routes.gate import router as gate_router
from clary.features.observability.routes.looking import router

__all__ = ["gate_router", "router"]
