"""What a passage is to the index: its name, and what of it is searched."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from clary.features.knowledge.policy.cutting import Cut

_ID_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A cut with its name and words. `text_hash` is that of the text alone: equal texts count once in an answer.

    `place`: among all cuts of the document, also those left out as repeats, so that only neighbours are neighbours.
    """

    place: int
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


def passage_of(doc_id: str, place: int, cut: Cut, *, tokens: str, analyzer_version: int) -> NewPassage:
    """The passage of a cut. The same cut of the same document always gets the same id; other words give another id."""
    name = f"{analyzer_version}\0{doc_id}\0{cut.start}\0{cut.end}\0{cut.context}\0{cut.text}"
    return NewPassage(place, cut, _digest(name)[:_ID_DIGITS], _digest(cut.text), tokens)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def without_repeats(cuts: Sequence[Cut]) -> list[tuple[int, Cut]]:
    """Each text of a document once, where it stands first (contract product 5.5), with its place among all."""
    first: dict[str, tuple[int, Cut]] = {}
    for place, cut in enumerate(cuts):
        first.setdefault(cut.text, (place, cut))
    return list(first.values())
