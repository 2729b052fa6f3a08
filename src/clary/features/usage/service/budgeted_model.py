"""A model that asks for leave before each call (platform.md 14.3)."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from clary.features.usage.errors import BudgetExhaustedError, ModelUnpricedError
from clary.features.usage.policy import LEAST_OUTPUT
from clary.features.usage.ports import PlannedCall, Reservation
from clary.features.usage.service.gate import BudgetGate
from clary.features.usage.service.ledger import LedgerEntry
from clary.features.usage.service.model_span import ModelSpan
from clary.kit import measures
from clary.kit.clock import Clock
from clary.runtime.messages import ModelMessage, ToolSpec
from clary.runtime.model import (
    AttemptLost,
    BudgetSpentError,
    ModelClient,
    ModelFailedError,
    ModelItem,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from clary.runtime.toolset import estimate_tokens

Estimate = Callable[[Sequence[ModelMessage], Sequence[ToolSpec]], int]
Cost = Callable[[Usage], Decimal | None]
"""What tokens cost, in the server's currency; None: unpriced."""


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call attempt that is over and not booked yet.

    `usage`: as reported, or estimated by what was sent and received; None: nobody knows of any. `note`: `estimated`,
    the kind of a failure, or None. `outcome`: `ok`, `error` (it failed), `cut` (nobody listened to the end). `attempt`
    counts from 1.
    """

    reservation_id: str | None
    usage: Usage | None
    note: str | None
    outcome: str
    attempt: int
    duration_ms: int
    first_ms: int | None = None
    """Until the model said something; None: it said nothing."""


def entry_of(call: PlannedCall, ended: EndedCall, *, at: datetime, currency: str, cost: Cost) -> LedgerEntry:
    """The row of the ledger for an attempt (platform.md 14.1); to be asked for once, for its cost is counted too."""
    # A failed attempt without figures costs what it used: nothing that anybody knows of.
    nothing = None if call.price is None else Decimal(0)
    usage = ended.usage or Usage()
    spent = nothing if ended.usage is None else cost(usage)
    if spent:
        measures.count("clary_model_cost_total", float(spent), currency=currency)
    return LedgerEntry(
        at=at,
        user_id=call.user_id,
        agent_id=call.agent_id,
        session_id=call.session_id,
        run_id=call.run_id,
        root_run_id=call.root_run_id,
        key_id=call.key_id,
        client_id=call.client_id,
        request_source=call.request_source,
        step_name=call.step_name,
        provider_id=call.provider_id,
        model=call.model,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens or 0,
        reasoning_tokens=usage.reasoning_tokens or 0,
        cost=spent,
        currency=currency,
        note=ended.note,
        outcome=ended.outcome,
        attempt=ended.attempt,
        duration_ms=ended.duration_ms,
    )


class BudgetedModel:
    """A `ModelClient` around another; one call at a time.

    `call` is what all calls have in common. An attempt whose usage was told keeps its reservation until that is
    booked, and the next attempt asks for leave anew; one that told none leaves its reservation to the next.
    `take_ended` hands out what has to be booked, once: whoever writes the usage passes `reservation_id` to
    `add_entry`, so that the real figures replace the reservation in one transaction.
    """

    def __init__(
        self,
        model: ModelClient,
        gate: BudgetGate,
        call: PlannedCall,
        *,
        estimate: Estimate,
        default_max_tokens: int,
        clock: Clock,
    ) -> None:
        self._model = model
        self._gate = gate
        self._call = call
        self._estimate = estimate
        self._default_max_tokens = default_max_tokens
        self._clock = clock
        self._ended: list[EndedCall] = []
        self._span: ModelSpan
        self.refusal: BudgetExhaustedError | ModelUnpricedError | None = None
        """Why the last call was not made."""

    @property
    def model_name(self) -> str:
        """See `ModelClient`."""
        return self._model.model_name

    def take_ended(self) -> list[EndedCall]:
        """Attempts that are over and that nobody has taken yet, oldest first."""
        ended, self._ended = self._ended, []
        return ended

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient.stream`; the output may be shorter than asked for, where no more fits.

        Raises:
            BudgetSpentError: a budget is spent, or the model has no price where one is needed.
            ModelFailedError
        """
        span = self._span = ModelSpan(self.model_name, self._call, request)
        try:
            async with aclosing(self._stream(request)) as items:
                async for item in items:
                    span.see(item)
                    yield item
        except ModelFailedError as error:
            span.fail(error.kind)
            raise
        except BudgetSpentError:
            span.fail("budget")
            raise
        finally:
            span.end()

    async def _stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        planned = replace(
            self._call,
            input_tokens=self._estimate(request.messages, request.tools),
            max_tokens=request.max_tokens or self._default_max_tokens,
        )
        reservation = await self._reserved(planned)
        if reservation.id is not None:
            request = replace(request, max_tokens=reservation.max_tokens)
        attempt = _Attempt(1, reservation.id, planned.input_tokens, self._clock)
        try:
            async with aclosing(self._model.stream(request)) as items:
                async for item in items:
                    attempt.see(item)
                    if attempt.is_lost or attempt.is_done:
                        # Before the item is seen: whoever records it finds what has to be booked with it.
                        await self._over(attempt)
                    if attempt.is_lost and not attempt.has_usage:
                        attempt = attempt.next(attempt.reservation_id)
                    yield item
                    if attempt.is_lost:
                        attempt = attempt.next(await self._reserved_again(planned, reservation.max_tokens))
        except ModelFailedError as error:
            attempt.failed(error)
            raise
        finally:
            # Also when nobody listens to the end: what was sent may have been paid for.
            await self._over(attempt)

    async def _reserved(self, planned: PlannedCall, *, least: int = LEAST_OUTPUT) -> Reservation:
        try:
            return await self._gate.reserve(planned, least=least)
        except (BudgetExhaustedError, ModelUnpricedError) as problem:
            self.refusal = problem
            raise BudgetSpentError(problem.message) from None

    async def _reserved_again(self, planned: PlannedCall, length: int) -> str | None:
        """Leave for another attempt, whose output is as long as the first one's: it cannot be shortened any more."""
        return (await self._reserved(replace(planned, max_tokens=length), least=length)).id

    async def _over(self, attempt: "_Attempt") -> None:
        ended = attempt.end()
        if ended is None:
            return
        measure_call(self.model_name, ended)
        self._span.used(self.model_name, ended.usage)
        if ended.usage is None:
            self._ended.append(replace(ended, reservation_id=None))
            if not attempt.is_lost:
                await self._gate.release(ended.reservation_id)
        else:
            self._ended.append(ended)
            self._gate.let_go(ended.reservation_id)


