"""Remembered vectors of questions, and models that rest (product.md 5.6, 5.7)."""

from dataclasses import replace
from typing import cast

import pytest

from clary.adapters.embeddings import EmbeddingEndpoint
from clary.features.knowledge.ports import CallMeter, Embedder, ModelEndpoint
from clary.features.knowledge.service.question_vectors import REMEMBERED_SECONDS, REST_SECONDS, QuestionVectors
from clary.kit.safe_http import OutboundGuard
from features.knowledge.library import FakeSource
from support.house import SteppedClock

pytestmark = pytest.mark.anyio

DIMS = 32
ENDPOINT = ModelEndpoint("https://one.example.com/v1", None, "small", dims=DIMS, provider_id="one")
ELSEWHERE = (replace(ENDPOINT, provider_id="two"), replace(ENDPOINT, base_url="https://two.example.com/v1"))
NOBODYS = cast("CallMeter", None)


def model_at(endpoint: ModelEndpoint) -> tuple[FakeSource, Embedder]:
    """A model by itself, and what its calls are counted by."""
    source = FakeSource()
    return source, source.embedder(endpoint, NOBODYS)


async def ask(vectors: QuestionVectors, model: Embedder, *, whose: str = "ann") -> bool:
    """Whether there is a vector of the same question as ever."""
    return await vectors.find(model, "quartz", dims=DIMS, whose=whose) is not None


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
async def test_a_model_of_the_same_name_elsewhere_is_another_one(elsewhere: ModelEndpoint) -> None:
    vectors = QuestionVectors(monotonic=SteppedClock().monotonic)
    (first, here), (second, there) = model_at(ENDPOINT), model_at(elsewhere)

    assert await ask(vectors, here)
    second.failure = "provider_unreachable"
    assert not await ask(vectors, there)
    second.failure, first.failure = None, "provider_unreachable"
    assert not await vectors.find(here, "granite", dims=DIMS, whose="ann")

    assert (len(first.calls), len(second.calls)) == (2, 1)


async def test_the_trouble_of_one_provider_is_not_that_of_another() -> None:
    vectors = QuestionVectors(monotonic=SteppedClock().monotonic)
    for endpoint in ELSEWHERE:
        source, there = model_at(endpoint)
        source.failure = "provider_unreachable"
        assert not await ask(vectors, there)

    assert await ask(vectors, model_at(ENDPOINT)[1])


async def test_endpoints_say_where_they_are() -> None:
    guard = OutboundGuard(())
    ends = [EmbeddingEndpoint(each, guard, NOBODYS).origin for each in (ENDPOINT, *ELSEWHERE)]

    assert len(set(ends)) == 3


async def test_while_a_model_rests_nothing_it_gave_before_is_used() -> None:
    clock = SteppedClock()
    vectors = QuestionVectors(monotonic=clock.monotonic)
    source, model = model_at(ENDPOINT)
    assert await ask(vectors, model)
    source.failure = "provider_timeout"
    assert await vectors.find(model, "granite", dims=DIMS, whose="ann") is None

    assert not await ask(vectors, model)
    clock.move(seconds=REST_SECONDS + 1)
    assert await ask(vectors, model)
    assert len(source.calls) == 2


async def test_a_vector_is_remembered_for_a_short_time() -> None:
    clock = SteppedClock()
    vectors = QuestionVectors(monotonic=clock.monotonic)
    source, model = model_at(ENDPOINT)
    assert await ask(vectors, model)
    clock.move(seconds=REMEMBERED_SECONDS - 1)
    assert await ask(vectors, model)
    assert len(source.calls) == 1

    source.failure = "provider_unreachable"
    clock.move(seconds=1)
    assert not await ask(vectors, model)


@pytest.mark.parametrize("kind", ["provider_error", "provider_bad_response", "context_exceeded"])
async def test_a_question_the_model_refuses_is_no_trouble_of_others(kind: str) -> None:
    vectors = QuestionVectors(monotonic=SteppedClock().monotonic)
    source, model = model_at(ENDPOINT)
    source.failure = kind
    for _ in range(5):
        assert await vectors.find(model, "much too long", dims=DIMS, whose="ann") is None
    source.failure = None

    assert await ask(vectors, model)


async def test_a_model_that_refuses_one_question_after_the_other_rests() -> None:
    vectors = QuestionVectors(monotonic=SteppedClock().monotonic)
    source, model = model_at(ENDPOINT)
    source.failure = "provider_error"
    for query in ("one", "two", "three", "four", "five"):
        assert await vectors.find(model, query, dims=DIMS, whose="ann") is None

    assert len(source.calls) == 3
