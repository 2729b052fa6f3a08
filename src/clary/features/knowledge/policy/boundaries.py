"""Where a text may be cut: paragraphs, sentences of Chinese and English, lines, clauses, blanks.

Every look is within one window, whose length the caller bounds, and every pattern begins where a run begins: the time
is linear in the text, whatever it is made of.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_PARAGRAPH: Final = re.compile(r"\n[^\S\n]*+\n\s*+")
_SENTENCE: Final = re.compile(
    r"(?<![。！？…])[。！？…]++[”’」』）】》\"')]*+"
    r"|(?<![.!?])(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bvs)(?<!\bNo)(?<!\bFig)(?<!\be\.g)(?<!\bi\.e)[.!?]++[\"'”’)\]]*+(?=\s)"
)
_LINE: Final = re.compile(r"\n")
_CLAUSE: Final = re.compile(r"[；;，、：](?=\S)|[,;:](?=\s)")
_BLANK: Final = re.compile(r"(?<!\s)\s++")
_KINDS: Final = (_PARAGRAPH, _SENTENCE, _LINE, _CLAUSE, _BLANK)
_ROWS: Final = (_PARAGRAPH, _LINE, _BLANK)
_LOOK_BACK: Final = 32


def best_cut(text: str, first: int, aim: int, last: int, *, in_table: bool = False) -> int:
    """Where the text is cut, `first <= cut <= last`: at the strongest boundary, of equal ones the nearest to `aim`.

    Tables are cut between two of them, or else at the ends of rows, as long as one is within reach.
    """
    for pattern in _ROWS if in_table else _KINDS:
        found = min(_ends(pattern, text, first, last), key=lambda end: abs(end - aim), default=None)
        if found is not None:
            return found
    return _whole_character(text, first, min(aim, last))


def overlap_start(text: str, earliest: int, cut: int) -> int:
    """Where the next passage begins so that it repeats the end of the one before: at a sentence, line or word."""
    for pattern in (_SENTENCE, _LINE, _CLAUSE, _BLANK):
        for end in _ends(pattern, text, earliest, cut):
            if text[end:cut].strip():
                return end
    return _whole_character(text, earliest, earliest)


def _ends(pattern: re.Pattern[str], text: str, first: int, last: int) -> Iterator[int]:
    """Ends of boundaries within `[first, last]`; one that began a little earlier counts too."""
    for found in pattern.finditer(text, max(0, first - _LOOK_BACK), min(len(text), last + 1)):
        if first <= found.end() <= last:
            yield found.end()


def _whole_character(text: str, first: int, position: int) -> int:
    """Not between a letter and its accent."""
    for earlier in range(position, max(first, position - _LOOK_BACK), -1):
        if not unicodedata.combining(text[earlier : earlier + 1] or " "):
            return earlier
    return position
