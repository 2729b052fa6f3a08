"""A tool call whose fragments were sent but whose complete line never came (stream-runtime.md 4.4, 4.5 rule 8).

It is history, because everybody who watched has seen it; it is no call: no result belongs to it, no model sees it.
"""

from collections.abc import Mapping
from typing import Any

from clary.features.conversations.service import NewMessage

Json = Mapping[str, Any]


class CallDraft:
    """The fragments so far of one `message_id`, as `merged_lines` would join them."""

    def __init__(self, message_id: str, timestamp: float) -> None:
        self.message_id = message_id
        self.timestamp = timestamp
        self._id: str | None = None
        self._name: str | None = None
        self._arguments: list[str] = []

    def add(self, call_id: str | None, name: str | None, arguments: str | None) -> None:
        """The next fragment; null stands for "came before"."""
        self._id, self._name = self._id or call_id, self._name or name
        self._arguments.append(arguments or "")

    def add_line(self, line: Json) -> None:
        """The fragment of a line that an earlier process wrote."""
        call: Json = line["tool_calls"][0]
        self.add(call.get("id"), call["function"].get("name"), call["function"].get("arguments"))

    def message(self, agent_name: str, **flags: Any) -> NewMessage:
        """The message to store; `flags` go into its metadata."""
        call = {
            "id": self._id,
            "type": "function" if self._id else None,
            "index": 0,
            "function": {"name": self._name, "arguments": "".join(self._arguments)},
        }
        return NewMessage(
            self.message_id,
            "assistant",
            "tool_call",
            None,
            self.timestamp,
            tool_calls=[call],
            agent_name=agent_name,
            metadata=dict(flags),
        )
