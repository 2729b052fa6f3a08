"""What a content is, read from its first bytes, and whether a browser may show it (platform.md 10.2, 10.3)."""

import re
from typing import Final

from clary.kit.file_names import content_type_of

HEAD_BYTES: Final = 4096
UNKNOWN: Final = "application/octet-stream"
PLAIN: Final = "text/plain"
_SHOWN: Final = frozenset(
    {f"image/{each}" for each in ("png", "jpeg", "gif", "webp", "avif", "bmp")}
    | {f"audio/{each}" for each in ("mpeg", "ogg", "wav", "mp4", "flac")}
    | {"video/mp4", "video/webm", "application/pdf", PLAIN}
)
_KNOWN_BY_CONTENT: Final = _SHOWN - {PLAIN}
_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"%PDF-", "application/pdf"),
)
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:(?P<html>!doctype html|html|head|body|script|iframe|style|meta|title)"
    rb"|(?P<svg>svg|!doctype svg)|(?P<xml>\?xml))\b",
    re.IGNORECASE | re.DOTALL,
)
_SVG_INSIDE: Final = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def content_kind(head: bytes, name: str) -> str:
    """The media type by the first bytes, else by the name's extension.

    An extension that promises what its content would have shown is not believed.
    """
    found = _by_content(head)
    if found is not None:
        return found
    promised = content_type_of(name)
    if promised not in _KNOWN_BY_CONTENT and promised != UNKNOWN:
        return promised
    return PLAIN if _is_text(head) else UNKNOWN


def is_shown(content_type: str) -> bool:
    """Whether a browser shows it in place; everything else is saved."""
    return content_type in _SHOWN


def header_type(content_type: str) -> str:
    """The type as a header tells it: text is UTF-8, which nobody has to guess."""
    return f"{content_type}; charset=utf-8" if content_type == PLAIN else content_type


def csp_of(content_type: str) -> str:
    """The policy under which it is shown; a viewer of PDF does not work in a sandbox."""
    return "default-src 'none'" if content_type == "application/pdf" else "default-src 'none'; sandbox"


def _by_content(head: bytes) -> str | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brand(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:2] == b"BM" and head[6:10] == bytes(4) and len(head) >= 26:
        return "image/bmp"
    # The first eleven bits of a frame, with a layer that exists.
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[2] & 0xF0 != 0xF0:
        return "audio/mpeg"
    return _by_markup(head)


def _by_brand(brand: bytes) -> str:
    if brand in (b"avif", b"avis"):
        return "image/avif"
    if brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"):
        return "image/heic"
    if brand == b"qt  ":
        return "video/quicktime"
    return "audio/mp4" if brand[:3] in (b"M4A", b"M4B") else "video/mp4"


def _by_markup(head: bytes) -> str | None:
    found = _MARKUP.match(head)
    if found is None:
        return None
    if found["html"] is not None:
        return "text/html"
    return "image/svg+xml" if found["svg"] is not None or _SVG_INSIDE.search(head) else "text/xml"


def _is_text(head: bytes) -> bool:
    """Whether it reads as UTF-8; a character that the end of the head cuts does not count."""
    if not head or _CONTROLS.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == HEAD_BYTES and error.start >= len(head) - 3
    return True
