"""Versions of an index: built beside, switched to, given up (product.md 5.7, 13 A27)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from clary.adapters.text_analysis import FoldingAnalyzer
from clary.features.accounts.ports import Heir
from clary.features.knowledge.tables import KnowledgeIndexRow
from clary.jobs.tables import JobRow
from features.knowledge.library import PREFIX, FakeSource, Library, library_in
from support.calls import provider_body

pytestmark = pytest.mark.anyio

EMBEDDED = {"embedding": {"mode": "embedded"}}
LONG = "\n\n".join(f"Paragraph {number} tells of walrus number {number} in many words. " * 4 for number in range(12))


async def provider_of(library: Library, name: str) -> str:
    """A provider of somebody, at a public address."""
    body = provider_body("https://models.example.com/v1")
    code, slug, data = await library.call(name, "POST", "/api/llm-provider/create", body)
    assert code == 200, slug
    return data["id"]


async def test_vectors_are_filled_in_after_ingestion(library: Library) -> None:
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    await library.upload("alice", kdb_id, a=LONG)
    info = await library.until_ready("alice", kdb_id, 1)
    assert info["index"]["embedding"] == {"mode": "embedded", "model": "small", "dims": 32}
    assert info["index"]["vectors"] == "complete"

    async def is_complete() -> bool:
        return {each["vectors"] for each in await library.documents("alice", kdb_id)} == {"complete"}

    await library.until(is_complete)
    assert sum(count for model, count in library.source.calls if model == "small") == info["passages"]


async def test_a_model_that_fails_delays_vectors_and_nothing_else(library: Library) -> None:
    library.source.failure = "provider_timeout"
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    await library.upload("alice", kdb_id, a="The walrus sleeps.")
    document = (await library.documents("alice", kdb_id))[0]
    assert (document["status"], document["vectors"]) == (2, "pending")
    async with asyncio.timeout(60):
        while not library.source.calls:
            await asyncio.sleep(0.02)
    assert (await library.info("alice", kdb_id))["index"]["vectors"] == "none"
    library.source.failure = None

    async def is_complete() -> bool:
        return (await library.info("alice", kdb_id))["index"]["vectors"] == "complete"

    await library.until(is_complete)


async def test_a_passage_the_model_always_refuses_holds_up_no_other(library: Library) -> None:
    library.source.refused = "walrus number 3"
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED | {"chunk": {"target_chars": 200, "overlap_chars": 0}})
    await library.upload("alice", kdb_id, a=LONG, b="Granite holds quartz.")

    info = await library.until_ready("alice", kdb_id, 1)

    assert {each["vectors"] for each in await library.documents("alice", kdb_id)} == {"complete"}
    body = {"kdb_id": kdb_id, "query": "paragraph with many words", "explain": True, "top_k": 100, "merge": False}
    _, _, data = await library.call("alice", "POST", f"{PREFIX}/retrieve", body)
    near = {each["doc_content"]: each["scores"]["vector"] for each in data["results"]}
    without = [text for text, score in near.items() if score is None]
    assert without
    assert all("walrus number 3" in text for text in without)
    assert len(near) - len(without) > 5
    assert len(near) <= info["passages"]


async def test_a_model_that_refuses_everything_is_asked_again(library: Library) -> None:
    library.source.refused = "walrus"
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    await library.upload("alice", kdb_id, a="The walrus sleeps.", b="The walrus swims.")
    async with asyncio.timeout(60):
        while len(library.source.calls) < 6:
            await asyncio.sleep(0.02)
    assert (await library.info("alice", kdb_id))["index"]["vectors"] == "none"
    library.source.refused = None
    await library.until_ready("alice", kdb_id, 1)


async def test_who_inherits_a_base_does_not_inherit_the_key_of_its_models(library: Library) -> None:
    provider_id = await provider_of(library, "alice")
    chosen = {"mode": "provider", "provider_id": provider_id}
    kdb_id = await library.base("alice", kdb_setting={"embedding": chosen, "reranker": chosen})
    await library.upload("alice", kdb_id, a="The walrus sleeps.")
    await library.until_ready("alice", kdb_id, 1)
    _, _, admin = await library.call("admin", "GET", "/api/auth/session")
    leaving = library.house.services.knowledge.leaving
    kept = {"knowledge_bases_handed_on": 1, "knowledge_bases_deleted": 0}
    assert await leaving.let_go(user_id=library.ids["alice"], heir=Heir("transfer", admin["user"]["userid"])) == kept

    async def has_switched() -> bool:
        return (await library.info("admin", kdb_id))["index"]["version"] == 2

    await library.until(has_switched)
    info = await library.info("admin", kdb_id)
    assert (info["access"], info["index"]["embedding"]["mode"]) == ("owner", "server")
    assert (info["kdbSetting"]["embedding"], info["kdbSetting"]["reranker"]) == ({"mode": "server"},) * 2
    body = {"kdb_id": kdb_id, "query": "walrus", "mode": "lexical"}
    assert (await library.call("admin", "POST", f"{PREFIX}/retrieve", body))[2]["warnings"] == []


async def ready_and_held(library: Library) -> tuple[str, dict[str, Any]]:
    """A base of alice with one document in it, of which nothing more is built until the gate is set; what it tells."""
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    await library.upload("alice", kdb_id, a=LONG)
    before = await library.until_ready("alice", kdb_id, 1)
    library.source.gate.clear()
    return kdb_id, before


async def test_another_cutting_is_built_beside_and_switched_to_at_once(library: Library) -> None:
    kdb_id, before = await ready_and_held(library)
    chunk = {"target_chars": 200, "overlap_chars": 0}
    task_id = (await library.update("alice", kdb_id, kdb_setting={"chunk": chunk}))["reindex_task_id"]
    during = await library.info("alice", kdb_id)
    assert (during["index"]["version"], during["index"]["state"], during["passages"]) == (
        1,
        "building",
        before["passages"],
    )
    assert during["index"]["reindex_task_id"] == task_id
    process = await library.get("alice", f"{PREFIX}/doc/task_process?kdb_id={kdb_id}&task_id={task_id}")
    assert (process["total"], process["taskProcess"] < 100) == (1, True)
    library.source.gate.set()
    after = await library.until_ready("alice", kdb_id, 2)
    assert after["passages"] > before["passages"]
    assert after["index"]["vectors"] == "complete"
    assert (await library.documents("alice", kdb_id))[0]["passages"] == after["passages"]
    process = await library.get("alice", f"{PREFIX}/doc/task_process?kdb_id={kdb_id}&task_id={task_id}")
    assert (process["success"], process["taskProcess"]) == (1, 100)
    await library.until(lambda: only_version(library, kdb_id, 2))


async def only_version(library: Library, kdb_id: str, version: int) -> bool:
    """Whether everything of other versions is gone."""
    from sqlalchemy import select

    from clary.features.knowledge.tables import KnowledgeIndexRow, KnowledgePassageRow

    async with library.house.services.database.read() as db:
        rows = [
            *await db.scalars(select(KnowledgeIndexRow.version).where(KnowledgeIndexRow.kdb_id == kdb_id)),
            *await db.scalars(select(KnowledgePassageRow.version).where(KnowledgePassageRow.kdb_id == kdb_id)),
        ]
    return set(rows) == {version}


async def test_documents_that_come_in_meanwhile_are_in_both_versions(library: Library) -> None:
    kdb_id, _ = await ready_and_held(library)
    await library.update("alice", kdb_id, kdb_setting={"chunk": {"target_chars": 200}})
    await library.upload("alice", kdb_id, b=LONG.replace("walrus", "heron"))
    passages = {each["doc_name"]: each["passages"] for each in await library.documents("alice", kdb_id)}
    library.source.gate.set()
    await library.until_ready("alice", kdb_id, 2)
    after = {each["doc_name"]: each for each in await library.documents("alice", kdb_id)}
    assert after["a.txt"]["passages"] == after["b.txt"]["passages"] > passages["b.txt"]
    assert {each["vectors"] for each in after.values()} == {"complete"}


async def test_a_second_change_restarts_the_build(library: Library) -> None:
    kdb_id, _ = await ready_and_held(library)
    settings = [{"chunk": {"target_chars": size, "overlap_chars": 0}} for size in (200, 400)]
    done = await asyncio.gather(*(library.update("alice", kdb_id, kdb_setting=each) for each in settings))
    assert len({each["reindex_task_id"] for each in done}) == 2
    library.source.gate.set()
    info = await library.until_ready("alice", kdb_id, 3)
    await library.until(lambda: only_version(library, kdb_id, 3))
    other = await library.base("alice", kdb_setting={**EMBEDDED, "chunk": info["kdbSetting"]["chunk"]})
    await library.upload("alice", other, a=LONG)
    assert (await library.info("alice", other))["passages"] == info["passages"]


async def test_a_change_taken_back_ends_the_build(library: Library) -> None:
    kdb_id, _ = await ready_and_held(library)
    await library.update("alice", kdb_id, kdb_setting={"chunk": {"target_chars": 200}})
    done = await library.update("alice", kdb_id, kdb_setting={"chunk": None})
    assert done["reindex_task_id"] is None
    library.source.gate.set()
    await library.until(lambda: only_version(library, kdb_id, 1))
    assert (await library.info("alice", kdb_id))["index"]["state"] == "ready"


async def test_a_build_that_fails_keeps_the_version_and_says_why(library: Library) -> None:
    provider_id = await provider_of(library, "alice")
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    await library.upload("alice", kdb_id, a=LONG)
    before = await library.until_ready("alice", kdb_id, 1)
    library.source.failure, library.source.spares_probe = "provider_auth", True
    embedding = {"mode": "provider", "provider_id": provider_id, "model": "large", "dims": 64}
    task_id = (await library.update("alice", kdb_id, kdb_setting={"embedding": embedding}))["reindex_task_id"]

    async def has_failed() -> bool:
        return "error" in (await library.info("alice", kdb_id))["index"]

    await library.until(has_failed, step=6)
    info = await library.info("alice", kdb_id)
    assert (info["index"]["version"], info["index"]["state"], info["index"]["vectors"]) == (1, "ready", "complete")
    assert info["index"]["error"]["kind"] == "provider_auth"
    assert (info["index"]["embedding"]["model"], info["passages"]) == ("small", before["passages"])
    process = await library.get("alice", f"{PREFIX}/doc/task_process?kdb_id={kdb_id}&task_id={task_id}")
    assert (process["fail"], process["taskProcess"]) == (1, 100)
    library.source.failure = None
    await library.update("alice", kdb_id, kdb_setting={"embedding": embedding})
    info = await library.until_ready("alice", kdb_id, 3)
    assert info["index"]["embedding"] == {"mode": "provider", "model": "large", "dims": 64}
    assert "error" not in info["index"]


async def test_a_build_whose_attempts_are_used_up_fails_and_may_be_begun_again(library: Library) -> None:
    kdb_id, before = await ready_and_held(library)
    chunk = {"target_chars": 200, "overlap_chars": 0}
    task_id = (await library.update("alice", kdb_id, kdb_setting={"chunk": chunk}))["reindex_task_id"]
    async with library.house.services.database.write() as db:
        # As after so many deaths of its process.
        dead = {"attempts": 5, "status": "pending", "generation": JobRow.generation + 10, "due_at": 0.0}
        await db.execute(update(JobRow).where(JobRow.kind == "knowledge.rebuild").values(**dead))

    async def has_failed() -> bool:
        return "error" in (await library.info("alice", kdb_id))["index"]

    await library.until(has_failed)
    info = await library.info("alice", kdb_id)
    assert (info["index"]["version"], info["index"]["state"], info["passages"]) == (1, "ready", before["passages"])
    assert info["index"]["error"]["message"]
    library.source.gate.set()
    again = (await library.update("alice", kdb_id, kdb_setting={"chunk": chunk}))["reindex_task_id"]
    assert again not in (None, task_id)
    after = await library.until_ready("alice", kdb_id, 3)
    assert "error" not in after["index"]
    await library.until(lambda: only_version(library, kdb_id, 3))


async def test_a_build_that_nobody_does_any_more_is_begun_again_when_it_is_wanted_again(library: Library) -> None:
    kdb_id, _ = await ready_and_held(library)
    chunk = {"target_chars": 200, "overlap_chars": 0}
    task_id = (await library.update("alice", kdb_id, kdb_setting={"chunk": chunk}))["reindex_task_id"]
    async with library.house.services.database.write() as db:
        await db.execute(delete(JobRow).where(JobRow.kind == "knowledge.rebuild"))
    library.source.gate.set()

    again = (await library.update("alice", kdb_id, kdb_setting={"chunk": chunk}))["reindex_task_id"]

    assert again == task_id
    await library.until_ready("alice", kdb_id, 2)


async def failed_build(library: Library) -> tuple[str, dict[str, Any]]:
    """A base whose change of its model came to nothing, and the model it wants."""
    provider_id = await provider_of(library, "alice")
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    await library.upload("alice", kdb_id, a=LONG)
    await library.until_ready("alice", kdb_id, 1)
    library.source.failure, library.source.spares_probe = "provider_auth", True
    embedding = {"mode": "provider", "provider_id": provider_id, "model": "large", "dims": 64}
    await library.update("alice", kdb_id, kdb_setting={"embedding": embedding})

    async def has_failed() -> bool:
        return "error" in (await library.info("alice", kdb_id))["index"]

    await library.until(has_failed, step=6)
    library.source.failure = None
    return kdb_id, embedding


@pytest.mark.parametrize(
    "change",
    [
        {"name": "new name"},
        {"intro": "new"},
        {"kdb_setting": {"retrieval": {"top_k": 3}, "mine": 1}},
        {"kdb_setting": {"reranker": {"mode": "none"}}},
        {"kdb_setting": {"kdbAttach": {"language": "en"}}},
        {},
    ],
)
async def test_a_change_of_something_else_keeps_what_is_said_of_a_failed_build(library: Library, change: Any) -> None:
    kdb_id, _ = await failed_build(library)
    before = (await library.info("alice", kdb_id))["index"]

    done = await library.update("alice", kdb_id, **change)

    assert done["reindex_task_id"] is None
    after = (await library.info("alice", kdb_id))["index"]
    assert {**after, "reranker": None} == {**before, "reranker": None}
    assert after["error"]["kind"] == "provider_auth"


async def test_another_cutting_after_a_failed_build_is_built_with_the_model_that_is_wanted(library: Library) -> None:
    kdb_id, embedding = await failed_build(library)

    await library.update("alice", kdb_id, kdb_setting={"chunk": {"target_chars": 300}})

    index = (await library.until_ready("alice", kdb_id, 3))["index"]
    assert index["embedding"] == {key: embedding[key] for key in ("mode", "model", "dims")}
    assert "error" not in index


async def test_words_of_an_older_analyzer_are_no_matter_of_an_update(library: Library) -> None:
    kdb_id = await library.base("alice", kdb_setting=EMBEDDED)
    async with library.house.services.database.write() as db:
        await db.execute(update(KnowledgeIndexRow).values(analyzer_version=FoldingAnalyzer.version - 1))

    done = await library.update("alice", kdb_id, name="new name")

    assert done["reindex_task_id"] is None


async def test_a_model_that_is_not_changed_is_not_asked(library: Library) -> None:
    provider = {"mode": "provider", "provider_id": await provider_of(library, "alice")}
    kdb_id = await library.base("alice", kdb_setting={"embedding": provider, "reranker": provider})
    library.source.failure = "provider_unreachable"
    calls = len(library.source.calls)

    for change in ({"reranker": {"mode": "none"}}, {"reranker": None}, {"embedding": {"mode": "none"}}):
        await library.update("alice", kdb_id, kdb_setting=change)

    assert len(library.source.calls) == calls
    other = await library.call(
        "alice", "POST", f"{PREFIX}/update", {"kdb_id": kdb_id, "kdb_setting": {"reranker": provider}}
    )
    assert other[:2] == (502, "provider_unreachable")


async def test_the_mode_of_the_model_stays_while_something_is_built(tmp_path: Path) -> None:
    async with library_in(tmp_path, embedding="embedded") as library:
        kdb_id = await library.base("alice")
        await library.upload("alice", kdb_id, a=LONG)
        before = (await library.until_ready("alice", kdb_id, 1))["index"]["embedding"]
        library.source.gate.clear()
        await library.update("alice", kdb_id, kdb_setting={"chunk": {"target_chars": 300}})
        during = (await library.info("alice", kdb_id))["index"]
        library.source.gate.set()
        after = (await library.until_ready("alice", kdb_id, 2))["index"]["embedding"]

    assert during["state"] == "building"
    assert before == during["embedding"] == after == {"mode": "server", "model": "small", "dims": 32}


async def test_a_model_of_a_provider_is_called_so_until_the_servers_answers(tmp_path: Path) -> None:
    async with library_in(tmp_path, embedding="embedded") as library:
        provider = {"mode": "provider", "provider_id": await provider_of(library, "alice"), "model": "large"}
        kdb_id = await library.base("alice", kdb_setting={"embedding": provider})
        await library.upload("alice", kdb_id, a=LONG)
        await library.until_ready("alice", kdb_id, 1)
        library.source.gate.clear()
        await library.update("alice", kdb_id, kdb_setting={"embedding": None})
        during = (await library.info("alice", kdb_id))["index"]
        library.source.gate.set()
        after = (await library.until_ready("alice", kdb_id, 2))["index"]

    assert during["embedding"] == {"mode": "provider", "model": "large", "dims": 64}
    assert after["embedding"]["mode"] == "server"


async def test_a_provider_is_tried_before_it_is_saved(library: Library) -> None:
    provider_id = await provider_of(library, "alice")
    body = {"name": "n", "type": "rag"}
    chosen = {"mode": "provider", "provider_id": provider_id, "model": "large", "dims": 128}
    for owner, embedding, wanted in (
        ("alice", {**chosen, "provider_id": "unknown"}, (404, "provider_not_found")),
        ("bob", chosen, (404, "provider_not_found")),
        ("alice", chosen, (200, None)),
    ):
        settings = {"embedding": embedding}
        answer = await library.call(owner, "POST", f"{PREFIX}/add", {**body, "kdb_setting": settings})
        assert answer[:2] == wanted
    kdb_id = (await library.get("alice", f"{PREFIX}/list"))["list"][0]["id"]
    assert (await library.info("alice", kdb_id))["index"]["embedding"] == {
        "mode": "provider",
        "model": "large",
        "dims": 128,
    }
    library.source.failure = "provider_timeout"
    for key in ("embedding", "reranker"):
        settings = {"embedding": {"mode": "none"}, key: {"mode": "provider", "provider_id": provider_id}}
        answer = await library.call("alice", "POST", f"{PREFIX}/add", {**body, "kdb_setting": settings})
        assert answer[:2] == (502, "provider_timeout")
        answer = await library.call("alice", "POST", f"{PREFIX}/update", {"kdb_id": kdb_id, "kdb_setting": settings})
        assert answer[:2] == (502, "provider_timeout")
    assert (await library.info("alice", kdb_id))["kdbSetting"]["embedding"] == chosen


async def test_a_providers_address_inside_is_refused(tmp_path: Path) -> None:
    async with library_in(tmp_path, outbound_allow=("127.0.0.1",)) as library:
        body = provider_body("http://127.0.0.1:9/v1")
        _, _, data = await library.call("alice", "POST", "/api/llm-provider/create", body)
        library.house.services.guard.replace_allow(())
        settings = {"embedding": {"mode": "provider", "provider_id": data["id"]}}
        answer = await library.call(
            "alice", "POST", f"{PREFIX}/add", {"name": "n", "type": "rag", "kdb_setting": settings}
        )
        assert answer[:2] == (400, "outbound_blocked")
        assert library.source.calls == []


async def test_a_server_model_that_fails_at_the_start_keeps_the_version_and_stops_no_other_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with library_in(tmp_path) as library:
        fixed = await library.base("admin", kdb_setting={"embedding": {"mode": "none"}})
        library.house.clock.move(seconds=1)
        kdb_id = await library.base("admin")
        for each in (fixed, kdb_id):
            await library.upload("admin", each, a=LONG)
    source = FakeSource()
    source.failure = "provider_unreachable"
    monkeypatch.setattr(FoldingAnalyzer, "version", FoldingAnalyzer.version + 1)
    settings = {"embedding": "provider", "embedding_base_url": "http://127.0.0.1:9/v1", "embedding_model": "big"}
    async with library_in(tmp_path, source=source, **settings) as library:
        await library.until_ready("admin", fixed, 2, vectors="none")
        index = (await library.info("admin", kdb_id))["index"]
        assert (index["version"], index["state"], index["error"]["kind"]) == (1, "ready", "provider_unreachable")
        source.failure = None
        assert "error" not in (await library.until_ready("admin", kdb_id, 2))["index"]


async def test_bases_of_mode_server_follow_the_operator_at_the_next_start(tmp_path: Path) -> None:
    async with library_in(tmp_path) as library:
        kdb_id = await library.base("alice")
        fixed = await library.base("alice", kdb_setting={"embedding": {"mode": "none"}})
        await library.upload("alice", kdb_id, a=LONG)
        assert (await library.info("alice", kdb_id))["index"]["vectors"] == "none"
    source = FakeSource()
    settings = {"embedding": "provider", "embedding_base_url": "http://127.0.0.1:9/v1", "embedding_model": "big"}
    async with library_in(tmp_path, source=source, **settings) as library:
        library.ids["alice"] = "known"
        info = await library.until_ready("alice", kdb_id, 2)
        assert info["index"]["embedding"] == {"mode": "server", "model": "big", "dims": 64}
        assert info["index"]["vectors"] == "complete"
        assert (await library.info("alice", fixed))["index"]["version"] == 1
