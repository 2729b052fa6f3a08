"""From ranked passages to results: equal texts once, neighbours joined, offsets true (contract product 5.6)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from clary.features.knowledge.policy.ranking import Found, Key

MAX_ALSO_IN: Final = 10
MAX_TITLE: Final = 100
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """Where a passage stands; everything but its text."""

    key: Key
    id: str
    doc_id: str
    place: int
    start: int
    end: int
    text_hash: str


class Candidate(NamedTuple):
    """A passage that may become a result. `also_in`: other documents with the same text."""

    facts: Facts
    found: Found
    score: float
    also_in: tuple[str, ...] = ()
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A result: text of one document from `start` to `end`. `best` ranks it, `others` are joined to that."""

    best: Candidate
    start: int
    end: int
    first_place: int
    last_place: int
    others: tuple[Candidate, ...] = field(default=())

    @property
    def is_whole_passage(self) -> bool:
        """Whether this is exactly the best part."""
        return (self.start, self.end) == (self.best.facts.start, self.best.facts.end)

    @property
    def also_in(self) -> list[str]:
        """The other documents with the text of one of the parts, those of the best part first."""
        found = dict.fromkeys(doc_id for each in (self.best, *self.others) for doc_id in each.also_in)
        return list(found)[:MAX_ALSO_IN]


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Best first; ties by document and start."""
    return sorted(candidates, key=lambda each: (-each.score, each.facts.doc_id, each.facts.start, each.facts.key))


def without_repeats(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each text once: the best one, which then names the other documents that have it."""
    kept: dict[str, Candidate] = {}
    others: dict[str, list[str]] = {}
    for each in candidates:
        text = each.facts.text_hash
        if text not in kept:
            kept[text] = each
        elif each.facts.doc_id != kept[text].facts.doc_id:
            others.setdefault(text, []).append(each.facts.doc_id)
    return [
        each._replace(also_in=tuple(dict.fromkeys(others.get(text, ())))[:MAX_ALSO_IN]) for text, each in kept.items()
    ]


def stretches_of(candidates: Sequence[Candidate]) -> list[Stretch]:
    """Each candidate by itself."""
    return [Stretch(each, each.facts.start, each.facts.end, each.facts.place, each.facts.place) for each in candidates]


def widened(stretch: Stretch, around: Mapping[int, tuple[int, int]], count: int) -> Stretch:
    """A stretch with so many passages more on each side. `around`: place → start and end, of its document."""
    first, last = stretch.first_place - count, stretch.last_place + count
    near = {place: spot for place, spot in around.items() if first <= place <= last}
    return replace(
        stretch,
        start=min([stretch.start, *(start for start, _ in near.values())]),
        end=max([stretch.end, *(end for _, end in near.values())]),
        first_place=min([stretch.first_place, *near]),
        last_place=max([stretch.last_place, *near]),
    )


def joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Overlapping and adjacent stretches of a document as one, ranked as its best part; best first."""
    documents: dict[tuple[str, str], list[Stretch]] = {}
    for each in stretches:
        documents.setdefault((each.best.facts.key.kdb_id, each.best.facts.doc_id), []).append(each)
    whole: list[Stretch] = []
    for found in documents.values():
        run: list[Stretch] = []
        for each in sorted(found, key=lambda it: (it.start, it.end)):
            if run and (each.start <= run[-1].end or each.first_place <= run[-1].last_place + 1):
                run[-1] = _union(run[-1], each)
            else:
                run.append(each)
        whole += run
    return sorted(whole, key=lambda it: (-it.best.score, it.best.facts.doc_id, it.start))


def _union(one: Stretch, two: Stretch) -> Stretch:
    parts = in_order([one.best, *one.others, two.best, *two.others])
    return Stretch(
        parts[0],
        min(one.start, two.start),
        max(one.end, two.end),
        min(one.first_place, two.first_place),
        max(one.last_place, two.last_place),
        tuple(parts[1:]),
    )


def scores_of(candidate: Candidate) -> Json:
    """`scores` of `explain`; null where a source did not find the passage."""
    found = candidate.found
    return {
        "lexical": found.lexical,
        "lexical_rank": found.lexical_rank,
        "vector": found.vector,
        "vector_rank": found.vector_rank,
        "fused": found.fused,
        "rerank": candidate.rerank,
    }


def path_of(doc_name: str, part: str | None) -> str:
    """File name with the part in it; reads like no storage address whatever names people gave."""
    whole = doc_name if part is None else f"{doc_name}/{part}"
    return whole.replace("://", ":").lstrip("/") or "-"
