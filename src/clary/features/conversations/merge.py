"""From lines to messages (stream-runtime.md 4.4): what a client that watched would show."""

from collections.abc import Iterable
from typing import Any

from clary.features.conversations.policy import UNSTORED_TYPES

Message = dict[str, Any]


def merged_lines(lines: Iterable[Message]) -> list[Message]:
    """Messages of parsed lines, in order of first appearance; lines that are never history are left out."""
    messages: dict[str, Message] = {}
    texts: dict[str, list[str]] = {}
    for line in lines:
        message_id = line.get("message_id")
        if line.get("type") in UNSTORED_TYPES or not isinstance(message_id, str):
            continue
        known, metadata = messages.get(message_id), _metadata(line)
        if line.get("content") == "" and metadata.get("superseded"):
            if known is not None:
                known["metadata"]["superseded"] = True
        elif known is None or line.get("role") != "assistant":
            messages[message_id] = {**line, "metadata": dict(metadata)}
        elif line.get("type") == "tool_call":
            known["tool_calls"] = _with_call(known["tool_calls"], line["tool_calls"])
        else:
            # Joined once at the end: a long answer has very many deltas.
            texts.setdefault(message_id, [str(known.get("content", ""))]).append(str(line.get("content", "")))
    for message_id, pieces in texts.items():
        messages[message_id]["content"] = "".join(pieces)
    return list(messages.values())


def _metadata(line: Message) -> Message:
    return line.get("metadata") or {}


def _with_call(known: list[Message], new: list[Message]) -> list[Message]:
    """Adds an argument fragment; the complete line, which has no `index`, replaces the fragments (4.5 rule 8)."""
    old, call = known[0], new[0]
    if "index" not in call:
        return new
    before, now = old["function"], call["function"]
    function = {
        "name": before.get("name") or now.get("name"),
        "arguments": (before.get("arguments") or "") + (now.get("arguments") or ""),
    }
    kept = {key: old.get(key) or call.get(key) for key in ("id", "type")}
    return [{**old, **kept, "function": function}]
