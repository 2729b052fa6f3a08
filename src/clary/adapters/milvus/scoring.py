"""BM25 over ready words, equal to that of SQLite's FTS5. Pure.

A word is known by a number, so that no filter ever holds what a person wrote.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

_K1: Final = 1.2
_B: Final = 0.75
_LEAST_IDF: Final = 1e-6
_USUAL_LENGTH: Final = 300
"""The mean length that weights in Milvus assume: it may not change with every passage. Scores take the true one."""
MOST_TERMS: Final = 4096
"""Different words of one passage that are kept, the most frequent first: Milvus's limit of an array."""


def term_of(word: str) -> int:
    """The number of a word: positive, 62 bits, the same everywhere."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 2


def place_of(term: int) -> int:
    """Where a term stands in a sparse vector. Two terms may share a place: that costs a candidate, not a score."""
    return term % 0x7FFFFFFF + 1


def terms_in(tokens: str) -> tuple[dict[int, int], int]:
    """How often each term stands in a text of ready words, and how many words it has."""
    words = tokens.split()
    counts = Counter(term_of(word) for word in words)
    return dict(counts.most_common(MOST_TERMS)), len(words)


def idf(*, passages: int, having: int) -> float:
    """What a word that so many passages have is worth."""
    return max(math.log((passages - having + 0.5) / (having + 0.5)), _LEAST_IDF) if having <= passages else _LEAST_IDF


def saturation(count: int, *, length: int, mean: float) -> float:
    """What a word counts that stands so often in a passage of this length."""
    return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / mean))


def weights(counts: Mapping[int, int], length: int) -> dict[int, float]:
    """The sparse vector of a passage; never empty, which Milvus refuses."""
    made: dict[int, float] = {} if counts else {0: _LEAST_IDF}
    for term, count in counts.items():
        place = place_of(term)
        made[place] = made.get(place, 0.0) + saturation(count, length=length, mean=_USUAL_LENGTH)
    return made


def score(
    terms: Sequence[int], counts: Sequence[int], *, length: int, mean: float, worth: Mapping[int, float]
) -> float:
    """The score of one passage for words that are worth so much."""
    return sum(
        worth[term] * saturation(count, length=length, mean=mean)
        for term, count in zip(terms, counts, strict=True)
        if term in worth
    )
