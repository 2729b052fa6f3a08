"""Calls of models of vectors and rerankers: in the ledger and under budgets (product.md 5.7, platform.md 14)."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from features.knowledge.library import PREFIX, FakeSource, Library
from support.calls import provider_body
from support.house import house_in
from support.model_endpoint import Endpoint, endpoint

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


def honest(body: Json) -> tuple[int, bytes]:
    """Vectors that count tokens, and ranks that prefer the walrus, without a word about tokens."""
    if "documents" in body:
        scores = [0.9 if "walrus" in text else 0.1 for text in body["documents"]]
        return 200, json.dumps({"results": [{"index": i, "relevance_score": s} for i, s in enumerate(scores)]}).encode()
    items = [{"index": i, "embedding": [float(len(text)), 1.0, 2.0]} for i, text in enumerate(body["input"])]
    return 200, json.dumps({"data": items, "usage": {"prompt_tokens": 7 * len(items)}}).encode()


@asynccontextmanager
async def library_at(folder: Path, **settings: Any) -> AsyncIterator[tuple[Library, Endpoint]]:
    """A house whose server-wide models answer at an endpoint."""
    async with endpoint(honest) as (models, url), AsyncExitStack() as stack:
        choice = {"embedding": "provider", "embedding_base_url": url, "embedding_model": "vectors"}
        ranks = {"reranker_base_url": url, "reranker_model": "ranks"}
        async with house_in(folder, **{**choice, **ranks, **settings}) as house, AsyncExitStack() as people:
            yield Library(house, people, FakeSource()), models
        await stack.aclose()


async def booked(library: Library, name: str) -> list[Json]:
    """Rows of somebody's own, oldest first."""
    items = (await library.get(name, f"/api/usage?page_size=100&user_id={library.ids[name]}"))["items"]
    return [each for each in reversed(items) if each["step_name"] == "embeddings"]


async def ask(library: Library, name: str, kdb_id: str, query: str, **more: Any) -> Json:
    code, slug, data = await library.call(
        name, "POST", f"{PREFIX}/retrieve", {"kdb_id": kdb_id, "query": query, "top_k": 5, **more}
    )
    assert code == 200, slug
    return data


async def test_ingestion_is_booked_on_the_owner_and_a_query_on_who_asks(tmp_path: Path) -> None:
    async with library_at(tmp_path) as (library, _):
        kdb_id = await library.base("ann")
        await library.add("bob")
        await library.grant("ann", kdb_id, "user", library.ids["bob"], "write")
        await library.upload("bob", kdb_id, a="The walrus sleeps.", b="Granite holds quartz.")
        await library.until_ready("ann", kdb_id, 1)
        assert await booked(library, "bob") == []
        rows = await booked(library, "ann")
        assert {(each["provider_id"], each["model"], each["outcome"]) for each in rows} == {("server", "vectors", "ok")}
        # One test call when the base was made, then the two passages.
        assert sum(each["input_tokens"] for each in rows) == 7 * 3
        assert {(each["output_tokens"], each["note"], each["request_source"]) for each in rows} == {(0, None, "other")}

        found = await ask(library, "bob", kdb_id, "quartz")
        assert [each["title"] for each in found["results"]] == ["a.txt", "b.txt"]
        assert len(await booked(library, "ann")) == len(rows)
        vectors, ranks = await booked(library, "bob")
        assert (vectors["model"], vectors["input_tokens"], vectors["note"]) == ("vectors", 7, None)
        assert (ranks["model"], ranks["outcome"], ranks["note"]) == ("ranks", "ok", "estimated")
        assert ranks["input_tokens"] > 8


async def test_a_failed_call_is_booked_with_its_kind(tmp_path: Path) -> None:
    async with library_at(tmp_path) as (library, models):
        kdb_id = await library.base("ann", kdb_setting={"reranker": {"mode": "none"}})
        await library.upload("ann", kdb_id, a="The walrus sleeps.")
        await library.until_ready("ann", kdb_id, 1)
        before = len(await booked(library, "ann"))
        models.answer = lambda body: (401, b"{}")
        found = await ask(library, "ann", kdb_id, "walrus")
        assert (len(found["results"]), len(found["warnings"])) == (1, 1)
        (failed,) = (await booked(library, "ann"))[before:]
        assert (failed["outcome"], failed["note"], failed["input_tokens"]) == ("error", "provider_auth", 0)


async def test_a_spent_budget_delays_vectors_and_leaves_words_to_search(tmp_path: Path) -> None:
    async with library_at(tmp_path) as (library, models):
        kdb_id = await library.base("ann", kdb_setting={"reranker": {"mode": "none"}})
        path = f"/api/budgets/user/{library.ids['ann']}"
        assert (await library.call("admin", "PUT", path, {"tokens_per_day": 0}))[0] == 200
        asked = len(models.requests)
        await library.upload("ann", kdb_id, a="The walrus sleeps.")
        found = await ask(library, "ann", kdb_id, "walrus")
        assert (found["mode"], len(found["results"]), len(found["warnings"])) == ("lexical", 1, 1)
        assert (await library.info("ann", kdb_id))["index"]["vectors"] == "none"
        assert len(models.requests) == asked
        # Somebody else's budget has room, and the model need not rest.
        await library.add("bob")
        await library.grant("ann", kdb_id, "user", library.ids["bob"], "read")
        theirs = await ask(library, "bob", kdb_id, "walrus")
        assert len(models.requests) == asked + 1
        # What is missing is another thing by now: the vectors of the passages.
        assert (theirs["mode"], len(theirs["warnings"])) == ("lexical", 1)
        assert theirs["warnings"] != found["warnings"]
        assert (await library.call("admin", "PUT", path, {"tokens_per_day": 100_000}))[0] == 200
        await library.until_ready("ann", kdb_id, 1)


async def test_an_own_provider_is_booked_with_its_price(tmp_path: Path) -> None:
    async with library_at(tmp_path, outbound_allow=("127.0.0.1",)) as (library, models):
        url = str(library.house.services.settings.embedding_base_url)
        prices = {"currency": "USD", "per": 1000, "input": 2, "output": 3}
        body = provider_body(url) | {"model": "mine", "prices": prices}
        _, _, provider = await library.call("ann", "POST", "/api/llm-provider/create", body)
        chosen = {"mode": "provider", "provider_id": provider["id"]}
        kdb_id = await library.base("ann", kdb_setting={"embedding": chosen, "reranker": {"mode": "none"}})
        (probe,) = await booked(library, "ann")
        assert (probe["provider_id"], probe["model"], probe["cost"]) == (provider["id"], "mine", 0.014)
        assert (await ask(library, "ann", kdb_id, "walrus"))["results"] == []
        assert len(models.requests) == 2


async def test_a_query_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with library_at(tmp_path, kb_query_seconds=1, reranker_timeout_seconds=30) as (library, models):
        kdb_id = await library.base("ann", kdb_setting={"embedding": {"mode": "none"}})
        await library.upload("ann", kdb_id, a="The walrus sleeps.")
        models.hangs = True
        answer = await library.call("ann", "POST", f"{PREFIX}/retrieve", {"kdb_id": kdb_id, "query": "walrus"})
        assert answer[:2] == (504, "retrieval_timeout")
        (cut,) = await booked(library, "ann")
        assert (cut["model"], cut["outcome"], cut["note"]) == ("ranks", "cut", "estimated")
        models.hangs = False
        assert len((await ask(library, "ann", kdb_id, "walrus"))["results"]) == 1
