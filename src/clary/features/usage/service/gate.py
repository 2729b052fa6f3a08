"""Leave to call a model: what is left, what is reserved, what became of it (platform.md 14.3)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.usage.errors import BudgetExhaustedError, ModelUnpricedError
from clary.features.usage.policy import LEAST_OUTPUT, UNITS, Calendar, Ceiling, Room, Wanted, fit, strictest_spent
from clary.features.usage.ports import PlannedCall, Reservation
from clary.features.usage.repository import BudgetRepository
from clary.features.usage.service.ledger import LedgerEntry, record
from clary.features.usage.service.rooms import RoomReader
from clary.features.usage.service.targets import BudgetPlaces, Present
from clary.features.usage.tables import ReservationRow
from clary.kit import measures
from clary.kit.clock import Clock

log = structlog.get_logger()

LOST_AFTER = timedelta(seconds=40)
"""Together with the time between two looks after it less than the 60 s of the contract."""


@dataclass(frozen=True, slots=True)
class StartCheck:
    """A run may start. `is_unpriced`: it is to warn that its model counts no money (`unpriced_model`)."""

    is_unpriced: bool = False


class BudgetGate:
    """Every call of a model asks here first. Calls of all processes take turns, so none passes with another.

    A reservation ends with `settle` in the transaction that books the call, or with `release` when it was not sent.
    While neither happened its process renews it; what nobody renews is booked as it was reserved.
    """

    def __init__(
        self,
        *,
        database: Database,
        places: BudgetPlaces,
        calendar: Calendar,
        clock: Clock,
        currency: str,
        unpriced: Literal["allow", "refuse"],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._places = places
        self._calendar = calendar
        self._clock = clock
        self._currency = currency
        self._unpriced = unpriced
        self._new_id = new_id
        self._live: set[str] = set()
        self._releasing: set[asyncio.Task[None]] = set()

    async def reserve(self, call: PlannedCall, *, least: int = LEAST_OUTPUT) -> Reservation:
        """Reserves what a call may use at most, with less output where not all of it fits.

        `least`: the shortest output worth a call, unless it asked for no more. No transaction may be open: this one
        waits for its turn. Without a budget it costs nothing.

        Raises:
            BudgetExhaustedError: not even the shortest output fits. ModelUnpricedError
        """
        present = await self._places.present()
        if not present.may_bind(call):
            return Reservation(None, call.max_tokens)
        reservation_id = self._new_id()
        try:
            async with self._database.write() as db:
                granted = await self._reserve(db, call, present, reservation_id, least)
        except asyncio.CancelledError:
            # Whether it was written nobody can tell; sent it was not.
            self._release_soon(reservation_id)
            raise
        if granted is None:
            return Reservation(None, call.max_tokens)
        self._live.add(reservation_id)
        return Reservation(reservation_id, granted)

    async def _reserve(
        self, db: Session, call: PlannedCall, present: Present, reservation_id: str, least: int
    ) -> int | None:
        await BudgetRepository(db).take_turn()
        ceilings = await self._places.ceilings_for(db, call, present)
        if not ceilings:
            return None
        wanted = _wanted(call)
        self._require_priced(ceilings, wanted)
        granted, blocking = fit(await self._rooms(db, ceilings, call), wanted, least)
        if blocking is not None:
            raise self._exhausted(blocking)
        amount = wanted.amount(granted)
        row = ReservationRow(
            id=reservation_id,
            renewed_at=self._clock.now(),
            user_id=call.user_id,
            agent_id=call.agent_id,
            key_id=call.key_id,
            session_id=call.session_id,
            root_run_id=call.root_run_id,
            tokens=amount.tokens,
            cost=amount.cost if wanted.is_priced else None,
            call=_kept(call, granted),
        )
        BudgetRepository(db).add_reservation(row)
        return granted

    async def require_room(self, db: Session, call: PlannedCall) -> StartCheck:
        """Refuses what cannot even start: something that counts for it is spent (platform.md 14.3).

        `root_run_id` is the id the run is going to have. Reads only, and nothing while there is no budget.

        Raises:
            BudgetExhaustedError, ModelUnpricedError
        """
        present = await self._places.present(db)
        if not present.may_bind(call):
            return StartCheck()
        ceilings = await self._places.ceilings_for(db, call, present)
        self._require_priced(ceilings, _wanted(call))
        spent = strictest_spent(await self._rooms(db, ceilings, call))
        if spent is not None:
            raise self._exhausted(spent)
        return StartCheck(is_unpriced=call.price is None and any(each.unit == "cost" for each in ceilings))

    async def release(self, reservation_id: str | None) -> None:
        """Frees the reservation of a call that was not sent, or that failed at once without having used anything."""
        if reservation_id is None:
            return
        self._live.discard(reservation_id)
        async with self._database.write() as db:
            await BudgetRepository(db).remove_reservation(reservation_id)

    def let_go(self, reservation_id: str | None) -> None:
        """The call is over: whoever books it has 40 s to do so, before it is booked as it was reserved."""
        if reservation_id is not None:
            self._live.discard(reservation_id)

    async def tend(self) -> None:
        """Renews the reservations of calls under way, and books those that nobody renews; to be done every 10 s."""
        if self._live:
            async with self._database.write() as db:
                await BudgetRepository(db).renew(self._live, self._clock.now())
        await self.book_lost()

    async def book_lost(self, *, root_run_id: str | None = None) -> int:
        """Books calls of processes that are gone as they were reserved; returns how many.

        `root_run_id`: those of a run that has just been taken over, without waiting.
        """
        before = self._clock.now() - LOST_AFTER
        async with self._database.read() as db:
            if not self._lost(await BudgetRepository(db).list_lost(before=before, root_run_id=root_run_id)):
                return 0
        async with self._database.write() as db:
            lost = self._lost(await BudgetRepository(db).list_lost(before=before, root_run_id=root_run_id))
            for row in lost:
                await record(db, self._entry(row), row.id)
        return len(lost)

    def _lost(self, rows: Sequence[ReservationRow]) -> list[ReservationRow]:
        return [row for row in rows if row.id not in self._live]

    def _entry(self, row: ReservationRow) -> LedgerEntry:
        kept = row.call
        return LedgerEntry(
            at=self._clock.now(),
            user_id=row.user_id,
            agent_id=row.agent_id,
            key_id=row.key_id,
            session_id=row.session_id,
            root_run_id=row.root_run_id,
            cost=None if row.cost is None else Decimal(row.cost) / UNITS,
            currency=self._currency,
            note="estimated",
            outcome="error",
            **kept,
        )

    async def _rooms(self, db: Session, ceilings: Sequence[Ceiling], call: PlannedCall) -> list[Room]:
        reader = RoomReader(db, self._places, self._calendar, self._clock.now())
        return [await reader.room(ceiling, call) for ceiling in ceilings]

    def _require_priced(self, ceilings: Sequence[Ceiling], wanted: Wanted) -> None:
        if self._unpriced == "refuse" and not wanted.is_priced and any(each.unit == "cost" for each in ceilings):
            raise ModelUnpricedError

    def _exhausted(self, room: Room) -> BudgetExhaustedError:
        measures.count("clary_budget_refusals_total", scope=room.ceiling.named)
        return BudgetExhaustedError(room.ceiling.named, room.resets_at, now=self._clock.now())

    def _release_soon(self, reservation_id: str) -> None:
        task = asyncio.create_task(self._try_to_release(reservation_id))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _try_to_release(self, reservation_id: str) -> None:
        try:
            await self.release(reservation_id)
        except UnavailableError:
            log.warning("reservation_not_released")

    async def close(self) -> None:
        """Waits for what is still being freed."""
        await asyncio.gather(*self._releasing)


def _wanted(call: PlannedCall) -> Wanted:
    token, each = (None, None) if call.price is None else (call.price.token, call.price.call)
    return Wanted(call.input_tokens, call.max_tokens, token, each)


def _kept(call: PlannedCall, granted: int) -> dict[str, Any]:
    """What the ledger has to know of a call that has no column in its reservation."""
    names = ("client_id", "run_id", "request_source", "step_name", "provider_id", "model", "input_tokens")
    return {name: getattr(call, name) for name in names} | {"output_tokens": granted}
