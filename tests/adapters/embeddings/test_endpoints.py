"""Endpoints of vectors and ranks that do as they should, and others."""

import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from clary.adapters.embeddings import EmbeddingEndpoint, RerankEndpoint
from clary.features.knowledge.ports import EmbeddingFailedError, ModelEndpoint
from clary.kit.safe_http import OutboundGuard
from support.model_endpoint import Answer, endpoint

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


class FreeMeter:
    """Takes no money."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @asynccontextmanager
    async def attempt(self, texts: Sequence[str]) -> AsyncIterator["FreeMeter"]:
        yield self

    def ended(self, tokens: int | None) -> None:
        self.seen.append(tokens)

    def failed(self, kind: str) -> None:
        self.seen.append(kind)


def embedder(url: str, **fields: Any) -> EmbeddingEndpoint:
    values: Json = {"is_servers": True, "timeout_seconds": 20.0, **fields}
    return EmbeddingEndpoint(
        ModelEndpoint(url, "key", "m", **values), OutboundGuard(), FreeMeter(), waits_seconds=(0.0, 0.0)
    )


def numbers(text: str) -> list[float]:
    return [float(len(text)), 1.0, -2.0]


def honest(body: Json) -> tuple[int, bytes]:
    items = [{"index": place, "embedding": numbers(text)} for place, text in enumerate(body["input"])]
    return 200, json.dumps({"data": items[::-1]}).encode()


def data(*items: Json) -> Answer:
    return lambda _: (200, json.dumps({"data": list(items)}).encode())


async def refusal(call: Awaitable[object]) -> str:
    with pytest.raises(EmbeddingFailedError) as caught:
        await call
    return caught.value.kind


async def test_vectors_come_in_order_of_unit_length_in_batches() -> None:
    texts = ["x" * size for size in range(1, 71)]
    async with endpoint(honest) as (server, url):
        model = embedder(url, batch=64, dims=3, sends_dims=True)
        vectors = await model.embed(texts, mode="passage")

    for text, vector in zip(texts, vectors, strict=True):
        wanted = np.array(numbers(text)) / np.linalg.norm(numbers(text))
        assert np.frombuffer(vector, "<f2") == pytest.approx(wanted, abs=0.001)
    assert [len(body["input"]) for _, _, body in server.requests] == [64, 6]
    path, headers, body = server.requests[0]
    assert (path, headers["authorization"], body["dimensions"]) == ("/v1/embeddings", "Bearer key", 3)


@pytest.mark.parametrize(
    "answer",
    [
        data(),
        data({"index": 0, "embedding": [1.0, 2.0]}, {"index": 0, "embedding": [1.0, 2.0]}),
        data({"index": 1, "embedding": [1.0]}),
        data({"index": 0, "embedding": [0.0, 0.0, 0.0]}),
        data({"index": 0, "embedding": [1.0, "2", 3.0]}),
        data({"index": 0, "embedding": [1.0, True, 3.0]}),
        data({"index": 0, "embedding": [1e308, 1e308, 1e308]}),
        data({"index": 0, "embedding": [1.0, 2.0]}),
        data({"index": 0, "embedding": []}),
        data({"index": 0}),
        lambda _: (200, b'{"data": [{"index": 0, "embedding": [NaN, 1, 2]}]}'),
        lambda _: (200, b'{"data": [{"index": 0, "embedding": [1e999, 1, 2]}]}'),
        lambda _: (200, b"[" * 100_000),
        lambda _: (200, b"not json"),
        lambda _: (200, b"[]"),
        lambda _: (302, b""),
    ],
)
async def test_answers_that_are_no_vectors_are_refused(answer: Answer) -> None:
    async with endpoint(answer) as (_, url):
        assert await refusal(embedder(url, dims=3).embed(["a"], mode="query")) in (
            "provider_bad_response",
            "provider_error",
        )


async def test_an_answer_without_end_is_cut_and_one_that_never_comes_is_not_waited_for() -> None:
    async with endpoint(honest) as (server, url):
        server.floods = True
        assert await refusal(embedder(url).embed(["a"], mode="query")) == "provider_bad_response"
        server.floods, server.hangs = False, True
        assert await refusal(embedder(url, timeout_seconds=0.5).embed(["a"], mode="query")) == "provider_timeout"


@pytest.mark.parametrize(
    ("status", "kind", "calls"),
    [(401, "provider_auth", 1), (429, "provider_rate_limit", 3), (500, "provider_error", 3)],
)
async def test_passing_trouble_is_tried_again_for_passages_only(status: int, kind: str, calls: int) -> None:
    async with endpoint(lambda _: (status, b"secret words")) as (server, url):
        assert await refusal(embedder(url).embed(["a"], mode="passage")) == kind
        assert len(server.requests) == calls
        assert await refusal(embedder(url).embed(["a"], mode="query")) == kind
        assert len(server.requests) == calls + 1


async def test_only_the_operators_address_may_be_private() -> None:
    async with endpoint(honest) as (server, url):
        assert await refusal(embedder(url, is_servers=False).embed(["a"], mode="query")) == "provider_unreachable"
        assert server.requests == []


def reranker(url: str) -> RerankEndpoint:
    return RerankEndpoint(
        ModelEndpoint(url, None, "r", is_servers=True, timeout_seconds=20.0), OutboundGuard(), FreeMeter()
    )


async def test_ranks_come_in_order_and_between_0_and_1() -> None:
    def ranks(scale: float) -> Answer:
        def answer(body: Json) -> tuple[int, bytes]:
            items = [
                {"index": place, "relevance_score": scale * len(text)} for place, text in enumerate(body["documents"])
            ]
            return 200, json.dumps({"results": items[::-1]}).encode()

        return answer

    async with endpoint(ranks(0.1)) as (server, url):
        assert await reranker(url).rank("q", ["a", "bbb"]) == pytest.approx([0.1, 0.3])
        assert server.requests[0][2] == {"model": "r", "query": "q", "documents": ["a", "bbb"], "top_n": 2}
    async with endpoint(ranks(-2)) as (_, url):
        low, lower = await reranker(url).rank("q", ["a", "bbb"])
        assert 0 < lower < low < 0.5
    async with endpoint(lambda _: (200, b'{"results": [{"index": 0, "relevance_score": 1}]}')) as (_, url):
        assert await refusal(reranker(url).rank("q", ["a", "b"])) == "provider_bad_response"
