"""How well and how fast passages are found, on folders of the BEIR layout.

    python benchmarks/retrieval.py --set xquad-en --set stard-judged     straight at the index adapters
    python benchmarks/retrieval.py --set xquad-zh:xquad-en               questions of one, texts of the other
    python benchmarks/retrieval.py --set xquad-en --url URL --key KEY    through the HTTP API of a server
    python benchmarks/retrieval.py --speed 60000                         p50, p95, memory, disk
    python benchmarks/retrieval.py --speed 60000 --url URL --key KEY     ingestion, p50, p95 of words through the API

A set is a folder with `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`. Words alone and both together are measured
in one run, so that a loss shows. Vectors are kept in `--cache`, because making them takes most of the time.
"""

import argparse
import asyncio
import hashlib
import io
import json
import math
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np

from clary.adapters.embeddings import EmbeddedModel, find_weights
from clary.adapters.search_index import EmbeddedIndex
from clary.adapters.text_analysis import FoldingAnalyzer
from clary.features.knowledge.policy.ranking import Evidence, fuse, words_weight
from clary.features.knowledge.ports import IndexedPassage, IndexKey, VectorMode

KEY = IndexKey("0" * 32, 1)
DEPTH = 150
Json = dict[str, Any]
Search = Callable[[str, str], Awaitable[list[str]]]


class Collection(NamedTuple):
    """`texts` and `questions` by id; `judged`: question → document → grade."""

    name: str
    texts: dict[str, str]
    questions: dict[str, str]
    judged: dict[str, dict[str, int]]


def load(data: Path, name: str, every: int) -> Collection:
    """A set; `a:b` takes the questions of `a` and the texts of `b`, with the judgements of `a`."""
    questions_of, _, texts_of = name.partition(":")
    texts = {
        row["_id"]: f"{row.get('title', '')}\n{row['text']}".strip()
        for row in _rows(data / (texts_of or questions_of) / "corpus.jsonl")
    }
    judged: dict[str, dict[str, int]] = {}
    for line in (data / questions_of / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]:
        question, document, grade = line.split("\t")
        judged.setdefault(question, {})[document] = int(grade)
    asked = [row for row in _rows(data / questions_of / "queries.jsonl") if row["_id"] in judged]
    return Collection(name, texts, {row["_id"]: row["text"] for row in asked[::every]}, judged)


def _rows(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


class Score(NamedTuple):
    """Means over questions."""

    ndcg_10: float
    recall_10: float
    recall_100: float

    def __str__(self) -> str:
        return f"nDCG@10 {self.ndcg_10:.3f}  R@10 {self.recall_10:.3f}  R@100 {self.recall_100:.3f}"


def score(found: dict[str, list[str]], judged: dict[str, dict[str, int]]) -> Score:
    """What rankings are worth."""
    values = [
        (_ndcg(ids, judged[question]), _recall(ids[:10], judged[question]), _recall(ids[:100], judged[question]))
        for question, ids in found.items()
    ]
    return Score(*(sum(column) / len(values) for column in zip(*values, strict=True)))


def _ndcg(ids: Sequence[str], grades: dict[str, int]) -> float:
    gained = sum((2 ** grades.get(each, 0) - 1) / math.log2(place + 2) for place, each in enumerate(ids[:10]))
    best = sorted(grades.values(), reverse=True)[:10]
    ideal = sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(best))
    return gained / ideal if ideal else 0.0


def _recall(ids: Sequence[str], grades: dict[str, int]) -> float:
    wanted = {document for document, grade in grades.items() if grade > 0}
    return len(wanted & set(ids)) / len(wanted) if wanted else 0.0


# ---- Straight at the adapters


class Vectors:
    """Vectors that are made once for each text."""

    def __init__(self, cache: Path) -> None:
        weights = find_weights()
        if weights is None:
            raise SystemExit("no weights: only words can be measured here")
        self._model = EmbeddedModel(weights)
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    async def of(self, texts: Sequence[str], mode: VectorMode) -> list[bytes]:
        """In order."""
        name = hashlib.sha256(json.dumps([mode, *texts]).encode()).hexdigest()[:32]
        path = self._cache / f"{name}.npy"
        if not path.exists():
            made = await self._model.embed(texts, mode=mode)
            np.save(path, np.frombuffer(b"".join(made), dtype="<f2").reshape(len(texts), -1))
        return [row.tobytes() for row in np.load(path)]

    def close(self) -> None:
        """Ends the model."""
        self._model.close()


