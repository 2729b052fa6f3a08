"""From lines to messages (stream-runtime.md 4.4): what a client that watched would show."""

from collections.abc import Iterable
from typing import Any

from clary.features.conversations.policy import UNSTORED_TYPES

Message = dict[str, Any]


def merged_lines(lines: Iterable[Message]) -> list[Message]:
    """Messages of parsed lines, in order of first appearance; lines that are never history are left out."""
    messages: dict[str, Message] = {}
    for line in lines:
        message_id = line.get("message_id")
        metadata: Message = line.get("metadata") or {}
        if line.get("type") in UNSTORED_TYPES or not isinstance(message_id, str):
            continue
        known = messages.get(message_id)
        if known is None:
            messages[message_id] = {**line, "metadata": dict(metadata)}
        elif metadata.get("superseded"):
            known["metadata"]["superseded"] = True
        elif line.get("type") == "tool_call":
            _take_call(known, line)
        elif line.get("role") == "assistant":
            known["content"] = str(known.get("content", "")) + str(line.get("content", ""))
        else:
            messages[message_id] = {**line, "metadata": dict(metadata)}
    return list(messages.values())


def _take_call(known: Message, line: Message) -> None:
    """Adds an argument fragment; the complete line, told by its id and name, replaces the fragments."""
    call, old = line["tool_calls"][0], known["tool_calls"][0]
    if call.get("id") and call["function"].get("name"):
        known["tool_calls"] = line["tool_calls"]
        return
    function = old["function"]
    known["tool_calls"] = [
        {**old, "function": {**function, "arguments": function["arguments"] + call["function"]["arguments"]}}
    ]
