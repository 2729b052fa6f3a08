"""Kind and size of images from their first bytes."""

import struct

import pytest

from clary.kit.image_facts import ImageFacts, image_facts

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 4, 3)
FRAME = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 3, 4) + b"\x03"
LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 3 | 2 << 14)


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (PNG, ImageFacts("image/png", 4, 3)),
        (b"GIF89a" + struct.pack("<HH", 4, 3), ImageFacts("image/gif", 4, 3)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff" + FRAME, ImageFacts("image/jpeg", 4, 3)),
        (LOSSLESS, ImageFacts("image/webp", 4, 3)),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x03\0\0\x02\0\0", ImageFacts("image/webp", 4, 3)),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 7 + b"\x9d\x01\x2a\x04\0\x03\0", ImageFacts("image/webp", 4, 3)),
        (PNG[:20], None),
        (b"GIF89a", None),
        (b"\xff\xd8\xff" + b"\xff" * 1000, None),
        (b"\xff\xd8\xff\xe0\0\0" * 100, None),
        (b"RIFF\0\0\0\0WEBP", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_an_image_is_known_by_its_first_bytes(content: bytes, facts: ImageFacts | None) -> None:
    assert image_facts(content) == facts
