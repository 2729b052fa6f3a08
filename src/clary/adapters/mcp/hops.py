"""How far a run's own request had come, for requests that are made on its behalf (product.md 11, "Loops")."""

from contextvars import ContextVar
from typing import Final

HOPS_HEADER: Final = "X-Clary-Hops"
current_hops: ContextVar[int | None] = ContextVar("mcp_hops", default=None)
