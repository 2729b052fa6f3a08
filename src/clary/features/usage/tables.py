"""Rows of the slice."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime


class UsageRow(Row):
    """One model call (platform.md 14.1)."""

    __tablename__ = "usage_ledger"
    __table_args__ = (
        Index("ix_usage_ledger_user_at", "user_id", "at"),
        Index("ix_usage_ledger_run", "run_id"),
        Index("ix_usage_ledger_root_run", "root_run_id"),
        Index("ix_usage_ledger_session", "session_id"),
        Index("ix_usage_ledger_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    user_id: Mapped[str] = mapped_column(String(64))
    agent_id: Mapped[str | None] = mapped_column(String(64))
    session_id: Mapped[str | None] = mapped_column(String(128))
    run_id: Mapped[str | None] = mapped_column(String(36))
    root_run_id: Mapped[str | None] = mapped_column(String(36))
    key_id: Mapped[str | None] = mapped_column(String(64))
    client_id: Mapped[str | None] = mapped_column(String(128))
    request_source: Mapped[str] = mapped_column(String(32))
    step_name: Mapped[str] = mapped_column(String(160))
    provider_id: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(255))
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[str | None] = mapped_column(String(40))
    currency: Mapped[str] = mapped_column(String(8))
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    outcome: Mapped[str] = mapped_column(String(16), default="ok")
    note: Mapped[str | None] = mapped_column(String(64))
    duration_ms: Mapped[int | None] = mapped_column(Integer)


class UsageSumRow(Row):
    """What somebody used in a quarter of an hour, kept for ever (platform.md 14.1).

    `scope`, `target_id`: `server`/`all`, `user`, `agent` or `key` with its id; `session` with a digest, in quarter 0:
    what a session used in rows of the ledger that are gone. `quarter`: quarters of an hour since
    1970 in UTC. Every time zone begins its days with one, so that days and months of any zone are whole rows. `cost`
    is in hundred millionths of the server's currency, so that it can be summed without floats.
    """

    __tablename__ = "usage_sums"

    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    target_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    quarter: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    calls: Mapped[int] = mapped_column(BigInteger)
    unpriced_calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int] = mapped_column(BigInteger)


class BudgetRow(Row):
    """A budget of the server, of every user, or of one user; other objects carry their own (platform.md 14.3)."""

    __tablename__ = "budgets"

    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    target_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    budget: Mapped[dict[str, Any]] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class ReservationRow(Row):
    """What a call under way may use at most; goes when the call is booked or turns out not to have been sent.

    `renewed_at`: when its process last said that the call goes on. `cost` as in `UsageSumRow`. `call` is what the
    ledger has to know of it if nobody books it.
    """

    __tablename__ = "budget_reservations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    renewed_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    user_id: Mapped[str] = mapped_column(String(64))
    agent_id: Mapped[str | None] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(64))
    session_id: Mapped[str | None] = mapped_column(String(128))
    root_run_id: Mapped[str | None] = mapped_column(String(36))
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    call: Mapped[dict[str, Any]] = mapped_column(Json)
