"""Calls of models that belong to no run: leave before each attempt, a row of the ledger after it (platform.md 14)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from clary.db.database import Database
from clary.db.session import Session
from clary.features.usage.ports import PlannedCall
from clary.features.usage.service.budgeted_model import BudgetedModel, Cost, EndedCall, entry_of, measure_call
from clary.features.usage.service.gate import BudgetGate
from clary.features.usage.service.ledger import record
from clary.kit.clock import Clock
from clary.runtime.context import BudgetRules, ContextBudget
from clary.runtime.model import BudgetSpentError, ModelClient, ModelItem, ModelRequest, Usage


class SingleCalls:
    """Makes models whose calls book themselves, in transactions of their own. `currency`: of costs."""

    def __init__(self, *, database: Database, gate: BudgetGate, clock: Clock, currency: str) -> None:
        self._database = database
        self.gate = gate
        self.clock = clock
        self._currency = currency

    def model(
        self, client: ModelClient, call: PlannedCall, *, default_max_tokens: int, cost: Cost
    ) -> "SelfBookingModel":
        """A model for calls like `call`, which cost what `cost` says."""
        return SelfBookingModel(self, client, call, default_max_tokens=default_max_tokens, cost=cost)

    @asynccontextmanager
    async def attempt(self, call: PlannedCall, cost: Cost) -> AsyncGenerator["AttemptUse"]:
        """Leave for one attempt that has no output, such as one at vectors; it is booked when the block ends.

        Raises:
            BudgetExhaustedError, ModelUnpricedError: it must not be made.
        """
        reservation = await self.gate.reserve(call, least=0)
        use, began = AttemptUse(), self.clock.monotonic()
        try:
            yield use
        finally:
            self.gate.let_go(reservation.id)
            ended = use.ending(reservation.id, call.input_tokens, round(1000 * (self.clock.monotonic() - began)))
            measure_call(call.model, ended)
            # Who hangs up does so at once; what was sent is booked all the same.
            await asyncio.shield(self.book(call, [ended], cost))

    async def book(self, call: PlannedCall, ended: list[EndedCall], cost: Cost) -> None:
        """Writes the rows of attempts that are over; their reservations end with it."""
        if not ended:
            return
        async with self._database.write() as db:
            for each in ended:
                entry = entry_of(call, each, at=self.clock.now(), currency=self._currency, cost=cost)
                await record(db, entry, each.reservation_id)


class AttemptUse:
    """What becomes of an attempt. One that nobody says anything of was cut off: it is booked as it was estimated."""

    def __init__(self) -> None:
        self._tokens: int | None = None
        self._outcome = "cut"
        self._note: str | None = "estimated"

    def ended(self, tokens: int | None) -> None:
        """It was answered; `tokens` as the model counts them, None: it did not say."""
        self._tokens, self._outcome, self._note = tokens, "ok", None if tokens is not None else "estimated"

    def failed(self, kind: str) -> None:
        """It came to nothing."""
        self._outcome, self._note = "error", kind

    def ending(self, reservation_id: str | None, estimate: int, duration_ms: int) -> EndedCall:
        """What is booked."""
        tokens = estimate if self._tokens is None else self._tokens
        usage = None if self._outcome == "error" else Usage(prompt_tokens=tokens)
        return EndedCall(reservation_id, usage, self._note, self._outcome, 1, duration_ms)


class SelfBookingModel:
    """A `ModelClient`; no transaction may be open while it is called."""

    def __init__(
        self, calls: SingleCalls, client: ModelClient, call: PlannedCall, *, default_max_tokens: int, cost: Cost
    ) -> None:
        self._calls = calls
        self._client = client
        self._call = call
        self._default_max_tokens = default_max_tokens
        self._cost = cost

    @property
    def model_name(self) -> str:
        """See `ModelClient`."""
        return self._client.model_name

    async def require_room(self, db: Session) -> None:
        """Refuses before anything is begun what could not be called at all.

        Raises:
            BudgetExhaustedError, ModelUnpricedError
        """
        await self._calls.gate.require_room(db, self._call)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient.stream`. Each attempt is booked when it is over, also one nobody listened to the end of.

        Raises:
            ModelFailedError
            BudgetExhaustedError, ModelUnpricedError: nothing was sent; as the refusals they are.
        """
        model = BudgetedModel(
            self._client,
            self._calls.gate,
            self._call,
            # One that has seen no call counts by text and pictures alone.
            estimate=ContextBudget(BudgetRules(max_model_len=0, max_tokens=0)).estimate,
            default_max_tokens=self._default_max_tokens,
            clock=self._calls.clock,
        )
        try:
            async with aclosing(model.stream(request)) as items:
                async for item in items:
                    await self._calls.book(self._call, model.take_ended(), self._cost)
                    yield item
        except BudgetSpentError as spent:
            raise (model.refusal or spent) from None
        finally:
            # Who hangs up does so at once; what was sent is booked all the same.
            await asyncio.shield(self._calls.book(self._call, model.take_ended(), self._cost))
