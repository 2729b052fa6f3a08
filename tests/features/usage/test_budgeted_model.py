"""A model that asks for leave before each call (platform.md 14.3)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest
import sqlalchemy

from clary.features.usage.service import BudgetedModel, EndedCall
from clary.features.usage.tables import ReservationRow
from clary.runtime.messages import UserMessage
from clary.runtime.model import (
    AttemptLost,
    BudgetSpentError,
    ModelDone,
    ModelFailedError,
    ModelItem,
    ModelRequest,
    TextDelta,
    Usage,
)
from clary.runtime.toolset import estimate_tokens
from features.usage.till import Till

pytestmark = pytest.mark.anyio

ASKED = ModelRequest([UserMessage("hello")], max_tokens=900)
ANSWER = (TextDelta("four words of text"), ModelDone("stop", (), Usage(100, 4)))


class Playing:
    """A model that plays items, then fails if it is to."""

    model_name = "m-1"

    def __init__(self, items: Sequence[ModelItem], failure: ModelFailedError | None = None) -> None:
        self.items = items
        self.failure = failure
        self.asked: list[int | None] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient`."""
        self.asked.append(request.max_tokens)
        for item in self.items:
            yield item
        if self.failure is not None:
            raise self.failure


async def budgeted(till: Till, model: Playing) -> BudgetedModel:
    return BudgetedModel(
        model,
        till.gate,
        await till.planned("alice"),
        estimate=lambda messages, tools: 100,
        default_max_tokens=800,
        clock=till.house.clock,
    )


async def reserved(till: Till) -> list[str]:
    async with till.house.services.database.read() as db:
        return list(await db.scalars(sqlalchemy.select(ReservationRow.id)))


async def play(model: BudgetedModel, request: ModelRequest = ASKED) -> list[ModelItem]:
    async with aclosing(model.stream(request)) as items:
        return [item async for item in items]


async def test_without_a_budget_the_request_passes_unchanged(till: Till) -> None:
    playing = Playing(ANSWER)
    model = await budgeted(till, playing)
    assert await play(model, ModelRequest([UserMessage("hello")])) == list(ANSWER)
    assert (playing.asked, await reserved(till)) == ([None], [])
    assert model.take_ended() == [EndedCall(None, Usage(100, 4), None, "ok", 1, 0, first_ms=0)]
    assert model.take_ended() == []


async def test_a_call_is_reserved_shortened_and_settled_with_the_real_figures(till: Till) -> None:
    await till.set("server/all", tokens_per_day=500)
    playing = Playing(ANSWER)
    model = await budgeted(till, playing)
    assert await play(model) == list(ANSWER)
    (open_id,) = await reserved(till)
    ended = model.take_ended()
    assert (playing.asked, ended) == ([400], [EndedCall(open_id, Usage(100, 4), None, "ok", 1, 0, first_ms=0)])
    await till.book(await till.planned("alice"), open_id, tokens=104)
    assert (await reserved(till), await till.outcome(await till.planned("alice"))) == ([], 296)


async def test_where_nothing_is_left_nothing_is_sent(till: Till) -> None:
    await till.set("server/all", tokens_per_day=0)
    playing = Playing(ANSWER)
    with pytest.raises(BudgetSpentError) as told:
        await play(await budgeted(till, playing))
    assert (playing.asked, told.value.notice.en) == ([], "Budget used up (server), resets at 2026-01-03 00:00 UTC")


async def test_a_failure_without_usage_before_any_output_frees_the_reservation(till: Till) -> None:
    await till.set("server/all", tokens_per_day=5000)
    model = await budgeted(till, Playing((), ModelFailedError("provider_auth")))
    with pytest.raises(ModelFailedError):
        await play(model)
    assert (await reserved(till), model.take_ended()) == ([], [EndedCall(None, None, "provider_auth", "error", 1, 0)])


async def test_a_failure_with_usage_is_to_be_booked(till: Till) -> None:
    await till.set("server/all", tokens_per_day=5000)
    model = await budgeted(till, Playing((), ModelFailedError("provider_error", usage=Usage(9, 0))))
    with pytest.raises(ModelFailedError):
        await play(model)
    (open_id,) = await reserved(till)
    assert model.take_ended() == [EndedCall(open_id, Usage(9, 0), "provider_error", "error", 1, 0)]


async def test_a_stream_that_is_cut_is_to_be_booked_as_estimated(till: Till) -> None:
    await till.set("server/all", tokens_per_day=5000)
    lost = AttemptLost("provider_timeout")
    model = await budgeted(till, Playing((TextDelta("gone"), lost, TextDelta("x" * 400), *ANSWER)))
    async with aclosing(model.stream(ASKED)) as items:
        async for item in items:
            if item == TextDelta("x" * 400):
                break
    (open_id,) = await reserved(till)
    tokens = estimate_tokens("x" * 400)
    assert model.take_ended() == [
        EndedCall(None, None, "provider_timeout", "error", 1, 0, first_ms=0),
        EndedCall(open_id, Usage(100, tokens), "estimated", "cut", 2, 0, first_ms=0),
    ]


LOST = AttemptLost("provider_timeout", Usage(100, 9))


async def test_an_attempt_after_one_that_used_something_asks_for_leave_anew(till: Till) -> None:
    await till.set("server/all", tokens_per_day=5000)
    model = await budgeted(till, Playing((TextDelta("gone"), LOST, *ANSWER)))
    assert await play(model) == [TextDelta("gone"), LOST, *ANSWER]
    first, second = model.take_ended()
    assert {str(first.reservation_id), str(second.reservation_id)} == set(await reserved(till))
    assert [first, second] == [
        EndedCall(first.reservation_id, Usage(100, 9), "provider_timeout", "error", 1, 0, first_ms=0),
        EndedCall(second.reservation_id, Usage(100, 4), None, "ok", 2, 0, first_ms=0),
    ]


async def test_another_attempt_that_does_not_fit_is_not_made(till: Till) -> None:
    await till.set("server/all", tokens_per_day=1900)
    model = await budgeted(till, Playing((TextDelta("gone"), LOST, *ANSWER)))
    with pytest.raises(BudgetSpentError) as told:
        await play(model)
    (first,) = model.take_ended()
    assert (first.usage, await reserved(till)) == (LOST.usage, [first.reservation_id])
    assert told.value.notice.en == "Budget used up (server), resets at 2026-01-03 00:00 UTC"


async def test_what_nobody_books_after_the_end_is_booked_within_a_minute(till: Till) -> None:
    await till.set("server/all", tokens_per_day=5000)
    await play(await budgeted(till, Playing(ANSWER)))
    for _ in range(5):
        till.house.clock.move(seconds=10)
        await till.gate.tend()
    assert (await reserved(till), await till.outcome(await till.planned("alice", max_tokens=3900))) == ([], 3900)
