"""The door of the slice."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from clary.db.session import Connection, Session
from clary.features.usage.repository import insert_entry

EIGHT_DECIMALS = Decimal("0.00000001")


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
    key_id: str | None = None
    client_id: str | None = None
    outcome: str = "ok"
    attempt: int = 1
    duration_ms: int | None = None


def add_entry(connection: Connection, entry: LedgerEntry) -> None:
    """Books a call in the transaction of its step."""
    insert_entry(connection, _values(entry))


async def record(db: Session, entry: LedgerEntry) -> None:
    """Books a call that belongs to no run, in the caller's transaction."""
    await (await db.connection()).run_sync(insert_entry, _values(entry))


def _values(entry: LedgerEntry) -> dict[str, Any]:
    values = asdict(entry)
    # Plain digits, rounded half up to 8 decimals; text, because SQLite would make a float of a number.
    cost = None if entry.cost is None else entry.cost.quantize(EIGHT_DECIMALS, ROUND_HALF_UP)
    values["cost"] = None if cost is None else f"{cost:f}"
    return values
