"""Ceilings as several objects carry them (platform.md 14.3)."""

from typing import Annotated

from pydantic import ConfigDict, Field

from clary.http.payload import Payload

# The largest whole number that every database and client keeps.
Tokens = Annotated[int, Field(ge=0, le=2**53)]
Cost = Annotated[float, Field(ge=0)]


class BudgetBody(Payload):
    """Ceilings of platform.md 14.3, each null or at least 0; 0 allows nothing."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    tokens_per_run: Tokens | None = None
    cost_per_run: Cost | None = None
    tokens_per_session: Tokens | None = None
    cost_per_session: Cost | None = None
    tokens_per_day: Tokens | None = None
    cost_per_day: Cost | None = None
    tokens_per_month: Tokens | None = None
    cost_per_month: Cost | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
