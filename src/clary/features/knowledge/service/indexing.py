"""Makes passages of cuts: their words are what takes time, so it happens in a thread."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from clary.features.knowledge.policy.cutting import Cut
from clary.features.knowledge.policy.passages import NewPassage, passage_of, searched_text, without_repeats
from clary.features.knowledge.ports import Analyzer

_PORTION: Final = 50
"""Cuts analyzed between two breaths: other threads wait for the interpreter."""


class PassageIndexing:
    """Pure but for the thread."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer

    async def make(self, doc_id: str, cuts: Sequence[Cut], *, title: str = "") -> list[NewPassage]:
        """The passages of a document, in order. `title` is searched with each of them, as part of its context."""
        named = without_repeats([replace(cut, context=_join(title, cut.context)) if title else cut for cut in cuts])
        made: list[NewPassage] = []
        for start in range(0, len(named), _PORTION):
            made += await asyncio.to_thread(self._make, doc_id, named[start : start + _PORTION])
        return made

    def _make(self, doc_id: str, cuts: Sequence[tuple[int, Cut]]) -> list[NewPassage]:
        return [
            passage_of(
                doc_id,
                place,
                cut,
                tokens=" ".join(self._analyzer.analyze(searched_text(cut))),
                analyzer_version=self._analyzer.version,
            )
            for place, cut in cuts
        ]


def _join(title: str, context: str) -> str:
    return f"{title}\n{context}" if context else title
