"""Notices a model that runs in circles (stream-runtime.md 9.3, stuck)."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from clary.kit import json_text
from clary.runtime.context import Entry
from clary.runtime.messages import AssistantMessage, ToolCall, ToolMessage
from clary.runtime.toolset import parse_arguments

REMIND_AT = 3
STOP_AT = 5
MEASURED = ("execution_time",)
"""What a result says of the clock: the same work done again takes another time."""


class RepetitionWatch:
    """Counts the same call with the same result within one run."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._seen: Counter[bytes] = Counter()
        self._latest: list[int] = []
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
                self.begin()
                self.saw(calls[entry.message.tool_call_id], entry.message.content)

    def begin(self) -> None:
        """The results of another response follow."""
        self._latest.clear()

    def saw(self, call: ToolCall, result: str) -> None:
        """Takes a call with its result."""
        key = sha256("\n".join((call.name, _lasting(call.arguments), _lasting(result))).encode("utf-8", "replace"))
        self._seen[key.digest()] += 1
        self._latest.append(self._seen[key.digest()])

    def wants_reminder(self) -> bool:
        """Whether one of the latest calls has just been seen for the third time."""
        return REMIND_AT in self._latest

    def is_stuck(self) -> bool:
        """Whether one of the latest calls was seen five times."""
        return any(count >= STOP_AT for count in self._latest)


def _lasting(text: str) -> str:
    """A text without what the clock says in it; of an object, whatever the order of its keys."""
    fields = parse_arguments(text) if text.startswith("{") else None
    if fields is None:
        return text
    kept = {name: fields[name] for name in sorted(fields) if name not in MEASURED}
    return json_text.dumps_text(kept)
