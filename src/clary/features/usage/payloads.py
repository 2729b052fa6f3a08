"""Wire shapes of reports (platform.md 14.2)."""

from typing import Any, Literal

from pydantic import model_validator

from clary.features.usage.tables import UsageRow
from clary.http.payload import Payload
from clary.http.span import Day
from clary.kit.clock import wire_time
from clary.kit.text import TextError

COLUMNS = (
    "id",
    "at",
    "user_id",
    "agent_id",
    "session_id",
    "run_id",
    "root_run_id",
    "key_id",
    "client_id",
    "request_source",
    "step_name",
    "provider_id",
    "model",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost",
    "currency",
    "attempt",
    "outcome",
    "note",
    "duration_ms",
)


class TokenUsageRequest(Payload):
    """Sums by agent, user or session; days are inclusive, in the server's zone."""

    dimension: Literal["agent", "user", "session"]
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    request_source: str | None = None
    start_date: Day | None = None
    end_date: Day | None = None

    @model_validator(mode="after")
    def _has_whole_span(self) -> "TokenUsageRequest":
        is_one_session = self.dimension == "session" and self.session_id is not None
        if (self.start_date is None) != (self.end_date is None):
            raise TextError("start_date 和 end_date 须同时给出", "start_date and end_date come together")
        if self.start_date is None or self.end_date is None:
            if not is_one_session:
                raise TextError("缺少 start_date 和 end_date", "start_date and end_date are required")
        elif self.start_date > self.end_date:
            raise TextError("start_date 不能晚于 end_date", "start_date must not be after end_date")
        return self


def row_object(row: UsageRow) -> dict[str, Any]:
    """A row of the ledger."""
    shape = {name: getattr(row, name) for name in COLUMNS}
    return shape | {"at": wire_time(row.at), "cost": None if row.cost is None else float(row.cost)}
