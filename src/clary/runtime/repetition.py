"""Notices a model that runs in circles (stream-runtime.md 9.3, stuck)."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from clary.runtime.context import Entry
from clary.runtime.messages import AssistantMessage, ToolCall, ToolMessage

REMIND_AT = 3
STOP_AT = 5


class RepetitionWatch:
    """Counts the same call with the same result within one run."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._seen: Counter[bytes] = Counter()
        self._latest = 0
        self._remember(entries)

    def _remember(self, entries: Sequence[Entry]) -> None:
        """Counts what the run did before a takeover."""
        calls: dict[str, ToolCall] = {}
        for entry in entries:
            if not entry.of_this_run:
                continue
            if isinstance(entry.message, AssistantMessage):
                calls.update((call.id, call) for call in entry.message.tool_calls)
            elif isinstance(entry.message, ToolMessage) and entry.message.tool_call_id in calls:
                self.saw(calls[entry.message.tool_call_id], entry.message.content)

    def saw(self, call: ToolCall, result: str) -> None:
        """Takes a call with its result."""
        key = sha256("\n".join((call.name, call.arguments, result)).encode("utf-8", "replace")).digest()
        self._seen[key] += 1
        self._latest = self._seen[key]

    def wants_reminder(self) -> bool:
        """Whether the latest call has just been seen for the third time."""
        return self._latest == REMIND_AT

    def is_stuck(self) -> bool:
        """Whether the latest call was seen five times."""
        return self._latest >= STOP_AT
