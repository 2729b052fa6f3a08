"""A model that asks for leave before each call (platform.md 14.3)."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from clary.features.usage.errors import BudgetExhaustedError, ModelUnpricedError
from clary.features.usage.ports import PlannedCall, Reservation
from clary.features.usage.service.gate import BudgetGate
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


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call that is over and not booked yet.

    `usage`: as reported, or estimated by what was sent and received (`is_estimated`); None: nothing to book.
    `outcome`: `ok`, `error` (it failed), `cut` (nobody listened to the end).
    """

    reservation_id: str | None
    usage: Usage | None
    is_estimated: bool
    outcome: str
    duration_ms: int


class BudgetedModel:
    """A `ModelClient` around another; one call at a time.

    `call` is what all calls have in common. Attempts behind one `stream` share a reservation. When a stream is over,
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
        self._ended: EndedCall | None = None

    @property
    def model_name(self) -> str:
        """See `ModelClient`."""
        return self._model.model_name

    def take_ended(self) -> EndedCall | None:
        """The last call, if it is over and nobody has taken it yet."""
        ended, self._ended = self._ended, None
        return ended

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient.stream`; the output may be shorter than asked for, where no more fits.

        Raises:
            BudgetSpentError: a budget is spent, or the model has no price where one is needed.
            ModelFailedError
        """
        planned = replace(
            self._call,
            input_tokens=self._estimate(request.messages, request.tools),
            max_tokens=request.max_tokens or self._default_max_tokens,
        )
        reservation = await self._reserved(planned)
        if reservation.id is not None:
            request = replace(request, max_tokens=reservation.max_tokens)
        watch = _Watch(planned.input_tokens, self._clock.monotonic())
        try:
            async with aclosing(self._model.stream(request)) as items:
                async for item in items:
                    watch.see(item)
                    yield item
        except ModelFailedError as error:
            watch.failed(error)
            raise
        finally:
            # Also when nobody listens to the end: what was sent may have been paid for.
            await self._over(watch, reservation)

    async def _reserved(self, planned: PlannedCall) -> Reservation:
        try:
            return await self._gate.reserve(planned)
        except (BudgetExhaustedError, ModelUnpricedError) as problem:
            raise BudgetSpentError(problem.message) from None

    async def _over(self, watch: "_Watch", reservation: Reservation) -> None:
        self._ended = watch.ended(reservation.id, self._clock.monotonic())
        if self._ended.usage is None:
            await self._gate.release(reservation.id)
            self._ended = replace(self._ended, reservation_id=None)
        else:
            self._gate.let_go(reservation.id)


class _Watch:
    """What is known of a call while it goes on."""

    def __init__(self, input_tokens: int, began: float) -> None:
        self._input_tokens = input_tokens
        self._began = began
        self._pieces: list[str] = []
        self._usage: Usage | None = None
        self._outcome = "cut"

    def see(self, item: ModelItem) -> None:
        """Counts an item."""
        if isinstance(item, (TextDelta, ReasoningDelta)):
            self._pieces.append(item.text)
        elif isinstance(item, ToolCallDelta):
            self._pieces.append(item.arguments)
        elif isinstance(item, AttemptLost):
            # What it used is told with it, and booked by those who hear it.
            self._pieces.clear()
        else:
            self._usage, self._outcome = item.usage, "ok"

    def failed(self, error: ModelFailedError) -> None:
        """The call failed for good."""
        self._usage, self._outcome = error.usage, "error"

    def ended(self, reservation_id: str | None, now: float) -> EndedCall:
        """What became of it."""
        duration_ms = round((now - self._began) * 1000)
        usage, is_estimated = self._usage, False
        if usage is None and (self._outcome != "error" or self._pieces):
            usage, is_estimated = Usage(self._input_tokens, estimate_tokens("".join(self._pieces))), True
        return EndedCall(reservation_id, usage, is_estimated, self._outcome, duration_ms)
