"""Text that a person who reads a file does not see (product.md 7.2, `hidden_text`)."""

import re
from collections.abc import Iterator
from typing import Final

from clary.features.skills.policy.findings import Level

_TAGS: Final = "\U000e0000-\U000e007f"
_BIDI: Final = "\u202a-\u202e\u2066-\u2069"
_WIDTHLESS: Final = "\u200b\u2060-\u2064\u180e\ufeff\u00ad"
_INVISIBLE = re.compile(f"[{_TAGS}{_BIDI}{_WIDTHLESS}\u200c\u200d\u200e\u200f\U000e0100-\U000e01ef]")
_LATIN = re.compile(r"[\x21-\x7e]")
_FLAG: Final = "\U0001f3f4"
_COMMENT = re.compile(r"<!--((?:[^-]|-(?!->)){0,20000})-->|^\[(?://|comment)\]:\s*(?:#|<>)\s*[(\"'](.*)[)\"']", re.M)
_UNSEEN_STYLE = re.compile(
    r"<[^<>\n]{0,400}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])|"
    r"color\s*:\s*(?:white|#fff(?:fff)?)\b)[^<>\n]{0,400}>",
    re.I,
)
_ORDERS = re.compile(
    r"\b(?:you|your|must|always|never|ignore|execute|run|send|upload|secretly|assistant|agent|the user|instructions?|"
    r"system prompt)\b|你|必须|忽略|执行|运行|发送|上传|指令|用户|助手",
    re.I,
)
Found = tuple[int, Level]
"""Place in the text and level."""


def find_invisible(text: str) -> Iterator[Found]:
    """Characters without a width, or that turn the direction of writing."""
    for match in _INVISIBLE.finditer(text):
        level = _level(text, match.start())
        if level is not None:
            yield match.start(), level


def find_unrendered(text: str) -> Iterator[Found]:
    """Comments and styles that Markdown does not show; a comment that gives orders is worse than a note."""
    for match in _COMMENT.finditer(text):
        inside = match[1] if match[1] is not None else match[2]
        gives_orders = len(inside.split()) + len(re.findall(r"[\u4e00-\u9fff]", inside)) > 3 and _ORDERS.search(inside)
        yield match.start(), "medium" if gives_orders else "info"
    for match in _UNSEEN_STYLE.finditer(text):
        yield match.start(), "medium"


def _level(text: str, place: int) -> Level | None:
    char, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if "\U000e0000" <= char <= "\U000e007f":
        # Flags of regions are written with these behind a black flag.
        return None if _FLAG in text[max(0, place - 8) : place] else "high"
    if "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return "high"
    if char == "\ufeff" and place == 0:
        return None
    if "\U000e0100" <= char <= "\U000e01ef":
        # One chooses the form of a Chinese character; several in a row spell something else.
        return "high" if "\U000e0100" <= after <= "\U000e01ef" else None
    if char in "\u200c\u200d\u200e\u200f":
        # They join and part letters of several scripts and pictures; between Latin letters they only hide.
        return "medium" if _LATIN.match(before) and _LATIN.match(after) else None
    return "info" if char == "\u00ad" else "medium"
