"""What becomes of index files and versions as time goes by (product.md 5.7)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select, update

from clary.adapters.text_analysis import FoldingAnalyzer
from clary.db.database import UnavailableError
from clary.features.knowledge.ports import IndexKey
from clary.features.knowledge.service import sweeping, vectors
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeRemovalRow
from clary.wiring import upkeep
from features.knowledge.library import PREFIX, FakeSource, Library, library_in
from support.house import START

pytestmark = pytest.mark.anyio

EMBEDDED = {"embedding": {"mode": "embedded"}}
WORDS = {"embedding": {"mode": "none"}}


def folders(library: Library) -> set[str]:
    """Index files of bases, as `base.version`."""
    return {path.name for path in library.house.services.settings.search_indexes.glob("p0/*.*")}


async def titles(library: Library, kdb_id: str, query: str, *, name: str = "ann") -> list[str]:
    code, slug, data = await library.call(name, "POST", f"{PREFIX}/retrieve", {"kdb_id": kdb_id, "query": query})
    assert code == 200, slug
    return [result["title"] for result in data["results"]]


async def test_index_files_of_deleted_bases_go_with_the_upkeep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "INDEXES_SECONDS", 0.05)
    async with library_in(tmp_path) as library:
        kept, gone = [await library.base("ann", kdb_setting=WORDS) for _ in range(2)]
        for kdb_id in (kept, gone):
            await library.upload("ann", kdb_id, a="The walrus sleeps.")
            assert await titles(library, kdb_id, "walrus") == ["a.txt"]
        assert folders(library) == {f"{kept}.1", f"{gone}.1"}
        client = await library.client("ann")
        assert (await client.delete(f"{PREFIX}/delete/{gone}")).json()["code"] == 200

        async def is_tidy() -> bool:
            return folders(library) == {f"{kept}.1"}

        await library.until(is_tidy)
        assert await titles(library, kept, "walrus") == ["a.txt"]


async def test_what_is_cleared_leaves_the_files_though_nobody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "INDEXES_SECONDS", 0.05)
    async with library_in(tmp_path) as library:
        index = library.house.services.knowledge.search_index
        kdb_id = await library.base("ann", kdb_setting=WORDS)
        await library.upload("ann", kdb_id, a="The walrus sleeps.")
        assert await titles(library, kdb_id, "walrus") == ["a.txt"]
        assert (await library.call("ann", "POST", f"{PREFIX}/clear", {"kdb_id": kdb_id}))[0] == 200

        async def is_gone() -> bool:
            return not await index.search_words(IndexKey(kdb_id, 1), ["walrus"], since=0, limit=10)

        await library.until(is_gone)


async def test_a_version_that_is_being_built_is_followed_where_the_present_one_is(library: Library) -> None:
    retrieval = library.house.services.knowledge.retrieval
    asked, unasked = [await library.base("ann", kdb_setting=EMBEDDED) for _ in range(2)]
    for kdb_id in (asked, unasked):
        await library.upload("ann", kdb_id, a="The walrus sleeps.")
        await library.until_ready("ann", kdb_id, 1)
    assert await titles(library, asked, "walrus") == ["a.txt"]
    library.source.gate.clear()
    for kdb_id in (asked, unasked):
        await library.update("ann", kdb_id, kdb_setting={"chunk": {"target_chars": 300}})

    await retrieval.follower.tend()

    assert folders(library) == {f"{asked}.1", f"{asked}.2"}
    library.source.gate.set()


async def test_who_missed_forgotten_removals_begins_anew(library: Library) -> None:
    services = library.house.services
    index, follower = services.knowledge.search_index, services.knowledge.retrieval.follower
    kdb_id = await library.base("ann", kdb_setting=WORDS)
    await library.upload("ann", kdb_id, a="The walrus sleeps.", b="The walrus swims.", c="The walrus sings.")
    assert len(await titles(library, kdb_id, "walrus")) == 3
    key, followed = IndexKey(kdb_id, 1), await index.position(IndexKey(kdb_id, 1))
    for document in (await library.documents("ann", kdb_id))[:2]:
        answer = await (await library.client("ann")).delete(f"{PREFIX}/doc/delete/{document['id']}")
        assert answer.json()["code"] == 200
    assert len(await index.search_words(key, ["walrus"], since=followed, limit=10)) == 3
    async with services.database.write() as db:
        await db.execute(update(KnowledgeRemovalRow).values(removed_at=START - timedelta(days=2)))
    await services.knowledge.documents.removal.sweep()
    async with services.database.read() as db:
        change, forgotten = (
            await db.execute(select(KnowledgeBaseRow.change_number, KnowledgeBaseRow.forgotten_change))
        ).one()
        assert await db.scalar(select(func.count()).select_from(KnowledgeRemovalRow)) == 0
    assert followed < forgotten <= change

    await follower.follow(key, change)
    assert len(await index.search_words(key, ["walrus"], since=change, limit=10)) == 1
    # Who has heard of everything that is forgotten goes on.
    await library.upload("ann", kdb_id, d="The walrus dives.")
    assert len(await titles(library, kdb_id, "walrus")) == 2
    assert await index.position(key) > change


async def test_words_of_a_newer_analyzer_are_built_beside_without_asking_the_model_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FakeSource()
    async with library_in(tmp_path, source=source) as library:
        with_model = await library.base("admin", kdb_setting=EMBEDDED)
        words_only = await library.base("admin", kdb_setting=WORDS)
        for kdb_id in (with_model, words_only):
            await library.upload("admin", kdb_id, a="The walrus sleeps.", b="Granite holds quartz.")
        await library.until_ready("admin", with_model, 1)
        assert await titles(library, words_only, "walrus", name="admin") == ["a.txt"]
    monkeypatch.setattr(FoldingAnalyzer, "version", FoldingAnalyzer.version + 1)
    asked = [count for _, count in source.calls]
    async with library_in(tmp_path, source=source) as library:
        after = await library.until_ready("admin", with_model, 2)
        assert after["passages"] == 2

        async def has_switched() -> bool:
            assert await titles(library, words_only, "walrus", name="admin") == ["a.txt"]
            return (await library.info("admin", words_only))["index"]["version"] == 2

        await library.until(has_switched)
        assert [count for _, count in source.calls] == asked
        assert await titles(library, with_model, "quartz", name="admin") != []
        assert f"{words_only}.2" in folders(library)
    async with library_in(tmp_path, source=source) as library:
        assert (await library.info("admin", with_model))["index"]["version"] == 2


class Faulty:
    """Stands for whatever loops ask; fails in a way nobody foresaw, then says that it was asked again."""

    def __init__(self) -> None:
        self.asked = 0
        self.again = asyncio.Event()

    async def sweep(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise ZeroDivisionError
        self.again.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        await self.sweep()
        raise UnavailableError
        yield


async def test_an_unforeseen_fault_ends_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sweeping, vectors):
        monkeypatch.setattr(module, "SWEEP_SECONDS" if module is sweeping else "LOOK_SECONDS", 0.01)
    removal, database = Faulty(), Faulty()
    sweep = sweeping.KnowledgeSweep(cast("Any", removal))
    filling = vectors.VectorFilling(database=cast("Any", database), queue=cast("Any", None), batches=cast("Any", None))
    sweep.start()
    await filling.start()
    async with asyncio.timeout(5):
        await removal.again.wait()
        await database.again.wait()
    await sweep.stop()
    await filling.stop()
