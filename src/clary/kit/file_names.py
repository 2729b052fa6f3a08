"""Names of files: as they are stored, and as headers tell them."""

import mimetypes
import re
import unicodedata
from typing import Final
from urllib.parse import quote

from clary.kit.text import has_control_characters

MAX_NAME_BYTES: Final = 255
_MAX_EXTENSION_BYTES: Final = 32
_UNSAFE_IN_HEADERS: Final = frozenset('"\\%;')
# Not the machine's own tables, so that a file has the same type everywhere.
_TYPES: Final = mimetypes.MimeTypes(())
for _type, _ending in (
    ("text/markdown", ".md"),
    ("text/plain", ".log"),
    ("text/yaml", ".yaml"),
    ("text/yaml", ".yml"),
    ("text/x-toml", ".toml"),
    ("application/x-ndjson", ".jsonl"),
    ("image/webp", ".webp"),
    ("image/avif", ".avif"),
    ("audio/ogg", ".ogg"),
    ("audio/flac", ".flac"),
    ("video/x-matroska", ".mkv"),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".docx",
    ),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"),
):
    _TYPES.add_type(_type, _ending)


def clean_name(sent: str) -> str:
    """The name of an upload: last path segment, NFC, no control characters, at most 255 bytes with its extension.

    "" when nothing usable is left (product.md 1).
    """
    last = re.split(r"[/\\]", sent)[-1]
    visible = "".join(char for char in last if not has_control_characters(char))
    name = unicodedata.normalize("NFC", visible.encode("utf-8", "replace").decode()).strip()
    return "" if name in (".", "..") else _cut(name)


def content_type_of(name: str) -> str:
    """The type that a name's extension tells, without parameters; `application/octet-stream` otherwise."""
    kind, encoding = _TYPES.guess_type(f"x.{name.rpartition('.')[2]}" if "." in name else "x")
    return kind if kind is not None and encoding is None else "application/octet-stream"


def disposition(name: str, *, inline: bool = False) -> str:
    """One `Content-Disposition` for any name (RFC 6266): no line breaks, quotes, or marks that turn text around."""
    shown = "".join(char if char.isprintable() else "_" for char in name.encode("utf-8", "replace").decode())
    plain = "".join(char if char.isascii() and char not in _UNSAFE_IN_HEADERS else "_" for char in shown)
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"


def _cut(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = f"{dot}{ending}" if stem and len(ending.encode()) <= _MAX_EXTENSION_BYTES else ""
    start = (stem if kept else name).encode()[: MAX_NAME_BYTES - len(kept.encode())]
    return start.decode("utf-8", "ignore") + kept
