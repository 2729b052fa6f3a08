"""Pure decisions: what a note may be, and which notes a question is about."""

import hashlib
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal

from clary.kit.text import TextError

Source = Literal["user", "agent"]

MAX_NOTES: Final = 1000
MAX_CHARACTERS: Final = 2000
RECALLED: Final = 5

_MAX_QUERY: Final = 2000
_MAX_TERMS: Final = 64
_LOOSE_LENGTH: Final = 3
"""A shorter word counts where it stands alone, not within another one."""
_NOTE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WIDE: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
"""Scripts that are written without blanks, or whose words carry endings: looked for by pairs of characters."""
_IS_WIDE: Final = re.compile(f"[{_WIDE}]")
_WORD: Final = re.compile(rf"[{_WIDE}]+|[^\W{_WIDE}]+")
_COMMON_WORDS: Final = (
    "a about an and are as at be but by can did do does for from had has have he her him his how i if in is it its me"
    " my no not of on or our she so that the their them then there they this to us was we were what when where which"
    " who why will with would you your 什么 怎么 这个 那个 一个 我们 你们 他们 可以 没有 不是 就是 还是 现在 因为 所以"
    " 如果 一下 的是 是的 了吗 请问 帮我 告诉 诉我 是什 么时 时候 为什 多少"
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""What every question holds: looked for only when it holds nothing else."""


def is_note_id(text: str) -> bool:
    """Whether it can name a note (product.md 1)."""
    return _NOTE_ID.fullmatch(text) is not None


def clean_content(text: str) -> str:
    """A note as it is kept: NFC, without blanks around it.

    Raises:
        ValueError: empty, over 2000 characters, or no text.
    """
    content = unicodedata.normalize("NFC", text).strip()
    if "\0" in content or any("\ud800" <= character <= "\udfff" for character in content):
        raise TextError("应为文本", "must be text")
    if not 1 <= len(content) <= MAX_CHARACTERS:
        raise TextError(f"应为 1 到 {MAX_CHARACTERS} 个字符", f"must have 1 to {MAX_CHARACTERS} characters")
    return content


def hash_of(content: str) -> str:
    """What makes two notes the same one."""
    return hashlib.sha256(content.encode()).hexdigest()


def rank(query: str, contents: Sequence[str]) -> list[int]:
    """Where the contents that fit a question stand, the best first, else in their order.

    Rare words weigh more than frequent ones, whole words more than parts; what holds the question as it was written
    comes before everything else.
    """
    phrase = _folded(query[:_MAX_QUERY]).strip()
    if not phrase:
        return []
    terms, folded = _terms(phrase), [_folded(content) for content in contents]
    weights = [[_weight(text, term) for term in terms] for text in folded]
    rarities = [math.log(1 + len(contents) / (1 + sum(each[at] > 0 for each in weights))) for at in range(len(terms))]
    scored: list[tuple[float, int]] = []
    for at, text in enumerate(folded):
        score = sum(rarity * weight for rarity, weight in zip(rarities, weights[at], strict=True))
        if phrase in text:
            score += 1 + sum(rarities)
        if score > 0:
            scored.append((-score, at))
    return [at for _, at in sorted(scored)]


def terms_of(query: str) -> list[str]:
    """What of a question is looked for, folded."""
    return _terms(_folded(query[:_MAX_QUERY]))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _terms(phrase: str) -> list[str]:
    """The words of a question; runs of characters without blanks between them give their pairs."""
    found: dict[str, None] = {}
    for word in _WORD.findall(phrase):
        is_run = _IS_WIDE.match(word) is not None and len(word) > 2
        found.update(dict.fromkeys([word[at : at + 2] for at in range(len(word) - 1)] if is_run else [word]))
    telling = [term for term in found if term not in _COMMON]
    return (telling or list(found))[:_MAX_TERMS]


def _weight(text: str, term: str) -> float:
    at = text.find(term)
    if at < 0:
        return 0.0
    if _IS_WIDE.match(term):
        return 1.0
    while at >= 0:
        if not _goes_on(text[at - 1 : at]) and not _goes_on(text[at + len(term) :][:1]):
            return 1.0
        at = text.find(term, at + 1)
    return 0.5 if len(term) >= _LOOSE_LENGTH else 0.0


def _goes_on(neighbour: str) -> bool:
    """Whether a character beside a word belongs to it."""
    return neighbour.isalnum() and _IS_WIDE.match(neighbour) is None
