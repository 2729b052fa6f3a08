"""Statements that write the ledger and its sums, and those about budgets and reservations."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Numeric, cast, delete, func, insert, or_, select, text, true, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from clary.db.columns import table_of
from clary.db.session import Session
from clary.features.usage.policy import ALL, Amount
from clary.features.usage.tables import BudgetRow, ReservationRow, UsageRow, UsageSumRow

DELETED = "deleted"
"""Whose the rows of deleted users are."""
SESSION = "session"
FOLDED = 0
"""Scope and quarter of the sums of what a session used in rows that are gone."""
MAX_IN = 5000
"""Values of one `IN`; the databases take some 32,000."""

ADD_ENTRY = insert(table_of(UsageRow))
ADD_TO_SUM = text(
    """
    INSERT INTO usage_sums (
        scope, target_id, quarter,
        calls, unpriced_calls, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost
    ) VALUES (
        :scope, :target_id, :quarter,
        :calls, :unpriced_calls, :input_tokens, :output_tokens, :cached_tokens, :reasoning_tokens, :cost
    ) ON CONFLICT (scope, target_id, quarter) DO UPDATE SET
        calls = usage_sums.calls + excluded.calls,
        unpriced_calls = usage_sums.unpriced_calls + excluded.unpriced_calls,
        input_tokens = usage_sums.input_tokens + excluded.input_tokens,
        output_tokens = usage_sums.output_tokens + excluded.output_tokens,
        cached_tokens = usage_sums.cached_tokens + excluded.cached_tokens,
        reasoning_tokens = usage_sums.reasoning_tokens + excluded.reasoning_tokens,
        cost = usage_sums.cost + excluded.cost
    """
)
TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


def insert_entry(connection: Connection, values: Mapping[str, Any], sums: Sequence[Mapping[str, Any]]) -> None:
    """Adds a row of the ledger, and what it adds to the sums, in the log's transaction."""
    connection.execute(ADD_ENTRY, values)
    connection.execute(ADD_TO_SUM, sums)


def delete_reservation(connection: Connection, reservation_id: str) -> None:
    """Ends a reservation in the log's transaction."""
    connection.execute(delete(ReservationRow).where(ReservationRow.id == reservation_id))


@dataclass(frozen=True, slots=True)
class Pot:
    """Whose calls are counted together; what is None does not narrow it. `user_ids`: of any of these people."""

    user_ids: tuple[str, ...] | None = None
    key_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    root_run_id: str | None = None


class BudgetRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def take_turn(self) -> None:
        """Waits until nobody else looks at what is left; SQLite lets one transaction write at a time anyway."""
        connection = await self._session.connection()
        if connection.dialect.name == "postgresql":
            await connection.execute(text("LOCK TABLE budget_reservations IN EXCLUSIVE MODE"))

    async def list_budgets(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(scope, id) → budget, of all that are kept here."""
        rows = await self._session.scalars(select(BudgetRow))
        return {(row.scope, row.target_id): row.budget for row in rows}

    async def find_budgets(self, targets: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """The same for some."""
        wanted = [(BudgetRow.scope == scope) & (BudgetRow.target_id == target) for scope, target in targets]
        rows = await self._session.scalars(select(BudgetRow).where(or_(*wanted)))
        return {(row.scope, row.target_id): row.budget for row in rows}

    async def save_budget(self, scope: str, target_id: str, budget: dict[str, Any], *, now: datetime) -> None:
        """Replaces a budget."""
        await self._session.merge(BudgetRow(scope=scope, target_id=target_id, budget=budget, updated_at=now))
        await self._session.flush()

    async def remove_budget(self, scope: str, target_id: str) -> None:
        """Takes a budget away."""
        await self._session.execute(delete(BudgetRow).where(BudgetRow.scope == scope, BudgetRow.target_id == target_id))

    async def sum_since(self, scope: str, target_ids: Collection[str], quarter: int) -> Amount:
        """What was booked from a quarter of an hour on."""
        row, total = UsageSumRow, Amount()
        for ids in _portions(target_ids):
            query = select(func.sum(row.input_tokens + row.output_tokens), func.sum(row.cost)).where(
                row.scope == scope, row.target_id.in_(ids), row.quarter >= quarter
            )
            total = _plus(total, await self._amount(query))
        return total

    async def sum_booked(self, pot: Pot, *, since: datetime | None = None) -> Amount:
        """What the rows of a run, of a session, or of a person with an agent come to, all or from a moment on.

        Of a session also those that are gone.
        """
        row = UsageRow
        # Each cost has 8 decimals, so that a whole number of hundred millionths comes out exactly.
        cost = cast(func.round(cast(row.cost, Numeric) * 100_000_000), Numeric)
        query = select(func.sum(row.input_tokens + row.output_tokens), func.sum(cost))
        if since is not None:
            query = query.where(row.at >= since)
        booked = await self._amount(query.where(*_narrowed(row, pot)))
        if since is None and pot.session_id is not None and pot.user_ids is not None:
            ids = [_session_sum(user_id, pot.session_id, pot.key_id) for user_id in pot.user_ids]
            return _plus(booked, await self.sum_since(SESSION, ids, FOLDED))
        return booked

    async def sum_reserved(self, pot: Pot) -> Amount:
        """What calls under way may still use."""
        row, total = ReservationRow, Amount()
        for ids in _portions(pot.user_ids) if pot.user_ids is not None else [None]:
            query = select(func.sum(row.tokens), func.sum(row.cost)).where(*_narrowed(row, pot, ids))
            total = _plus(total, await self._amount(query))
        return total

    async def _amount(self, query: Select[Any, Any]) -> Amount:
        tokens, cost = (await self._session.execute(query)).one()
        return Amount(int(tokens or 0), int(cost or 0))

    def add_reservation(self, row: ReservationRow) -> None:
        """Writes a reservation."""
        self._session.add(row)

    async def remove_reservation(self, reservation_id: str) -> None:
        """Frees a reservation."""
        await self._session.execute(delete(ReservationRow).where(ReservationRow.id == reservation_id))

    async def renew(self, reservation_ids: Collection[str], now: datetime) -> None:
        """Says that calls go on."""
        for ids in _portions(reservation_ids):
            await self._session.execute(update(ReservationRow).where(ReservationRow.id.in_(ids)).values(renewed_at=now))

    async def list_lost(self, *, before: datetime, root_run_id: str | None) -> Sequence[ReservationRow]:
        """Reservations that nobody has renewed for too long; of a run: whenever they were renewed."""
        query = select(ReservationRow)
        if root_run_id is None:
            query = query.where(ReservationRow.renewed_at < before)
        else:
            query = query.where(ReservationRow.root_run_id == root_run_id)
        return (await self._session.scalars(query)).all()

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Removes the oldest rows of the ledger, some at a time; returns how many. The sums stay.

        What a session has used goes into a sum of its own, because a ceiling of the session never begins anew.
        """
        oldest = select(UsageRow.id).where(UsageRow.at < before).order_by(UsageRow.at).limit(limit)
        gone = await self._session.execute(
            delete(UsageRow)
            .where(UsageRow.id.in_(oldest.subquery().select()))
            .returning(*(getattr(UsageRow, name) for name in ("user_id", "session_id", "key_id", "cost", *TOKENS)))
        )
        rows = gone.mappings().all()
        folded = [each for row in rows for each in _folded(row)]
        if folded:
            await self._session.execute(ADD_TO_SUM, folded)
        return len(rows)

    async def forget_user(self, user_id: str) -> None:
        """Rows of the ledger stay without the name; the person's budget goes."""
        await self._session.execute(update(UsageRow).where(UsageRow.user_id == user_id).values(user_id=DELETED))
        await self._session.execute(
            update(ReservationRow).where(ReservationRow.user_id == user_id).values(user_id=DELETED)
        )
        own = (UsageSumRow.scope == "user", UsageSumRow.target_id == user_id)
        sums = (await self._session.execute(select(table_of(UsageSumRow)).where(*own))).mappings().all()
        if sums:
            await self._session.execute(ADD_TO_SUM, [{**each, "target_id": DELETED} for each in sums])
        await self._session.execute(delete(UsageSumRow).where(*own))
        await self.remove_budget("user", user_id)


def _narrowed(
    row: type[UsageRow] | type[ReservationRow], pot: Pot, user_ids: Sequence[str] | None = None
) -> list[ColumnElement[bool]]:
    people = user_ids if user_ids is not None else pot.user_ids
    conditions: list[ColumnElement[bool]] = [true()] if people is None else [row.user_id.in_(people)]
    for name in ("key_id", "agent_id", "session_id", "root_run_id"):
        value = getattr(pot, name)
        if value is not None:
            conditions.append(getattr(row, name) == value)
    return conditions


def _session_sum(user_id: str, session_id: str, key_id: str | None) -> str:
    """Under which id a session's sum is kept: a digest, because the parts together are longer than an id may be."""
    return sha256("\0".join((user_id, session_id, key_id or "")).encode()).hexdigest()


def _folded(row: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    """What a row that goes adds to the sums of its session: to the whole, and to what a key has used in it."""
    if row["session_id"] is None or row["user_id"] == DELETED:
        return
    cost = None if row["cost"] is None else int(Decimal(row["cost"]).scaleb(8))
    for key_id in {None, row["key_id"]}:
        target = _session_sum(row["user_id"], row["session_id"], key_id)
        yield {"scope": SESSION, "target_id": target, "quarter": FOLDED, **_counted(row, cost)}


def _plus(first: Amount, second: Amount) -> Amount:
    return Amount(first.tokens + second.tokens, first.cost + second.cost)


def _portions(ids: Collection[str]) -> Iterator[list[str]]:
    whole = list(ids)
    for start in range(0, len(whole), MAX_IN):
        yield whole[start : start + MAX_IN]


def sums_of(values: Mapping[str, Any], *, quarter: int, cost: int | None) -> list[dict[str, Any]]:
    """What a row of the ledger adds to which sums, always in this order, so that two writers never wait in a circle."""
    targets = [("server", ALL), ("user", values["user_id"]), ("agent", values["agent_id"]), ("key", values["key_id"])]
    counted = _counted(values, cost)
    return [{"scope": scope, "target_id": target, "quarter": quarter, **counted} for scope, target in targets if target]


def _counted(values: Mapping[Any, Any], cost: int | None) -> dict[str, int]:
    return {
        "calls": 1,
        "unpriced_calls": int(cost is None),
        **{name: values[name] for name in TOKENS},
        "cost": cost or 0,
    }
