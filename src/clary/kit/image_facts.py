"""What an image is, read from its first bytes: kind and size in pixels. Nothing is decoded."""

import struct
from typing import Final, NamedTuple

_JPEG_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageFacts(NamedTuple):
    """Kind as a media type, and pixels."""

    media_type: str
    width: int
    height: int


def image_facts(content: bytes) -> ImageFacts | None:
    """The facts of a PNG, JPEG, GIF or WebP image; None for anything else or broken."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
            return ImageFacts("image/png", *struct.unpack(">II", content[16:24]))
        if content.startswith((b"GIF87a", b"GIF89a")):
            return ImageFacts("image/gif", *struct.unpack("<HH", content[6:10]))
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return _webp(content)
        if content.startswith(b"\xff\xd8\xff"):
            return _jpeg(content)
    except (struct.error, IndexError):
        return None
    return None


def _webp(content: bytes) -> ImageFacts | None:
    form = content[12:16]
    if form == b"VP8X":
        width = int.from_bytes(content[24:27], "little") + 1
        return ImageFacts("image/webp", width, int.from_bytes(content[27:30], "little") + 1)
    if form == b"VP8L" and content[20] == 0x2F:
        bits = int.from_bytes(content[21:25], "little")
        return ImageFacts("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if form == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", content[26:30])
        return ImageFacts("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None


def _jpeg(content: bytes) -> ImageFacts | None:
    at = 2
    while at + 9 <= len(content):
        if content[at] != 0xFF:
            return None
        kind = content[at + 1]
        if kind == 0xFF:
            at += 1
        elif kind in _JPEG_SIZES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return ImageFacts("image/jpeg", width, height)
        elif kind == 0x01 or 0xD0 <= kind <= 0xD8:
            at += 2
        else:
            at += 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]
    return None
