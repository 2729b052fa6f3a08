"""Scores of words: each word's share in the score of a question is remembered, and shares are added up.

The score of a question by BM25 is the sum of what each of its words gives on its own. Words that stand in many passages
cost most and come again and again, so that most of a question is known already when it is asked.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clary.features.knowledge.ports import Hit

SCALE: Final = 1 << 44
"""What scores are multiplied by to be whole numbers."""
MOST_POSTINGS: Final = 2_000_000
"""32 MB for all indexes of a process."""
WORD_COST: Final = 50
"""What a word takes beside its postings, in postings: most words stand in few passages."""


class Scored(NamedTuple):
    """One word's passages by number, ascending, and what each scores for it."""

    numbers: NDArray[np.int64]
    scores: NDArray[np.int64]


class Edition(NamedTuple):
    """What is known of one state of an index; whoever changes the index begins another one."""

    identity: object
    frequencies: dict[str, int]


def new_edition() -> Edition:
    """Nothing known yet."""
    return Edition(object(), {})


class KnownScores:
    """Scores of the words asked for last, for all indexes of a process together; threads may share it."""

    def __init__(self, most: int = MOST_POSTINGS) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[object, str], Scored] = OrderedDict()
        self._postings = 0
        self._lock = threading.Lock()

    def get(self, edition: Edition, words: Sequence[str]) -> dict[str, Scored]:
        """Those that are known."""
        found: dict[str, Scored] = {}
        with self._lock:
            for word in words:
                scored = self._kept.get((edition.identity, word))
                if scored is not None:
                    self._kept.move_to_end((edition.identity, word))
                    found[word] = scored
        return found

    def put(self, edition: Edition, new: dict[str, Scored]) -> None:
        """Remembers scores, and forgets those that nobody asked for longest, such as those of older editions."""
        with self._lock:
            for word, scored in new.items():
                known = self._kept.pop((edition.identity, word), None)
                self._kept[edition.identity, word] = scored
                self._postings += _cost(scored) - (0 if known is None else _cost(known))
            while self._postings > self._most:
                _, gone = self._kept.popitem(last=False)
                self._postings -= _cost(gone)


def _cost(scored: Scored) -> int:
    return WORD_COST + len(scored.numbers)


def read_scores(text: str) -> Scored:
    """One word's scores out of `number,score,number,score…`."""
    pairs = np.fromstring(text, dtype=np.int64, sep=",") if text else np.empty(0, np.int64)
    return Scored(pairs[::2].copy(), pairs[1::2].copy())


def best(parts: Sequence[Scored], *, limit: int, among: Sequence[int] | None) -> list[Hit]:
    """Adds up the words' scores; best first, ties by number."""
    numbers, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    if among is not None:
        wanted = np.isin(numbers, np.asarray(among, np.int64))
        numbers, scores = numbers[wanted], scores[wanted]
    if not len(numbers):
        return []
    order = np.argsort(numbers, kind="stable")
    numbers, scores = numbers[order], scores[order]
    starts = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))
    numbers, scores = numbers[starts], np.add.reduceat(scores, starts)
    if len(scores) > limit:
        # Only those that may be among the best are put in order.
        enough = scores >= np.partition(scores, len(scores) - limit)[len(scores) - limit]
        numbers, scores = numbers[enough], scores[enough]
    order = np.lexsort((numbers, -scores))[:limit]
    return [Hit(int(numbers[place]), float(scores[place]) / SCALE) for place in order]
