"""Searching what was said earlier in a conversation (stream-runtime.md 9.8, `search_memory`)."""

from collections.abc import Sequence

from clary.features.chat.state_of import RecordedRun
from clary.features.conversations.service import text_of
from clary.runtime.tools import PastMessage

PREVIEW = 300


class RecordedPast:
    """The messages as they were when the run began; implements `PastMessages`."""

    def __init__(self, record: RecordedRun) -> None:
        self._rows = [row for row in record.rows if row.run_id != record.run_id and row.folded]

    async def search(self, query: str, limit: int) -> Sequence[PastMessage]:
        """See `PastMessages.search`: those that hold most of the query's words, the newest first among equals."""
        words = [word for word in query.casefold().split() if word]
        scored = [(sum(word in row.folded for word in words), at) for at, row in enumerate(self._rows)]
        best = sorted((each for each in scored if each[0] > 0), reverse=True)[:limit]
        return [self._shown(at, words) for _, at in best]

    def _shown(self, at: int, words: Sequence[str]) -> PastMessage:
        row = self._rows[at]
        text = " ".join(text_of(row.content).split())
        found = [place for word in words if (place := text.casefold().find(word)) >= 0]
        start = max(0, min(found, default=0) - PREVIEW // 3)
        return PastMessage(row.role, text[start : start + PREVIEW], row.timestamp)
