"""Derived index files against a plain model of them."""

import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clary.adapters.search_index import EmbeddedIndex
from clary.db.database import UnavailableError
from clary.features.knowledge.ports import IndexedPassage, IndexKey, IndexLostError

pytestmark = pytest.mark.anyio

KEY = IndexKey("a" * 32, 1)
DIMS = 8


def vector(seed: int) -> bytes:
    values = np.random.default_rng(seed).normal(size=DIMS)
    return (values / np.linalg.norm(values)).astype("<f2").tobytes()


def passage(number: int, words: str, *, with_vector: bool = True) -> IndexedPassage:
    return IndexedPassage(number, words, vector(number) if with_vector else None)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[EmbeddedIndex]:
    built = EmbeddedIndex(tmp_path / "indexes")
    yield built
    await built.close()


async def fill(index: EmbeddedIndex, *passages: IndexedPassage, key: IndexKey = KEY) -> None:
    await index.apply(key, since=-1, upto=1, added=passages, removed=[])


async def by_words(index: EmbeddedIndex, *words: str, among: Sequence[int] | None = None, limit: int = 10) -> list[int]:
    return [hit.number for hit in await index.search_words(KEY, words, since=0, limit=limit, among=among)]


async def by_vector(
    index: EmbeddedIndex, seed: int, *, limit: int = 10, among: Sequence[int] | None = None
) -> list[int]:
    return [hit.number for hit in await index.search_vectors(KEY, vector(seed), since=0, limit=limit, among=among)]


async def test_a_new_index_has_followed_nothing_and_finds_nothing(index: EmbeddedIndex) -> None:
    assert await index.position(KEY) == -1
    with pytest.raises(IndexLostError):
        await index.search_words(KEY, ["a"], since=0, limit=1)


async def test_rare_words_count_more_and_only_chosen_numbers_are_ranked(index: EmbeddedIndex) -> None:
    await fill(index, *[passage(number, f"common word{number}") for number in range(1, 20)], passage(20, "rare common"))

    assert (await by_words(index, "common", "rare"))[0] == 20
    assert await by_words(index, "common", among=[3, 5, 999]) == [3, 5]
    assert await by_words(index, "common", among=[]) == []
    assert await by_words(index, "absent") == []


async def test_words_are_never_operators(index: EmbeddedIndex) -> None:
    await fill(index, passage(1, "a b"), passage(2, "or not near"))

    for word in ('"', '" OR a', "a*", "tokens:a", "NEAR(a b)", "^a", "-a", "{a}", "\0", "", " "):
        assert await by_words(index, word) in ([], [1]), word
    assert await by_words(index, "a*") == []
    assert await by_words(index, "or") == [2]
    many = [f"w{number}" for number in range(8000)]
    assert await by_words(index, *many, "near") == [2]


async def test_removed_passages_and_replaced_vectors_are_not_found(index: EmbeddedIndex) -> None:
    await fill(index, passage(1, "x"), passage(2, "x"), passage(3, "x", with_vector=False))

    moved = IndexedPassage(2, "x", vector(99))
    await index.apply(KEY, since=1, upto=2, added=[moved, passage(3, "x")], removed=[1, 77])

    assert await by_words(index, "x") == [2, 3]
    assert sorted(await by_vector(index, 1)) == [2, 3]
    assert (await by_vector(index, 99))[0] == 2
    assert (await by_vector(index, 3))[0] == 3


async def test_changes_told_twice_are_no_fault_and_gaps_are_refused(index: EmbeddedIndex) -> None:
    await fill(index, passage(1, "x"))
    await fill(index, passage(1, "x"))

    assert await by_words(index, "x") == [1]
    with pytest.raises(IndexLostError):
        await index.apply(KEY, since=5, upto=6, added=[], removed=[])
    assert await index.position(KEY) == 1


STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=6), st.lists(st.integers(1, 30), max_size=4)
    ),
    min_size=1,
    max_size=8,
)


