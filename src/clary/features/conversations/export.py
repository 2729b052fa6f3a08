"""A conversation as a file: Markdown, JSON, ZIP (product.md 2.1)."""

import html
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from clary.features.conversations.history import delegated_to
from clary.features.conversations.policy import text_of
from clary.kit import json_text

Json = dict[str, Any]
MAX_STEM = 100
SPEAKERS = {"user": "User", "assistant": "Assistant"}


def as_markdown(title: str, messages: Sequence[Json]) -> str:
    """Visible messages; calls and results as collapsed blocks, messages of children as quotations, which indent."""
    parts = [f"# {title}"]
    depths: dict[str, int] = {}
    for message in messages:
        depth = depths.get(str(message.get("session_id")), 0)
        depths.update({child: depth + 1 for child in delegated_to(message) if child not in depths})
        parts.append(_quoted(_block(message), depth))
    return "\n\n".join(parts) + "\n"


def _block(message: Json) -> str:
    if message.get("tool_calls"):
        call = message["tool_calls"][0]["function"]
        # A call that is still being written may have no name yet.
        return _collapsed(f"Tool call: {call.get('name') or ''}", call.get("arguments") or "")
    if message["role"] == "tool":
        content = message.get("content")
        return _collapsed("Tool result", content if isinstance(content, str) else json_text.dumps_text(content))
    if message.get("type") == "reasoning_content":
        return _collapsed("Reasoning", str(message.get("content", "")))
    return f"## {SPEAKERS.get(message['role'], message['role'])}\n\n{text_of(message.get('content'))}"


def _quoted(block: str, depth: int) -> str:
    return "\n".join("> " * depth + line for line in block.split("\n")) if depth else block


def as_zip(files: Mapping[str, bytes]) -> bytes:
    """An archive of small files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def disposition(stem: str, extension: str) -> str:
    """An attachment header for any title (RFC 6266)."""
    clean = "".join(char if char.isprintable() and char not in '/\\:*?"<>|%' else "_" for char in stem)
    name = f"{clean[:MAX_STEM].strip(' .') or 'conversation'}.{extension}"
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _collapsed(summary: str, text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"<details><summary>{html.escape(summary)}</summary>\n\n{fence}\n{text}\n{fence}\n\n</details>"
