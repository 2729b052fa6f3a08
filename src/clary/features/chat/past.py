"""Searching what was said earlier in a conversation (stream-runtime.md 9.8, `search_memory`)."""

import asyncio
from collections.abc import Sequence

from clary.features.chat.model_view import is_seen
from clary.features.chat.state_of import RecordedRun
from clary.features.conversations.service import MessageRow, text_of
from clary.features.memory.service import rank, terms_of
from clary.runtime.tools import PastMessage

PREVIEW = 300


class RecordedPast:
    """The messages as they were when the run began; implements `PastMessages`."""

    def __init__(self, record: RecordedRun) -> None:
        self._rows = [row for row in record.rows if row.run_id != record.run_id and row.folded and is_seen(row)][::-1]

    async def search(self, query: str, limit: int) -> Sequence[PastMessage]:
        """See `PastMessages.search`: ranked as notes are, the newest first among equals."""
        order = await asyncio.to_thread(rank, query, [row.folded for row in self._rows])
        return [self._shown(self._rows[at], terms_of(query)) for at in order[:limit]]

    def _shown(self, row: MessageRow, terms: Sequence[str]) -> PastMessage:
        text = " ".join(text_of(row.content).split())
        found = [place for term in terms if (place := text.casefold().find(term)) >= 0]
        start = max(0, min(found, default=0) - PREVIEW // 3)
        return PastMessage(row.role, text[start : start + PREVIEW], row.timestamp)
