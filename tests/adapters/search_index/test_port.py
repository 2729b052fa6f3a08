"""What every search index does, whether files or Milvus."""

import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest

from clary.adapters.milvus import MilvusIndex
from clary.adapters.milvus.records import FOLLOWED_SECONDS
from clary.adapters.search_index import EmbeddedIndex
from clary.db.database import UnavailableError
from clary.features.knowledge.ports import IndexedPassage, IndexKey, IndexLostError, SearchIndex
from clary.kit.ids import new_hex

pytestmark = pytest.mark.anyio

DIMS = 8


def vector(seed: int) -> bytes:
    values = np.random.default_rng(seed).normal(size=DIMS)
    return (values / np.linalg.norm(values)).astype("<f2").tobytes()


def passage(number: int, words: str, *, with_vector: bool = True) -> IndexedPassage:
    return IndexedPassage(number, words, vector(number) if with_vector else None)


@pytest.fixture(scope="module")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One engine for all tests here, since it starts slowly; each test has a base of its own."""
    from milvus_lite.server_manager import server_manager_instance

    yield str(tmp_path_factory.mktemp("milvus") / "index.db")
    server_manager_instance.release_all()


@pytest.fixture(params=["files", "milvus"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    if request.param == "files":
        built: EmbeddedIndex | MilvusIndex = EmbeddedIndex(tmp_path / "indexes")
    else:
        uri = request.getfixturevalue("milvus_uri")
        built = MilvusIndex(uri, answer_seconds=60, settle_seconds=0)
    yield built
    await built.close()


@pytest.fixture
def key() -> IndexKey:
    return IndexKey(new_hex(32), 1)


async def fill(index: SearchIndex, key: IndexKey, *passages: IndexedPassage) -> None:
    await index.apply(key, since=-1, upto=1, added=passages, removed=[])


async def by_words(index: SearchIndex, key: IndexKey, *words: str, among: Sequence[int] | None = None) -> list[int]:
    return [hit.number for hit in await index.search_words(key, words, since=0, limit=10, among=among)]


async def by_vector(index: SearchIndex, key: IndexKey, seed: int, among: Sequence[int] | None = None) -> list[int]:
    found = await index.search_vectors(key, vector(seed), since=0, limit=10, among=among)
    return [hit.number for hit in found]


async def test_a_new_index_has_followed_nothing_and_finds_nothing(index: SearchIndex, key: IndexKey) -> None:
    assert await index.position(key) == -1
    with pytest.raises(IndexLostError):
        await index.search_words(key, ["a"], since=0, limit=1)


async def test_rare_words_count_more_and_only_chosen_numbers_are_ranked(index: SearchIndex, key: IndexKey) -> None:
    await fill(index, key, *[passage(n, f"common word{n}") for n in range(1, 20)], passage(20, "rare common"))

    assert (await by_words(index, key, "common", "rare"))[0] == 20
    assert await by_words(index, key, "common", among=[3, 5, 999]) == [3, 5]
    assert await by_words(index, key, "common", among=[]) == []
    assert await by_words(index, key, "absent") == []
    assert (await by_vector(index, key, 7))[0] == 7
    assert sorted(await by_vector(index, key, 7, among=[3, 5, 999])) == [3, 5]


async def test_words_are_never_part_of_a_query_language(index: SearchIndex, key: IndexKey) -> None:
    await fill(index, key, passage(1, "a b"), passage(2, "or not near"))

    for word in ('"', '" OR a', "a*", "tokens:a", '" or base != "', "-a", "\0", "", " "):
        assert await by_words(index, key, word) in ([], [1]), word
    assert await by_words(index, key, "or") == [2]


async def test_removed_passages_and_replaced_vectors_are_not_found(index: SearchIndex, key: IndexKey) -> None:
    await fill(index, key, passage(1, "x"), passage(2, "x"), passage(3, "x", with_vector=False))

    moved = IndexedPassage(2, "x", vector(99))
    await index.apply(key, since=1, upto=2, added=[moved, passage(3, "x")], removed=[1, 77])

    assert await by_words(index, key, "x") == [2, 3]
    assert sorted(await by_vector(index, key, 1)) == [2, 3]
    assert (await by_vector(index, key, 99))[0] == 2
    assert (await by_vector(index, key, 3))[0] == 3


async def test_changes_told_twice_are_no_fault_and_gaps_are_refused(index: SearchIndex, key: IndexKey) -> None:
    await fill(index, key, passage(1, "x"))
    await fill(index, key, passage(1, "x"))

    assert await by_words(index, key, "x") == [1]
    with pytest.raises(IndexLostError):
        await index.apply(key, since=5, upto=6, added=[], removed=[])
    assert await index.position(key) == 1


async def test_scores_are_those_of_bm25_and_of_the_cosine(index: SearchIndex, key: IndexKey) -> None:
    texts = {1: "a b c", 2: "a a d", 3: "b d d d d", 4: "e"}
    await fill(index, key, *[passage(number, text) for number, text in texts.items()])

    hits = {hit.number: hit.score for hit in await index.search_words(key, ["a", "c"], since=0, limit=9)}
    near = {hit.number: hit.score for hit in await index.search_vectors(key, vector(9), since=0, limit=9)}

    mean = sum(len(text.split()) for text in texts.values()) / len(texts)
    for number, score in hits.items():
        counts = Counter(texts[number].split())
        expected = sum(
            max(math.log((4 - df + 0.5) / (df + 0.5)), 1e-6)
            * counts[word]
            * 2.2
            / (counts[word] + 1.2 * (0.25 + 0.75 * sum(counts.values()) / mean))
            for word, df in (("a", 2), ("c", 1))
        )
        assert score == pytest.approx(expected)
    assert set(hits) == {1, 2}
    asked = np.frombuffer(vector(9), dtype="<f2").astype(float)
    cosines = {n: float(np.frombuffer(vector(n), dtype="<f2").astype(float) @ asked) for n in texts}
    assert near == pytest.approx(cosines, abs=2e-3)


async def test_bases_and_versions_know_nothing_of_each_other(index: SearchIndex, key: IndexKey) -> None:
    other, newer = IndexKey(new_hex(32), 1), key._replace(version=2)
    for each, text in ((key, "x one"), (other, "x two"), (newer, "x three")):
        await fill(index, each, passage(1, text))

    assert [await by_words(index, each, "one") for each in (key, other, newer)] == [[1], [], []]
    await index.drop(other)
    assert [await index.position(each) for each in (key, other, newer)] == [1, -1, 1]
    await index.keep_only([newer])
    assert [await index.position(each) for each in (key, other, newer)] == [-1, -1, 1]
    assert await by_words(index, newer, "x") == [1]
    await fill(index, key, passage(5, "x"))
    assert (await by_words(index, key, "x"), await by_vector(index, key, 1)) == ([5], [5])


async def test_both_find_the_same_in_a_small_corpus(milvus_uri: str, tmp_path: Path, key: IndexKey) -> None:
    chance = np.random.default_rng(3)
    texts = [" ".join(f"w{n}" for n in chance.zipf(1.4, size=chance.integers(5, 80)) % 300) for _ in range(120)]
    added = [passage(number, text) for number, text in enumerate(texts, 1)]
    files, milvus = EmbeddedIndex(tmp_path / "i"), MilvusIndex(milvus_uri, answer_seconds=60, settle_seconds=0)
    for index in (files, milvus):
        await index.apply(key, since=-1, upto=1, added=added[:80], removed=[])
        await index.apply(key, since=1, upto=2, added=added[80:], removed=list(range(1, 20)))

    for words in (["w5", "w17"], ["w1", "w2", "w40", "nothing"], ["w9"]):
        ours, theirs = [await index.search_words(key, words, since=2, limit=10) for index in (files, milvus)]
        assert [hit.number for hit in ours] == [hit.number for hit in theirs]
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], rel=1e-5)
    ours, theirs = [await index.search_vectors(key, vector(500), since=2, limit=10) for index in (files, milvus)]
    assert {hit.number for hit in ours} == {hit.number for hit in theirs}
    await files.close()
    await milvus.close()


async def test_one_process_at_a_time_changes_an_index_in_milvus(milvus_uri: str, key: IndexKey) -> None:
    one, two = (MilvusIndex(milvus_uri, answer_seconds=60, settle_seconds=0.2) for _ in range(2))
    added = [passage(number, "x") for number in range(1, 6)]

    async with anyio.create_task_group() as group:
        for index in (one, two):
            group.start_soon(lambda it=index: it.apply(key, since=-1, upto=3, added=added, removed=[]))

    assert await by_words(two, key, "x") == [1, 2, 3, 4, 5]
    assert [await index.position(key) for index in (one, two)] == [3, 3]
    await one.close()
    await two.close()


async def test_whoever_comes_late_waits_for_the_turn_of_another_and_takes_what_that_one_did(
    milvus_uri: str, key: IndexKey
) -> None:
    one, two = (MilvusIndex(milvus_uri, answer_seconds=60, settle_seconds=0) for _ in range(2))
    base = f"{key.kdb_id}.1"
    await fill(one, key, passage(1, "x"))
    assert await anyio.to_thread.run_sync(one._records.take_turn, base)

    late: list[str] = []

    async def feed() -> None:
        await two.apply(key, since=1, upto=2, added=[passage(2, "x")], removed=[])
        late.append("done")

    async with anyio.create_task_group() as group:
        group.start_soon(feed)
        await anyio.sleep(1)
        assert late == []
        await anyio.to_thread.run_sync(one._records.end_turn, base)
    assert await by_words(one, key, "x") == [1, 2]
    await one.close()
    await two.close()


async def test_a_change_that_broke_off_is_made_again_and_counted_anew(milvus_uri: str, key: IndexKey) -> None:
    index = MilvusIndex(milvus_uri, answer_seconds=60, settle_seconds=0)
    base = f"{key.kdb_id}.1"
    await fill(index, key, passage(1, "a b"), passage(2, "a"))
    state = index._records.find(base)
    assert state is not None
    # What a process leaves that dies after the rows and before the position.
    index._records.write(base, state._replace(passages=-1, length=-1))
    index._contents.write(base, state, [passage(3, "c d e")], [1])

    await index.apply(key, since=1, upto=2, added=[passage(3, "c d e")], removed=[1])

    assert index._records.find(base) == state._replace(position=2, passages=2, length=4)
    assert await by_words(index, key, "a", "c") == [2, 3]
    await index.close()


async def test_an_index_in_milvus_that_nobody_followed_for_long_begins_anew(milvus_uri: str, key: IndexKey) -> None:
    index = MilvusIndex(milvus_uri, answer_seconds=60, settle_seconds=0)
    await fill(index, key, passage(1, "x"))
    assert await index.position(key) == 1
    index._records.mark(f"{key.kdb_id}.1", int(time.time()) - FOLLOWED_SECONDS - 10)

    with pytest.raises(IndexLostError):
        await index.position(key)
    assert await index.position(key) == -1
    await index.close()


async def test_a_milvus_that_is_down_is_told_as_unavailable_and_names_nothing(
    key: IndexKey, caplog: pytest.LogCaptureFixture
) -> None:
    index = MilvusIndex("http://127.0.0.1:9", token="user:secret-token", answer_seconds=1)

    with pytest.raises(UnavailableError), anyio.fail_after(60):
        await index.position(key)
    with pytest.raises(UnavailableError), anyio.fail_after(60):
        await index.check()
    assert "secret-token" not in caplog.text
    await index.close()