def measure_call(model: str, ended: EndedCall) -> None:
    """Counts an attempt for whoever watches the server."""
    measures.count("clary_model_calls_total", model=model, outcome=ended.outcome)
    if ended.first_ms is not None:
        measures.observe("clary_model_first_token_seconds", ended.first_ms / 1000, model=model)
    if ended.usage is None:
        return
    for kind, tokens in (
        ("input", ended.usage.prompt_tokens),
        ("output", ended.usage.completion_tokens),
        ("cached", ended.usage.cached_tokens),
        ("reasoning", ended.usage.reasoning_tokens),
    ):
        if tokens:
            measures.count("clary_model_tokens_total", tokens, model=model, kind=kind)


class _Attempt:
    """What is known of an attempt while it goes on."""

    def __init__(self, number: int, reservation_id: str | None, input_tokens: int, clock: Clock) -> None:
        self._number = number
        self.reservation_id = reservation_id
        self._input_tokens = input_tokens
        self._clock = clock
        self._began = clock.monotonic()
        self._pieces: list[str] = []
        self._usage: Usage | None = None
        self._note: str | None = None
        self._outcome = "cut"
        self._has_ended = False
        self.first_seconds: float | None = None
        """Until the model said something."""
        self.is_lost = False
        self.is_done = False

    def next(self, reservation_id: str | None) -> "_Attempt":
        """The one after this."""
        return _Attempt(self._number + 1, reservation_id, self._input_tokens, self._clock)

    def see(self, item: ModelItem) -> None:
        """Counts an item."""
        if self.first_seconds is None and not isinstance(item, AttemptLost):
            self.first_seconds = self._clock.monotonic() - self._began
        if isinstance(item, (TextDelta, ReasoningDelta)):
            self._pieces.append(item.text)
        elif isinstance(item, ToolCallDelta):
            self._pieces.append(item.arguments)
        elif isinstance(item, AttemptLost):
            # One that told no usage counts nothing (stream-runtime.md 9.17).
            self._pieces.clear()
            self.is_lost = True
            self._usage, self._note, self._outcome = item.usage, item.kind, "error"
        else:
            self._usage, self._outcome, self.is_done = item.usage, "ok", True

    @property
    def has_usage(self) -> bool:
        """Whether it is known what it used."""
        return self._usage is not None

    def failed(self, error: ModelFailedError) -> None:
        """It failed for good."""
        self._usage, self._note, self._outcome = error.usage, error.kind, "error"

    def end(self) -> EndedCall | None:
        """What became of it, once."""
        if self._has_ended:
            return None
        self._has_ended = True
        if self._usage is None and (self._outcome != "error" or self._pieces):
            self._usage = Usage(self._input_tokens, estimate_tokens("".join(self._pieces)))
            self._note = "estimated"
        duration_ms = round((self._clock.monotonic() - self._began) * 1000)
        first_ms = None if self.first_seconds is None else round(self.first_seconds * 1000)
        return EndedCall(
            self.reservation_id, self._usage, self._note, self._outcome, self._number, duration_ms, first_ms
        )
