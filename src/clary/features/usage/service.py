"""The door of the slice."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from clary.db.session import Connection
from clary.features.usage.repository import insert_entry


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One model call attempt; tokens as reported or, with note `estimated`, as estimated."""

    at: datetime
    user_id: str
    request_source: str
    step_name: str
    provider_id: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal | None = None
    currency: str = "USD"
    agent_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    root_run_id: str | None = None
    note: str | None = None
    outcome: str = "ok"
    attempt: int = 1
    duration_ms: int | None = None


def add_entry(connection: Connection, entry: LedgerEntry) -> None:
    """Books a call in the transaction of its step."""
    values = asdict(entry)
    values["cost"] = None if entry.cost is None else str(entry.cost)
    insert_entry(connection, values)
