"""What a passage is to the index: its name, and what of it is searched."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from clary.features.knowledge.policy.cutting import Cut

_ID_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A cut with its name and words. `text_hash` is that of the text alone: equal texts count once in an answer."""

    cut: Cut
    id: str
    text_hash: str
    tokens: str


def title_of(file_name: str) -> str:
    """What of a file's name is searched: its stem."""
    return PurePosixPath(file_name).stem


def searched_text(cut: Cut) -> str:
    """What a passage is found by."""
    return f"{cut.context}\n{cut.text}" if cut.context else cut.text


def passage_of(doc_id: str, cut: Cut, *, tokens: str, analyzer_version: int) -> NewPassage:
    """The passage of a cut. The same cut of the same document always gets the same id; other words give another id."""
    place = f"{analyzer_version}\0{doc_id}\0{cut.start}\0{cut.end}\0{cut.context}\0{cut.text}"
    return NewPassage(cut, _digest(place)[:_ID_DIGITS], _digest(cut.text), tokens)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def without_repeats(cuts: list[Cut]) -> list[Cut]:
    """Each text of a document once, where it stands first (contract product 5.5)."""
    first: dict[str, Cut] = {}
    for cut in cuts:
        first.setdefault(cut.text, cut)
    return list(first.values())
