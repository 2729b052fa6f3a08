"""Passages with their words (thin stand-in; the whole one comes with the analyzer)."""

import hashlib
from collections.abc import Sequence

from clary.features.knowledge.policy.cutting import Cut
from clary.features.knowledge.repository.passages import NewPassage


class PassageIndexing:
    async def make(self, doc_id: str, cuts: Sequence[Cut]) -> list[NewPassage]:
        made: dict[str, NewPassage] = {}
        for cut in cuts:
            digest = hashlib.sha256(f"{cut.context}\0{cut.text}".encode()).hexdigest()
            name = hashlib.sha256(f"{doc_id}\0{digest}".encode()).hexdigest()[:32]
            made.setdefault(digest, NewPassage(cut, name, digest, cut.text.lower()))
        return list(made.values())
