"""Words of a text (dependencies: OpenCC for characters, Snowball for endings)."""

import re
import threading
from collections.abc import Collection, Iterator
from functools import lru_cache
from operator import add
from typing import Any, Final

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs]

from clary.adapters.text_analysis.folding import fold, fold_with_places

MAX_WORD: Final = 64
"""Longer words are cut: nobody asks for them, and a file of noise would fill the dictionary."""

# Scripts that are written without spaces: Han, kana, bopomofo, Hangul, Thai, Lao, Burmese, Khmer.
_DENSE: Final = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u309a\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
    "\u1100-\u11ff\u3131-\u318e\uac00-\ud7ff\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0edf\u1000-\u103f\u1780-\u17d3"
)
# A mark belongs to its letter: `\w` knows no marks, and without them an Indic word would fall apart.
_MARKS: Final = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f"
_MARKS_MORE: Final = "\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a4d\u0a81-\u0acd\u0b01-\u0bcd\u0c00-\u0d4d\u1ab0-\u1aff"
_WORD: Final = re.compile(rf"([{_DENSE}]+)|((?:[^\W_{_DENSE}][{_MARKS}{_MARKS_MORE}]*)+)(?:['’]s\b)?")
_ENGLISH: Final = re.compile(r"[a-z]+")


class FoldingAnalyzer:
    """Fills the port `Analyzer`.

    Where a script has no spaces, each character and each pair of neighbours is a word. Other words are stemmed as
    English when they are of plain letters; digits and mixtures stay whole.
    """

    version: int = 1

    def analyze(self, text: str) -> list[str]:
        """See the port."""
        words: list[str] = []
        for found in _WORD.finditer(fold(text)):
            run = found[1]
            if run is None:
                words.append(_stem(found[2][:MAX_WORD]))
            else:
                words += run
                words += map(add, run, run[1:])
        return words

    def locate(self, text: str, words: Collection[str]) -> list[tuple[int, int]]:
        """Where these words stand in a text, `[start, end)` in characters, in order, joined where they touch.

        Pairs count before single characters, which stand everywhere.
        """
        folded, places = fold_with_places(text)
        wanted = set(words)
        spots = list(_spots(folded, wanted, pairs=True)) or list(_spots(folded, wanted, pairs=False))
        return _joined([(places[start], _end(places, end)) for start, end in spots])


def _spots(folded: str, wanted: set[str], *, pairs: bool) -> Iterator[tuple[int, int]]:
    for found in _WORD.finditer(folded):
        run, start = found[1], found.start()
        if run is None:
            if _stem(found[2][:MAX_WORD]) in wanted:
                yield start, found.end(2)
        elif pairs and len(run) > 1:
            yield from ((start + at, start + at + 2) for at in range(len(run) - 1) if run[at : at + 2] in wanted)
        else:
            yield from ((start + at, start + at + 1) for at, char in enumerate(run) if char in wanted)


def _end(places: list[int], end: int) -> int:
    """Where the original of the last letter before `end` ends."""
    last = places[end - 1]
    return next(place for place in places[end:] if place > last)


def _joined(spots: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spots:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


class _Stemmer(threading.local):
    """A stemmer keeps the word it works on, so each thread has its own."""

    def __init__(self) -> None:
        self.english: Any = snowballstemmer.stemmer("english")  # pyright: ignore[reportUnknownMemberType]


_stemmer = _Stemmer()


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return str(_stemmer.english.stemWord(word)) if _ENGLISH.fullmatch(word) else word
