"""Passages and vectors of indexes in Milvus: written, removed, found. Blocking calls."""

import math
import struct
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from clary.adapters.milvus import scoring
from clary.adapters.milvus.collections import WORDS, Collections, Row, in_base, row_ids, vectors_of
from clary.adapters.milvus.records import State
from clary.features.knowledge.ports import Hit, IndexedPassage

_MOST_WORDS: Final = 200
_MOST_AMONG: Final = 5000
_MOST_FOUND: Final = 16_000
_MORE: Final = 4
"""Candidates for each hit wanted, and at least these many: their order by Milvus is near to the true one only."""
_LEAST_CANDIDATES: Final = 100
_KNOWN_FREQUENCIES: Final = 50_000
_FREQUENCIES_AT_ONCE: Final = 8


class Contents:
    """Knows nothing of turns and positions: the caller sees to these."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._having: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._counting = ThreadPoolExecutor(_FREQUENCIES_AT_ONCE, thread_name_prefix="milvus-count")

    def close(self) -> None:
        """Ends its threads."""
        self._counting.shutdown()

    def write(self, base: str, state: State, added: Sequence[IndexedPassage], removed: Sequence[int]) -> State:
        """Writes changes; returns the state with what they sum up to. Done twice, they are the same."""
        before = self.measured(base) if state.passages < 0 else state
        gone = self._lengths(base, removed)
        known = self._lengths(base, [each.number for each in added])
        rows = {each.number: _row(base, each) for each in added if each.number not in known}
        self._collections.upsert(WORDS, list(rows.values()))
        dims = self._write_vectors(base, state.dims, added)
        self.remove(base, removed, dims)
        return State(
            state.position,
            before.passages + len(rows) - len(gone),
            before.length + sum(row["length"] for row in rows.values()) - sum(gone.values()),
            dims,
        )

    def measured(self, base: str) -> State:
        """Counts passages and words of what is there."""
        lengths = [row["length"] for row in self._collections.each(WORDS, in_base(base), ["length"])]
        return State(passages=len(lengths), length=sum(lengths))

    def remove(self, base: str, numbers: Sequence[int], dims: int) -> None:
        """Removes passages with their vectors."""
        ids = row_ids(base, numbers)
        self._collections.delete_ids(WORDS, ids)
        if dims:
            self._collections.delete_ids(vectors_of(dims), ids)

    def wipe(self, base: str) -> None:
        """Removes everything of an index."""
        for name in (WORDS, *self._collections.vector_collections()):
            self._collections.delete(name, in_base(base))

    def list_indexes(self) -> set[str]:
        """Every index that has passages."""
        return {row["base"] for row in self._collections.each(WORDS, 'base != ""', ["base"])}

    def search_words(
        self, base: str, state: State, words: Sequence[str], *, limit: int, among: Sequence[int] | None
    ) -> list[Hit]:
        """Best first; ties by number."""
        if state.passages < 0:
            measured = self.measured(base)
            state = state._replace(passages=measured.passages, length=measured.length)
        worth = self._worth(base, state, words)
        if not worth or not state.length:
            return []
        query: dict[int, float] = {}
        for term, value in worth.items():
            query[scoring.place_of(term)] = value
        wanted = min(max(limit * _MORE, _LEAST_CANDIDATES), _MOST_FOUND)
        found = self._search(WORDS, "words", query, base, among, wanted, ("number", "terms", "counts", "length"))
        mean = state.length / state.passages
        hits = [
            Hit(
                row["number"],
                scoring.score(row["terms"], row["counts"], length=row["length"], mean=mean, worth=worth),
            )
            for row in found
        ]
        return _best([hit for hit in hits if hit.score > 0], limit)

    def search_vectors(
        self, base: str, state: State, vector: bytes, *, limit: int, among: Sequence[int] | None
    ) -> list[Hit]:
        """By cosine, best first; ties by number."""
        values = _values(vector)
        if values is None or not state.dims or len(values) != state.dims:
            return []
        name, wanted = vectors_of(state.dims), min(limit, _MOST_FOUND)
        found = self._search(name, "vector", values, base, among, wanted, ("number",))
        return _best([Hit(row["number"], float(row["distance"])) for row in found], limit)

    def _search(
        self,
        name: str,
        field: str,
        vector: object,
        base: str,
        among: Sequence[int] | None,
        limit: int,
        fields: Sequence[str],
    ) -> list[Row]:
        """The nearest rows; a long list of numbers is asked for in portions."""
        portions: list[Sequence[int] | None] = [None]
        if among is not None:
            portions = [among[start : start + _MOST_AMONG] for start in range(0, len(among), _MOST_AMONG)]
        found: list[Row] = []
        for portion in portions:
            where = in_base(base, portion)
            found += self._collections.search(name, field, vector, where=where, limit=limit, fields=fields)
        return found

    def _worth(self, base: str, state: State, words: Sequence[str]) -> dict[int, float]:
        """What the words are worth; those that no passage has are left out, and the most frequent beyond a limit."""
        terms = [scoring.term_of(word) for word in dict.fromkeys(words)]

        def count(term: int) -> int:
            return self._count(base, state, term)

        having = dict(zip(terms, self._counting.map(count, terms), strict=True))
        rarest = sorted((term for term in having if having[term]), key=lambda term: (having[term], term))
        return {term: scoring.idf(passages=state.passages, having=having[term]) for term in rarest[:_MOST_WORDS]}

    def _count(self, base: str, state: State, term: int) -> int:
        """How many passages have a term, as of a position."""
        asked = (base, state.position, term)
        if asked not in self._having:
            where = f"{in_base(base)} and array_contains(terms, {term})"
            self._having[asked] = self._collections.count(WORDS, where)
            while len(self._having) > _KNOWN_FREQUENCIES:
                self._having.popitem(last=False)
        return self._having.get(asked, 0)

    def _lengths(self, base: str, numbers: Sequence[int]) -> dict[int, int]:
        """How many words those of the passages have that are there."""
        found: dict[int, int] = {}
        for start in range(0, len(numbers), _MOST_AMONG):
            where = in_base(base, numbers[start : start + _MOST_AMONG])
            found |= {row["number"]: row["length"] for row in self._collections.query(WORDS, where, _LENGTH)}
        return found

    def _write_vectors(self, base: str, dims: int, added: Sequence[IndexedPassage]) -> int:
        """Their length; vectors of another length than the first, and those that are none, are left out."""
        vectors = [(each.number, _values(each.vector)) for each in added if each.vector]
        good = [(number, values) for number, values in vectors if values is not None]
        if not good:
            return dims
        dims = dims or len(good[0][1])
        ids = row_ids(base, [number for number, _ in good])
        rows: list[Row] = [
            {"id": row_id, "base": base, "number": number, "vector": values}
            for row_id, (number, values) in zip(ids, good, strict=True)
            if len(values) == dims
        ]
        self._collections.upsert(vectors_of(dims), rows)
        return dims


_LENGTH: Final = ("number", "length")


def _row(base: str, passage: IndexedPassage) -> Row:
    counts, length = scoring.terms_in(passage.tokens)
    return {
        "id": row_ids(base, [passage.number])[0],
        "base": base,
        "number": passage.number,
        "length": length,
        "terms": list(counts),
        "counts": list(counts.values()),
        "words": scoring.weights(counts, length),
    }


def _values(vector: bytes | None) -> list[float] | None:
    """Float16 as numbers; None: it is no vector."""
    values = list(struct.unpack(f"<{len(vector or b'') // 2}e", vector or b""))
    return values if values and all(math.isfinite(each) for each in values) else None


def _best(hits: Sequence[Hit], limit: int) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.number))[:limit]
