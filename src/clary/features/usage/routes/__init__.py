"""`/api/budgets`, `/api/usage` and `/api/token-usage/stats` (platform.md 14.2)."""

from clary.features.usage.routes.budgets import router
from clary.features.usage.routes.reports import router as reports_router

__all__ = ["reports_router", "router"]
