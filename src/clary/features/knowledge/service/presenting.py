"""Makes results of ranked passages: what the wire shows of them (contract product 5.6)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from clary.db.session import Session
from clary.features.knowledge.policy.documents import kind_of
from clary.features.knowledge.policy.filters import document_metadata, place_metadata
from clary.features.knowledge.policy.findings import (
    MAX_TITLE,
    Candidate,
    Stretch,
    joined,
    path_of,
    scores_of,
    stretches_of,
    widened,
)
from clary.features.knowledge.policy.questions import Question
from clary.features.knowledge.policy.ranking import Key
from clary.features.knowledge.ports import Analyzer
from clary.features.knowledge.repository.findings import FindingRepository, PassageShown
from clary.features.knowledge.service.asked import SearchedBase

MAX_FULL_CHARS: Final = 200_000
Json = dict[str, Any]
Bases = Mapping[str, tuple[SearchedBase, int]]
"""Base and version that answers, by id."""


class _Part(NamedTuple):
    stretch: Stretch
    shown: PassageShown
    text: str


class Presenter:
    """Works in the caller's transaction."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer

    async def results(
        self,
        db: Session,
        bases: Bases,
        chosen: Sequence[Candidate],
        question: Question,
        words: Sequence[str],
        *,
        take_what_is_there: bool,
    ) -> list[Json] | None:
        """Results, best first; None: one of them is gone, unless the others are to be taken without it."""
        stretches = await _stretches(db, bases, chosen, question)
        parts = await _parts(db, stretches, take_what_is_there=take_what_is_there)
        if parts is None:
            return None
        results = [_result(bases[part.stretch.best.facts.key.kdb_id][0], part) for part in parts]
        if question.explain:
            for result, part in zip(results, parts, strict=True):
                result["scores"] = scores_of(part.stretch.best)
        if question.highlight:
            await asyncio.to_thread(self._highlight, results, words)
        if question.include_full_content:
            await _add_full(db, results)
        return results

    def _highlight(self, results: Sequence[Json], words: Sequence[str]) -> None:
        for result in results:
            result["highlights"] = [list(spot) for spot in self._analyzer.locate(result["doc_content"], words)]


async def _stretches(db: Session, bases: Bases, chosen: Sequence[Candidate], question: Question) -> list[Stretch]:
    stretches = stretches_of(chosen)
    if question.neighbours:
        stretches = await _widened(db, bases, stretches, question.neighbours)
    if not question.merge:
        return stretches
    rows = [each for each in stretches if _is_qa(bases, each)]
    whole = joined([each for each in stretches if not _is_qa(bases, each)])
    return sorted([*rows, *whole], key=lambda it: (-it.best.score, it.best.facts.doc_id, it.start))


def _is_qa(bases: Bases, stretch: Stretch) -> bool:
    return bases[stretch.best.facts.key.kdb_id][0].type == "qa"


async def _widened(db: Session, bases: Bases, stretches: Sequence[Stretch], count: int) -> list[Stretch]:
    around: dict[str, dict[int, tuple[int, int]]] = {}
    for kdb_id, (_, version) in bases.items():
        ranges = [
            (each.best.facts.doc_id, each.first_place - count, each.last_place + count)
            for each in stretches
            if each.best.facts.key.kdb_id == kdb_id
        ]
        around |= await FindingRepository(db).find_places(kdb_id, version, ranges)
    return [widened(each, around.get(each.best.facts.doc_id, {}), count) for each in stretches]


async def _parts(db: Session, stretches: Sequence[Stretch], *, take_what_is_there: bool) -> list[_Part] | None:
    findings = FindingRepository(db)
    shown: dict[Key, PassageShown] = {}
    for kdb_id in {each.best.facts.key.kdb_id for each in stretches}:
        numbers = [each.best.facts.key.number for each in stretches if each.best.facts.key.kdb_id == kdb_id]
        shown |= {Key(kdb_id, number): each for number, each in (await findings.find_shown(kdb_id, numbers)).items()}
    parts: list[_Part] = []
    for each in stretches:
        row = shown.get(each.best.facts.key)
        text = row.text if row is not None and each.is_whole_passage else None
        if row is not None and text is None:
            text = await findings.find_stretch(each.best.facts.doc_id, each.start, each.end)
        if row is not None and text is not None and len(text) == each.end - each.start:
            parts.append(_Part(each, row, text))
        elif not take_what_is_there:
            return None
    return parts


def _result(base: SearchedBase, part: _Part) -> Json:
    best, shown = part.stretch.best, part.shown
    kind = kind_of(extension=shown.extension, base_type=base.type)
    details = shown.document_details | shown.details
    metadata = document_metadata(base.id, best.facts.doc_id, shown.doc_name, kind, details)
    metadata |= place_metadata(shown.page, shown.part)
    if part.stretch.also_in:
        metadata["also_in"] = part.stretch.also_in
    if part.stretch.others:
        metadata["segment_ids"] = [each.facts.id for each in part.stretch.others]
    row = shown.details.get("question") if kind == "qa" else None
    return {
        "doc_id": best.facts.doc_id,
        "doc_segment_id": best.facts.id,
        "doc_content": part.text,
        "score": best.score,
        "start": part.stretch.start,
        "end": part.stretch.end,
        "title": str(row)[:MAX_TITLE] if row else shown.doc_name,
        "path": path_of(shown.doc_name, shown.part),
        "metadata": metadata,
        "kdb_id": base.id,
        "page": shown.page,
        "heading_path": shown.heading_path or None,
        "part": shown.part,
    }


async def _add_full(db: Session, results: Sequence[Json]) -> None:
    heads: dict[str, tuple[str, int]] = {}
    for result in results:
        doc_id = result["doc_id"]
        if doc_id not in heads:
            heads[doc_id] = await FindingRepository(db).find_head(doc_id, MAX_FULL_CHARS) or ("", 0)
        text, total = heads[doc_id]
        result["full_content"] = text
        result["full_truncated"] = total > len(text)
