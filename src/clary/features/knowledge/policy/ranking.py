"""How findings of words and of vectors become one order.

A weighted sum of both, each scaled within the question: ranks alone would lose what a clear winner says, and would lose
across languages. A passage whose vector is not there yet is judged by its words alone, not as if it were far away.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from clary.features.knowledge.ports import Hit

Mode = Literal["hybrid", "lexical", "vector"]
WORDS_WEIGHT: Final = 0.3
WORDS_WEIGHT_ACROSS_SCRIPTS: Final = 0.2
"""A question in another script than the passages shares hardly more than names and numbers with them."""
LEAST_SCORE: Final = 0.000_001
_DIGITS: Final = 6


class Key(NamedTuple):
    """A passage in an answer about several bases."""

    kdb_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Found:
    """A passage and what each source says of it; None: it does not know the passage."""

    key: Key
    lexical: float | None
    lexical_rank: int | None
    vector: float | None
    vector_rank: int | None
    fused: float


class Evidence(NamedTuple):
    """What the sources found in one base. `cosines`: of everything whose vector is known, hits of words included."""

    words: Sequence[Hit]
    vectors: Sequence[Hit]
    cosines: Mapping[int, float]


def fuse(evidence: Mapping[str, Evidence], *, mode: Mode, words_weight: float = WORDS_WEIGHT) -> list[Found]:
    """Everything that was found, best first; the order of ties is left to whoever knows the documents.

    `evidence` by base. `mode` `vector`: words count only for passages without a vector.
    """
    words = _best_first({Key(kdb, hit.number): hit.score for kdb, it in evidence.items() for hit in it.words})
    vectors = _best_first({Key(kdb, hit.number): hit.score for kdb, it in evidence.items() for hit in it.vectors})
    cosines = {Key(kdb, number): cosine for kdb, it in evidence.items() for number, cosine in it.cosines.items()}
    cosines |= {key: score for key, (score, _) in vectors.items()}
    scale = _Scale(words, cosines)
    weight = {"lexical": 1.0, "hybrid": words_weight, "vector": 0.0}[mode]
    found: list[Found] = []
    for key in dict.fromkeys([*words, *vectors]):
        lexical, lexical_rank = words.get(key, (None, None))
        fused = scale.words(lexical) if mode == "lexical" else scale.both(key, lexical, weight)
        found.append(Found(key, lexical, lexical_rank, cosines.get(key), vectors.get(key, (0, None))[1], fused))
    return sorted(found, key=lambda each: (-each.fused, each.key))


class _Scale:
    """Scores between 0 and 1 within one question."""

    def __init__(self, words: Mapping[Key, tuple[float, int]], cosines: Mapping[Key, float]) -> None:
        self._cosines = cosines
        self._most = max((score for score, _ in words.values()), default=0.0)
        self._nearest = max(cosines.values(), default=0.0)
        self._farthest = min(cosines.values(), default=0.0)

    def words(self, score: float | None) -> float:
        if score is None or self._most <= 0:
            return LEAST_SCORE
        return bounded(score / self._most)

    def both(self, key: Key, lexical: float | None, weight: float) -> float:
        cosine = self._cosines.get(key)
        if cosine is None:
            return self.words(lexical)
        words = 0.0 if lexical is None or self._most <= 0 else max(lexical, 0.0) / self._most
        width = self._nearest - self._farthest
        near = (cosine - self._farthest) / width if width > 0 else 1.0
        return bounded(weight * words + (1 - weight) * near)


def bounded(score: float) -> float:
    """A score as it is shown: above 0, at most 1, equal where machines differ in the last digits."""
    return round(min(max(score, LEAST_SCORE), 1.0), _DIGITS)


def words_weight(query: str, passages: Sequence[str]) -> float:
    """How much words count, given the texts of the nearest passages."""
    asked = script_of(query)
    scripts = [script for text in passages if (script := script_of(text)) is not None]
    if asked is None or not scripts:
        return WORDS_WEIGHT
    others = sum(script != asked for script in scripts)
    return WORDS_WEIGHT_ACROSS_SCRIPTS if 2 * others > len(scripts) else WORDS_WEIGHT


def script_of(text: str) -> str | None:
    """The script most of the letters are of; a character of a dense script weighs as much as three letters."""
    head = text[:_MOST_LOOKED_AT]
    counts = {name: weight * sum(map(len, runs.findall(head))) for name, runs, weight in _SCRIPTS}
    most = max(counts, key=lambda name: counts[name])
    return most if counts[most] else None


_MOST_LOOKED_AT: Final = 400
_SCRIPTS: Final = (
    ("latin", re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+"), 1),
    ("greek", re.compile("[\u0370-\u03ff]+"), 1),
    ("cyrillic", re.compile("[\u0400-\u052f]+"), 1),
    ("arabic", re.compile("[\u0600-\u06ff]+"), 1),
    ("devanagari", re.compile("[\u0900-\u097f]+"), 1),
    ("thai", re.compile("[\u0e00-\u0e7f]+"), 1),
    ("hangul", re.compile("[\uac00-\ud7a3]+"), 3),
    ("east_asian", re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]+"), 3),
)


def _best_first(scores: Mapping[Key, float]) -> dict[Key, tuple[float, int]]:
    """Score and rank from 1 of each, best first."""
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return {key: (score, rank) for rank, (key, score) in enumerate(ordered, start=1)}