class Bench:
    """One collection in index files of its own."""

    def __init__(self, collection: Collection, folder: Path, vectors: Vectors | None) -> None:
        self.collection = collection
        self._vectors = vectors
        self._index = EmbeddedIndex(folder)
        self._analyzer = FoldingAnalyzer()
        self._ids = list(collection.texts)
        self._asked: dict[str, bytes] = {}

    async def build(self) -> None:
        """Analyzes and indexes everything."""
        texts, questions = list(self.collection.texts.values()), list(self.collection.questions.values())
        vectors: Sequence[bytes | None] = [None] * len(texts)
        if self._vectors is not None:
            vectors = await self._vectors.of(texts, "passage")
            self._asked = dict(zip(questions, await self._vectors.of(questions, "query"), strict=True))
        passages = [
            IndexedPassage(number, " ".join(self._analyzer.analyze(text)), vector)
            for number, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
        for start in range(0, len(passages), 1000):
            await self._index.apply(KEY, since=-1, upto=1, added=passages[start : start + 1000], removed=[])

    async def search(self, mode: str, question: str) -> list[str]:
        """Ids, best first, as a query ranks them."""
        words = self._analyzer.analyze(question)
        hits = await self._index.search_words(KEY, words, since=0, limit=DEPTH)
        if mode == "words":
            return [self._ids[hit.number] for hit in hits]
        vector = self._asked[question]
        near = await self._index.search_vectors(KEY, vector, since=0, limit=DEPTH)
        if mode == "vectors":
            return [self._ids[hit.number] for hit in near]
        seen = {hit.number for hit in near}
        unseen = [hit.number for hit in hits if hit.number not in seen]
        more = await self._index.search_vectors(KEY, vector, since=0, limit=DEPTH, among=unseen) if unseen else []
        texts = [self.collection.texts[self._ids[hit.number]] for hit in near[:5]]
        evidence = {"": Evidence(hits, near, {hit.number: hit.score for hit in more})}
        found = fuse(evidence, mode="hybrid", words_weight=words_weight(question, texts))
        return [self._ids[each.key.number] for each in found]

    async def close(self) -> None:
        """Closes the files."""
        await self._index.close()


async def measure(collection: Collection, search: Search, modes: Sequence[str]) -> None:
    """Prints what each mode is worth and takes."""
    print(f"{collection.name}: {len(collection.texts)} texts, {len(collection.questions)} questions")
    for mode in modes:
        found: dict[str, list[str]] = {}
        times: list[float] = []
        for question_id, question in collection.questions.items():
            began = time.perf_counter()
            found[question_id] = await search(mode, question)
            times.append(1000 * (time.perf_counter() - began))
        print(f"  {mode:8} {score(found, collection.judged)}  {_percentiles(times)}")


def _percentiles(times: Sequence[float]) -> str:
    ordered = sorted(times)
    return f"p50 {ordered[len(ordered) // 2]:.1f} ms  p95 {ordered[int(0.95 * (len(ordered) - 1))]:.1f} ms"


# ---- Through the API


class Server:
    """A running server, spoken to as any client does. The texts become documents of one new base."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, mode: str) -> None:
        self._session, self._mode = session, mode
        self._prefix = url.rstrip("/") + "/api/knowledge-base"
        self.kdb_id = ""
        self._names: dict[str, str] = {}

    async def build(self, collection: Collection) -> None:
        """Uploads, and waits until words and vectors of everything are there."""
        settings = {"embedding": {"mode": self._mode}, "chunk": {"target_chars": 4000, "overlap_chars": 0}}
        body = {"name": collection.name, "type": "document", "kdb_setting": settings}
        self.kdb_id = (await self.call("POST", "/add", json=body))["kdb_id"]
        texts = list(collection.texts.items())
        for start in range(0, len(texts), 100):
            form = aiohttp.FormData({"kdb_id": self.kdb_id})
            for text_id, text in texts[start : start + 100]:
                form.add_field("files", text.encode(), filename=f"{text_id}.txt", content_type="text/plain")
            task = (await self.call("POST", "/doc/add_by_files", data=form))["taskId"]
            await self.until("/doc/task_process", {"task_id": task}, lambda data: data["taskProcess"] >= 100)
        # A base with a model has no vectors at first, which is not yet the state that is measured.
        wanted = "none" if self._mode == "none" else "complete"
        await self.until("/info", {}, lambda data: data["index"]["vectors"] == wanted)
        await self._read_names()

    async def fill(self, collection: Collection, passages: int) -> None:
        """Makes so many passages of the collection, one document for each hundred, and asks questions meanwhile."""
        settings = {"embedding": {"mode": "none"}, "chunk": {"target_chars": 200, "overlap_chars": 0}}
        body = {"name": "speed", "type": "document", "kdb_setting": settings}
        self.kdb_id = (await self.call("POST", "/add", json=body))["kdb_id"]
        texts, questions = list(collection.texts.values()), list(collection.questions.values())
        chosen, began, times = random.Random(1), time.perf_counter(), list[float]()
        for start in range(0, passages, 10_000):
            form = aiohttp.FormData({"kdb_id": self.kdb_id})
            for first in range(start, min(start + 10_000, passages), 100):
                paragraphs = (
                    f"n{chosen.randrange(passages)} {texts[number % len(texts)][:180]}"
                    for number in range(first, first + 100)
                )
                form.add_field("files", io.BytesIO("\n\n".join(paragraphs).encode()), filename=f"{first}.txt")
            task = (await self.call("POST", "/doc/add_by_files", data=form))["taskId"]
            while (await self.call("GET", "/doc/task_process", params={"kdb_id": self.kdb_id, "task_id": task}))[
                "taskProcess"
            ] < 100:
                asked = time.perf_counter()
                await self.search("words", chosen.choice(questions), top_k=10)
                times.append(1000 * (time.perf_counter() - asked))
                await asyncio.sleep(0.2)
        spent = time.perf_counter() - began
        made = (await self.call("GET", "/info", params={"kdb_id": self.kdb_id}))["passages"]
        print(f"{made} passages in {spent:.0f} s; queries meanwhile: {_percentiles(times)}")

    async def measure_speed(self, collection: Collection, passages: int) -> None:
        """Prints how long a query takes, one at a time."""
        await self.fill(collection, passages)
        times: list[float] = []
        for question in list(collection.questions.values())[:300]:
            began = time.perf_counter()
            await self.search("words", question, top_k=10)
            times.append(1000 * (time.perf_counter() - began))
        print(f"  words    {_percentiles(times)}")

    async def search(self, mode: str, question: str, *, top_k: int = 100) -> list[str]:
        """Ids of texts, best first."""
        if not question.strip():
            return []  # cmrc-zhs has one; the API refuses to be asked nothing.
        wire = {"words": "lexical", "vectors": "vector", "both": "hybrid"}[mode]
        body = {"kdb_id": self.kdb_id, "query": question[:4000], "top_k": top_k, "mode": wire, "merge": False}
        results = (await self.call("POST", "/retrieve", json=body))["results"]
        # Texts that stand in several documents are given once, with the others named: all of them were found.
        found = [doc for it in results for doc in (it["doc_id"], *it["metadata"].get("also_in", ()))]
        return list(dict.fromkeys(self._names.get(doc, doc) for doc in found))

    async def _read_names(self) -> None:
        """Ids of documents → ids of the texts."""
        page, total = 1, 1
        while 200 * (page - 1) < total:
            query = {"kdb_id": self.kdb_id, "page_no": str(page), "page_size": "200"}
            told = await self.call("GET", "/doc/list", params=query)
            self._names |= {each["id"]: each["doc_name"].removesuffix(".txt") for each in told["list"]}
            page, total = page + 1, told["total"]

    async def until(self, path: str, query: dict[str, str], holds: Callable[[Json], bool]) -> None:
        """Asks about the base until something holds of the answer."""
        while not holds(await self.call("GET", path, params={"kdb_id": self.kdb_id, **query})):
            await asyncio.sleep(0.5)

    async def call(self, method: str, path: str, **more: Any) -> Json:
        """What an endpoint of knowledge bases gives; a refusal ends the benchmark."""
        async with self._session.request(method, self._prefix + path, **more) as response:
            answer = await response.json()
        if answer.get("code") != 200:
            raise SystemExit(f"{path}: {answer.get('code')} {answer.get('message')}")
        return answer["data"]


# ---- Speed


async def measure_speed(collection: Collection, passages: int) -> None:
    """Words and vectors over many passages: the collection again and again, with noise; vectors are random."""
    chosen = random.Random(1)
    analyzer, texts = FoldingAnalyzer(), list(collection.texts.values())
    numbers = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder))
        began, before = time.perf_counter(), _megabytes()
        for start in range(0, passages, 1000):
            added: list[IndexedPassage] = []
            for number in range(start, min(start + 1000, passages)):
                tokens = analyzer.analyze(texts[number % len(texts)][:180])
                noise = [f"n{chosen.randrange(passages)}" for _ in range(5)]
                at = chosen.randrange(len(tokens) + 1)
                vector = numbers.normal(size=384).astype("<f2").tobytes()
                added.append(IndexedPassage(number, " ".join([*tokens[at:], *noise, *tokens[: at // 2]]), vector))
            await index.apply(KEY, since=-1, upto=1, added=added, removed=[])
        print(f"built {passages} passages in {time.perf_counter() - began:.1f} s")
        times: dict[str, list[float]] = {"words": [], "both": []}
        for question in list(collection.questions.values())[:300]:
            words, vector = analyzer.analyze(question), numbers.normal(size=384).astype("<f2").tobytes()
            began = time.perf_counter()
            hits = await index.search_words(KEY, words, since=0, limit=DEPTH)
            times["words"].append(1000 * (time.perf_counter() - began))
            began = time.perf_counter()
            hits, near = await asyncio.gather(
                index.search_words(KEY, words, since=0, limit=DEPTH),
                index.search_vectors(KEY, vector, since=0, limit=DEPTH),
            )
            unseen = [hit.number for hit in hits if hit.number not in {each.number for each in near}]
            more = await index.search_vectors(KEY, vector, since=0, limit=DEPTH, among=unseen) if unseen else []
            fuse({"": Evidence(hits, near, {hit.number: hit.score for hit in more})}, mode="hybrid")
            times["both"].append(1000 * (time.perf_counter() - began))
        for mode, each in times.items():
            print(f"  {mode:8} {_percentiles(each)}")
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        print(
            f"  per 1,000 passages: {disk / passages / 1000:.2f} MB disk, "
            f"{1000 * (_megabytes() - before) / passages:.2f} MB memory"
        )
        await index.close()


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/retrieval"))
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--every", type=int, default=1, help="only every nth question")
    parser.add_argument("--words-only", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "clary-bench-vectors")
    parser.add_argument("--url", help="a running server")
    parser.add_argument("--key", default="", help="an API key of it")
    parser.add_argument("--speed", type=int, default=0, help="passages")
    wanted = parser.parse_args()
    if not wanted.data.is_dir():
        print(f"skipped: no data in {wanted.data}")
        return
    modes = ["words"] if wanted.words_only else ["words", "vectors", "both"]
    for name in wanted.sets:
        collection = load(wanted.data, name, wanted.every)
        if wanted.url:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {wanted.key}"}) as session:
                server = Server(session, wanted.url, mode="none" if wanted.words_only else "server")
                await server.build(collection)
                await measure(collection, server.search, modes)
            continue
        vectors = None if wanted.words_only else Vectors(wanted.cache)
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(collection, Path(folder), vectors)
            await bench.build()
            await measure(collection, bench.search, modes)
            await bench.close()
        if vectors is not None:
            vectors.close()
    if wanted.speed and wanted.url:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {wanted.key}"}) as session:
            server = Server(session, wanted.url, mode="none")
            await server.measure_speed(load(wanted.data, "stard-judged", 1), wanted.speed)
    elif wanted.speed:
        await measure_speed(load(wanted.data, "stard-judged", 1), wanted.speed)


if __name__ == "__main__":
    asyncio.run(main())
