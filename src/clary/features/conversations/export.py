"""A conversation as a file: Markdown, JSON, ZIP (product.md 2.1)."""

import html
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from clary.features.conversations.policy import text_of
from clary.kit import json_text

Json = dict[str, Any]
MAX_STEM = 100
SPEAKERS = {"user": "User", "assistant": "Assistant"}


def as_markdown(title: str, messages: Sequence[Json]) -> str:
    """Visible messages; calls and results as collapsed blocks."""
    parts = [f"# {title}"]
    for message in messages:
        if message.get("tool_calls"):
            call = message["tool_calls"][0]["function"]
            # A call that is still being written may have no name yet.
            parts.append(_collapsed(f"Tool call: {call.get('name') or ''}", call.get("arguments") or ""))
        elif message["role"] == "tool":
            content = message.get("content")
            text = content if isinstance(content, str) else json_text.dumps_text(content)
            parts.append(_collapsed("Tool result", text))
        elif message.get("type") == "reasoning_content":
            parts.append(_collapsed("Reasoning", str(message.get("content", ""))))
        else:
            parts.append(f"## {SPEAKERS.get(message['role'], message['role'])}\n\n{text_of(message.get('content'))}")
    return "\n\n".join(parts) + "\n"


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
