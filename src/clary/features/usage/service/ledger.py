"""Booking of model calls (platform.md 14.1)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from clary.db.session import Connection, Session
from clary.features.usage.policy import quarter_of, to_units
from clary.features.usage.repository import delete_reservation, insert_entry, sums_of

EIGHT_DECIMALS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One model call attempt; tokens as reported or, with note `estimated`, as estimated.

    `agent_id`: the agent of the root run, also for its children. `key_id`, `client_id`: what the run was started
    with. `request_source`: the endpoint of the run, `other` without one.
    """

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


def add_entry(connection: Connection, entry: LedgerEntry, reservation_id: str | None = None) -> None:
    """Books a call in the transaction of its step; the real figures replace its reservation, if it had one."""
    _book(connection, entry)
    settle(connection, reservation_id)


def settle(connection: Connection, reservation_id: str | None) -> None:
    """Ends the reservation of a call that is booked in this transaction, or that used nothing; None: it had none."""
    if reservation_id is not None:
        delete_reservation(connection, reservation_id)


async def record(db: Session, entry: LedgerEntry, reservation_id: str | None = None) -> None:
    """Books a call that belongs to no run, in the caller's transaction."""
    await (await db.connection()).run_sync(add_entry, entry, reservation_id)


def _book(connection: Connection, entry: LedgerEntry) -> None:
    values = _values(entry)
    cost = None if values["cost"] is None else to_units(Decimal(values["cost"]))
    insert_entry(connection, values, sums_of(values, quarter=quarter_of(entry.at), cost=cost))


def _values(entry: LedgerEntry) -> dict[str, Any]:
    values = asdict(entry)
    # Plain digits, rounded half up to 8 decimals; text, because SQLite would make a float of a number.
    cost = None if entry.cost is None else entry.cost.quantize(EIGHT_DECIMALS, ROUND_HALF_UP)
    values["cost"] = None if cost is None else f"{cost:f}"
    return values
