"""Makes letters equal that people take for the same: width, case, accents, traditional and simplified characters."""

import re
import unicodedata
from functools import cache
from typing import Any, Final, cast

import opencc

_HAN: Final = ((0x2E80, 0x2FDF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_HALF_MARKS: Final = "\uff9e\uff9f"
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_LETTERS_WITH_ACCENTS: Final = re.compile("[\u00c0-\u024f\u0370-\u052f\u1e00-\u1fff\u0300-\u036f]")


def fold(text: str) -> str:
    """The text as it is compared. Its length may differ."""
    if not _BEYOND_ASCII.search(text):
        return text.lower()
    text = unicodedata.normalize("NFKC", text).lower()
    if _LETTERS_WITH_ACCENTS.search(text):
        # Only these marks: those of kana, Hangul and Indic scripts make other letters.
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))
    return text.translate(_simplified())


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters where the original one is.

    A letter is folded together with the marks that follow it. One more place, the end of the text, closes the list.
    """
    folded: list[str] = []
    places: list[int] = []
    at = 0
    for piece in _letters(text):
        plain = fold(piece)
        folded.append(plain)
        places += [at] * len(plain)
        at += len(piece)
    return "".join(folded), [*places, at]


def _letters(text: str) -> list[str]:
    pieces: list[str] = []
    for char in text:
        if pieces and (char in _HALF_MARKS or unicodedata.combining(char) or _is_jamo(char)):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def _is_jamo(char: str) -> bool:
    """Vowels and ends of Hangul syllables written apart."""
    return "\u1160" <= char <= "\u11ff"


@cache
def _simplified() -> dict[int, str]:
    """Character by character: what is around one must not matter, since a question holds only a part of a passage."""
    characters = [chr(code) for first, last in _HAN for code in range(first, last + 1)]
    converter = cast("Any", opencc.OpenCC("t2s"))
    converted = str(converter.convert("\n".join(characters))).split("\n")
    changed = {ord(old): new for old, new in zip(characters, converted, strict=True) if old != new}
    return changed | dict.fromkeys(map(ord, _INVISIBLE), "")
