"""Formats left to kreuzberg: old Excel, rich text."""

import io
import re
from typing import Any, Final

import kreuzberg
import msoffcrypto as untyped  # pyright: ignore[reportMissingTypeStubs]
from msoffcrypto.exceptions import FileFormatError  # pyright: ignore[reportMissingTypeStubs]

from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.xlsx import add_sheet
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_DETECTOR: Final[Any] = untyped
_XLS: Final = "application/vnd.ms-excel"
_RTF: Final = "application/rtf"
_PICTURE: Final = re.compile(r"\[Image:[^\]\n]*\]")


def read_xls(content: bytes, limits: Limits) -> ParsedDocument:
    """Each sheet is a page and a part of its name."""
    draft = TextDraft(limits)
    for number, (name, rows) in enumerate(sheets_of(content), 1):
        add_sheet(draft, number, name, iter(rows))
    return draft.finish()


def sheets_of(content: bytes) -> list[tuple[str, list[list[str]]]]:
    """Names and rows of the sheets of an old Excel file."""
    _require_open(content)
    result = _extracted(content, _XLS)
    metadata: dict[str, Any] = dict(result.metadata or {})
    names: list[str] = list(metadata.get("sheet_names") or [])
    return [
        (
            names[table.page_number - 1] if 0 < table.page_number <= len(names) else "",
            [list(row) for row in table.cells],
        )
        for table in result.tables
    ]


def read_rtf(content: bytes, limits: Limits) -> ParsedDocument:
    """Rich text without its style."""
    draft = TextDraft(limits)
    for paragraph in _without_pictures(_extracted(content, _RTF).content.split("\n\n"), content.count(b"\\pict")):
        draft.paragraph(paragraph)
    return draft.finish()


def _without_pictures(paragraphs: list[str], most: int) -> list[str]:
    """Without the words that stand for pictures behind the last paragraph: nobody wrote them."""
    while paragraphs and most and _PICTURE.fullmatch(paragraphs[-1].strip()):
        paragraphs.pop()
        most -= 1
    return paragraphs


def _extracted(content: bytes, media_type: str) -> Any:
    options: dict[str, Any] = {"use_cache": False, "disable_ocr": True, "output_format": "plain"}
    try:
        return kreuzberg.extract_bytes_sync(content, media_type, kreuzberg.ExtractionConfig(**options))
    except kreuzberg.KreuzbergError:
        raise DocumentRefusedError("damaged") from None


def _require_open(content: bytes) -> None:
    try:
        file = _DETECTOR.OfficeFile(io.BytesIO(content))
        is_encrypted = bool(file.is_encrypted())
    except (FileFormatError, OSError, ValueError, IndexError, KeyError, TypeError, AttributeError):
        # What the detector cannot read, the parser may.
        return
    if is_encrypted:
        raise DocumentRefusedError("encrypted")
