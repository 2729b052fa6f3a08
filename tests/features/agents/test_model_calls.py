"""Short calls of a model: asked again once, bounded, booked (product.md 3.6, platform.md 14.1)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from clary.features.agents.answers import Json
from clary.features.agents.errors import ModelCallFailedError
from clary.features.agents.service import model_calls
from clary.features.agents.service.model_calls import Assignment, Author, ModelCalls
from clary.features.llm_providers.service import Money, ProviderSnapshot
from clary.features.usage.tables import UsageRow
from clary.kit.clock import SystemClock
from clary.runtime.messages import UserMessage
from clary.runtime.model import (
    AttemptLost,
    ModelClient,
    ModelDone,
    ModelFailedError,
    ModelItem,
    ModelRequest,
    TextDelta,
    Usage,
)
from features.llm_providers.stage import Stage, metering_of

pytestmark = pytest.mark.anyio

PRICES = {"currency": "USD", "per": 1_000_000, "input": 1, "output": 2}
PROVIDER = ProviderSnapshot("p", "openai", "alice", "n", "https://x", "k", "m-1", prices=PRICES)
ASSIGNMENT = Assignment(PROVIDER, Author("alice", "key"), "agent_generate", "en", "Do it.", "material", "agent_1")
GOOD = [TextDelta('{"v"'), TextDelta(": 7}"), ModelDone("stop", usage=Usage(10, 5))]
BAD = [TextDelta("no"), ModelDone("stop")]


class PlayedModel:
    """Plays one list of items a call; an exception in it is raised, and after None it waits for ever."""

    model_name = "m-1"

    def __init__(self, *calls: Sequence[ModelItem | Exception | None]) -> None:
        self._calls = list(calls)
        self.requests: list[ModelRequest] = []
        self.closed = 0
        self.waits = asyncio.Event()

    def brief_client(self, provider: ProviderSnapshot) -> ModelClient:
        return self

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        self.requests.append(request)
        try:
            for item in self._calls.pop(0):
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    self.waits.set()
                    await asyncio.Event().wait()
                else:
                    yield item
        finally:
            self.closed += 1


def value(answer: Json) -> int | None:
    return answer.get("v")


def calls(stage: Stage, model: PlayedModel, **terms: Any) -> ModelCalls:
    metering = metering_of(stage.database, Money("USD"), SystemClock())
    return ModelCalls(models=model, metering=metering, **terms)


async def ledger(stage: Stage) -> list[tuple[Any, ...]]:
    async with stage.database.read() as db:
        rows = (await db.scalars(select(UsageRow).order_by(UsageRow.id))).all()
    assert {(row.user_id, row.key_id, row.request_source, row.step_name, row.agent_id) for row in rows} == {
        ("alice", "key", "other", "agent_generate", "agent_1")
    }
    return [(row.attempt, row.outcome, row.note, row.input_tokens, row.output_tokens, row.cost) for row in rows]


async def test_an_unreadable_answer_is_asked_for_again_once(stage: Stage) -> None:
    model = PlayedModel(BAD, GOOD)
    assert await calls(stage, model).ask(ASSIGNMENT, value) == 7
    first, second = model.requests
    assert list(second.messages)[:2] == list(first.messages)
    assert isinstance(second.messages[-1], UserMessage)
    assert (first.max_tokens, first.thinking.enabled) == (PROVIDER.max_tokens, False)
    assert await ledger(stage) == [
        (1, "ok", "estimated", 16, 1, "0.00001800"),
        (1, "ok", None, 10, 5, str(Decimal("0.00002000"))),
    ]


@pytest.mark.parametrize(
    ("played", "kind"), [([BAD, BAD], "provider_bad_response"), ([[ModelDone("stop")]] * 2, "empty_response")]
)
async def test_after_two_unreadable_answers_nothing_is_made_up(stage: Stage, played: Any, kind: str) -> None:
    model = PlayedModel(*played)
    with pytest.raises(ModelCallFailedError) as refused:
        await calls(stage, model).ask(ASSIGNMENT, value)
    assert (refused.value.kind, len(model.requests)) == (kind, 2)


async def test_a_failed_call_is_not_asked_again_and_costs_what_was_reported(stage: Stage) -> None:
    lost = AttemptLost("provider_timeout", Usage(3, 1))
    model = PlayedModel([TextDelta("{"), lost, ModelFailedError("provider_auth")])
    with pytest.raises(ModelCallFailedError) as refused:
        await calls(stage, model).ask(ASSIGNMENT, value)
    assert refused.value.slug == "provider_auth"
    assert await ledger(stage) == [
        (1, "error", "provider_timeout", 3, 1, "0.00000500"),
        (2, "error", "provider_auth", 0, 0, "0.00000000"),
    ]


async def test_what_an_attempt_said_before_it_broke_does_not_count(stage: Stage) -> None:
    model = PlayedModel([TextDelta("{{{"), AttemptLost("provider_error"), *GOOD])
    assert await calls(stage, model).ask(ASSIGNMENT, value) == 7


async def test_a_call_ends_in_time_and_is_booked_as_estimated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    model, deadline, given = PlayedModel([TextDelta("12345678"), None]), asyncio.timeout(None), list[float]()

    def timeout(seconds: float) -> asyncio.Timeout:
        given.append(seconds)
        return deadline

    # The time is over when the model has begun, however long a busy machine takes until then.
    monkeypatch.setattr(model_calls, "asyncio", SimpleNamespace(timeout=timeout, to_thread=asyncio.to_thread))
    asking = asyncio.create_task(calls(stage, model, max_seconds=7).ask(ASSIGNMENT, value))
    await model.waits.wait()
    deadline.reschedule(asyncio.get_running_loop().time())
    with pytest.raises(ModelCallFailedError) as refused:
        await asking
    assert (refused.value.kind, model.closed, given) == ("provider_timeout", 1, [7])
    assert await ledger(stage) == [(1, "cut", "estimated", 16, 2, "0.00002000")]


async def test_an_endless_answer_is_cut_off(stage: Stage) -> None:
    model = PlayedModel([TextDelta("x" * 300_000)] * 3)
    with pytest.raises(ModelCallFailedError) as refused:
        await calls(stage, model).ask(ASSIGNMENT, value)
    assert (refused.value.kind, model.closed) == ("provider_bad_response", 1)
