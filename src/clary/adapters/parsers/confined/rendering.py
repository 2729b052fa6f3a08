"""Pages of scans as pictures, for an engine that reads letters."""

import base64
from typing import Any, Final

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]

from clary.features.knowledge.ports import DocumentRefusedError

_LIBRARY: Final[Any] = pypdfium2
_DOTS_PER_POINT: Final = 300 / 72
_LONGEST_SIDE: Final = 3_600


def count_pages(content: bytes) -> int:
    """How many pages a PDF has.

    Raises:
        DocumentRefusedError: `damaged`.
    """
    try:
        with _LIBRARY.PdfDocument(content) as document:
            return len(document)
    except pypdfium2.PdfiumError:
        raise DocumentRefusedError("damaged") from None


def picture_of(content: bytes, index: int) -> str:
    """One page in grey as a portable graymap, in Base64.

    Raises:
        DocumentRefusedError: `damaged`.
    """
    try:
        with _LIBRARY.PdfDocument(content) as document:
            page = document[index]
            longest = max(page.get_width(), page.get_height(), 1.0)
            bitmap = page.render(scale=min(_DOTS_PER_POINT, _LONGEST_SIDE / longest), grayscale=True)
            rows = bytes(bitmap.buffer)
            width, height, stride = int(bitmap.width), int(bitmap.height), int(bitmap.stride)
            bitmap.close()
            page.close()
    except pypdfium2.PdfiumError:
        raise DocumentRefusedError("damaged") from None
    if stride != width:
        rows = b"".join(rows[stride * row : stride * row + width] for row in range(height))
    return base64.b64encode(b"P5 %d %d 255\n" % (width, height) + rows).decode()