@given(STEPS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changes_leave_what_a_plain_model_has(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    anyio.run(_check_model, tmp_path_factory.mktemp("model"), steps)


async def _check_model(folder: Path, steps: list) -> None:
    texts: dict[int, str] = {}
    vectors: set[int] = set()
    gone: set[int] = set()
    index = EmbeddedIndex(folder)
    for change, (added, removed) in enumerate(steps):
        new = [passage(n, f"w{n % 5} all", with_vector=v) for n, v in dict(added).items() if n not in gone]
        out = [number for number in removed if number not in {each.number for each in new}]
        await index.apply(KEY, since=change - 1, upto=change, added=new, removed=out)
        gone |= set(out)
        texts |= {each.number: each.tokens for each in new}
        vectors |= {each.number for each in new if each.vector}
        texts = {number: text for number, text in texts.items() if number not in gone}
        vectors -= gone
        if change % 3 == 2:
            await index.close()
            index = EmbeddedIndex(folder)
    for word in ("all", "w0", "w3"):
        found = {hit.number for hit in await index.search_words(KEY, [word], since=0, limit=99)}
        assert found == {number for number, text in texts.items() if word in text.split()}
    assert {hit.number for hit in await index.search_vectors(KEY, vector(1), since=0, limit=99)} == vectors
    await index.close()


async def test_scores_are_those_of_bm25(index: EmbeddedIndex) -> None:
    texts = {1: "a b c", 2: "a a d", 3: "b d d d d", 4: "e"}
    await fill(index, *[passage(number, text) for number, text in texts.items()])

    hits = {hit.number: hit.score for hit in await index.search_words(KEY, ["a", "c"], since=0, limit=9)}

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


async def test_what_is_remembered_of_words_is_forgotten_with_each_change(index: EmbeddedIndex) -> None:
    await fill(index, passage(1, "a b"), passage(2, "b c"))
    before = [await index.search_words(KEY, ["a", "b", "z"], since=1, limit=9) for _ in range(2)]
    await index.apply(KEY, since=1, upto=2, added=[passage(3, "z a")], removed=[2])
    after = await index.search_words(KEY, ["a", "b", "z"], since=2, limit=9)
    assert before[0] == before[1]
    assert [[hit.number for hit in hits] for hits in (before[1], after)] == [[1, 2], [1, 3]]


async def test_waste_is_taken_out_of_the_vector_file(index: EmbeddedIndex, tmp_path: Path) -> None:
    await fill(index, *[passage(number, "x") for number in range(1, 1301)])
    await index.apply(KEY, since=1, upto=2, added=[], removed=list(range(1, 1291)))

    (path,) = (tmp_path / "indexes").glob("p0/*/vectors.*")
    assert path.name == "vectors.1"
    assert path.stat().st_size == 10 * DIMS * 2
    assert (await by_vector(index, 1295))[0] == 1295


@pytest.mark.parametrize("damage", ["noise", "cut", "vectors cut", "vectors gone", "other format"])
async def test_torn_files_are_begun_anew_and_never_believed(tmp_path: Path, damage: str) -> None:
    index = EmbeddedIndex(tmp_path)
    await fill(index, *[passage(number, "x") for number in range(1, 50)])
    await index.close()
    (folder,) = tmp_path.glob("p0/a*")
    words, vectors = folder / "words.db", folder / "vectors.0"
    match damage:
        case "noise":
            words.write_bytes(os.urandom(8000))
        case "cut":
            words.write_bytes(words.read_bytes()[:5000])
        case "vectors cut":
            vectors.write_bytes(vectors.read_bytes()[:-1])
        case "vectors gone":
            vectors.unlink()
        case _:
            words.write_bytes(b"")

    index = EmbeddedIndex(tmp_path)
    assert await index.position(KEY) == -1
    await fill(index, passage(1, "x"))
    assert await by_words(index, "x") == [1]
    await index.close()


async def test_vectors_behind_the_last_commit_are_overwritten(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path)
    await fill(index, passage(1, "x"))
    await index.close()
    (vectors,) = tmp_path.glob("p0/*/vectors.0")
    vectors.write_bytes(vectors.read_bytes() + b"half a vec")

    index = EmbeddedIndex(tmp_path)
    await index.apply(KEY, since=1, upto=2, added=[passage(2, "x")], removed=[])
    assert (await by_vector(index, 2)) == [2, 1]
    await index.close()


async def test_each_process_has_its_own_folder_and_takes_over_what_a_dead_one_left(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom clary.adapters.search_index import EmbeddedIndex\n"
        "from clary.features.knowledge.ports import IndexKey, IndexedPassage\n"
        "async def main():\n"
        "    index = EmbeddedIndex(Path(sys.argv[1]))\n"
        "    key = IndexKey('a' * 32, 1)\n"
        "    await index.apply(key, since=-1, upto=7, added=[IndexedPassage(1, 'x', None)], removed=[])\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    first = EmbeddedIndex(tmp_path)
    assert await first.position(KEY) == -1
    done = await anyio.run_process([sys.executable, "-c", script, str(tmp_path)], check=False, stderr=subprocess.PIPE)
    assert done.returncode == -9, done.stderr

    second = EmbeddedIndex(tmp_path)
    assert await second.position(KEY) == 7
    assert await by_words(second, "x") == [1]
    assert await first.position(KEY) == -1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p0", "p1"]
    await second.close()
    await first.close()


async def test_few_indexes_are_open_at_once_and_none_is_forgotten(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path, max_open=2)
    keys = [IndexKey(f"{number:032x}", 1) for number in range(6)]

    async def use(key: IndexKey) -> None:
        await fill(index, passage(1, f"x{key.kdb_id}"), key=key)
        hits = await index.search_words(key, [f"x{key.kdb_id}"], since=1, limit=5)
        assert [hit.number for hit in hits] == [1]

    async with anyio.create_task_group() as group:
        for key in keys:
            group.start_soon(use, key)
    assert [await index.position(key) for key in keys] == [1] * 6
    await index.keep_only(keys[:1])
    assert [await index.position(key) for key in keys] == [1] + [-1] * 5
    await index.close()


async def test_dropping_an_index_in_use_disturbs_nobody(index: EmbeddedIndex) -> None:
    await fill(index, *[passage(number, "x y z") for number in range(1, 300)])

    async def search() -> None:
        for _ in range(20):
            try:
                assert len(await by_words(index, "x", limit=500)) == 299
            except IndexLostError:
                return

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(search)
        group.start_soon(index.drop, KEY)
    await index.drop(KEY)
    assert await index.position(KEY) == -1


async def test_a_disk_in_trouble_makes_an_index_unavailable_and_not_lost(index: EmbeddedIndex, tmp_path: Path) -> None:
    await fill(index, passage(1, "x"))
    other = IndexKey("b" * 32, 1)
    # Cannot be opened, as when no file may be made any more.
    (tmp_path / "indexes" / "p0" / f"{other.kdb_id}.1" / "words.db").mkdir(parents=True)
    with pytest.raises(UnavailableError):
        await index.position(other)
    assert await index.position(KEY) == 1
