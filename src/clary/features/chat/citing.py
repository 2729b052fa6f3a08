"""What a run cites: the passages its model was given, and the markers in its answers (product.md 5.10)."""

from collections.abc import Sequence
from typing import Any, cast

from clary.db.session import Connection
from clary.features.chat.run_log import RunPlace
from clary.features.conversations.service import (
    NewMessage,
    add_citations,
    add_message,
    cited_numbers,
    has_sources,
    mark_shown,
)
from clary.features.runs.service import add_warnings
from clary.streams.ports import Write


class RunCitations:
    """Of one run. Markers mean something where it, or an earlier run of the conversation, could search."""

    def __init__(self, place: RunPlace, *, has_bases: bool) -> None:
        self._place = place
        self._has_bases = has_bases
        self._given: dict[str, Sequence[int]] = {}

    def give(self, call_id: str, refs: Sequence[int]) -> None:
        """Remembers the numbers in the result of a call until it is recorded."""
        self._given[call_id] = refs

    def shown(self, call_id: str, content: Any) -> list[Write]:
        """Work that goes with the recorded result of a call: the model has these passages now."""
        refs = _kept(self._given.pop(call_id, ()), content)
        root_id = self._place.root_conversation_id
        return [lambda connection: mark_shown(connection, root_id, refs)] if refs else []

    def storing(self, message: NewMessage) -> Write:
        """Work that stores a message, with the markers in it and a warning for each number that nobody gave."""
        place, numbers = self._place, cited_numbers(message)

        def store(connection: Connection) -> None:
            add_message(connection, place.conversation_id, place.run_id, message)
            if not numbers or not (self._has_bases or has_sources(connection, place.root_conversation_id)):
                return
            unknown = add_citations(
                connection,
                root_id=place.root_conversation_id,
                conversation_id=place.conversation_id,
                run_id=place.run_id,
                message_id=message.message_id,
                numbers=numbers,
            )
            add_warnings(
                connection,
                place.run_id,
                [{"field": "citations", "value": str(n), "reason": "unknown"} for n in unknown],
            )

        return store


def _kept(refs: Sequence[int], content: Any) -> list[int]:
    """Those of the numbers that are in the result still after it was cut to size."""
    items = cast("dict[str, Any]", content).get("search_results") if isinstance(content, dict) else None
    if not isinstance(items, list):
        return list(refs)
    left = {cast("dict[str, Any]", item).get("ref") for item in cast("list[Any]", items) if isinstance(item, dict)}
    return [ref for ref in refs if ref in left]
