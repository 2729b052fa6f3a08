"""OpenDocument: texts, sheets, slides."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from clary.adapters.parsers.confined.archives import Archive, attribute, children_of, tag_of, whole_number
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.xlsx import add_sheet
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_CONTENT: Final = "content.xml"
_MANIFEST: Final = "META-INF/manifest.xml"
_SIGNS: Final = {"tab": "\t", "line-break": "\n", "s": " "}
_SKIPPED: Final = frozenset({"annotation", "tracked-changes", "ruby-text"})
_MOST_REPEATED: Final = 64


def read_odt(content: bytes, limits: Limits) -> ParsedDocument:
    """Paragraphs, headings by their outline level, tables."""
    draft, archive = _begun(content, limits)
    for block in children_of(archive.open(_CONTENT), "text"):
        _add(draft, block)
    return draft.finish()


def read_ods(content: bytes, limits: Limits) -> ParsedDocument:
    """Each sheet is a page and a part of its name."""
    draft, archive = _begun(content, limits)
    sheets = (child for child in children_of(archive.open(_CONTENT), "spreadsheet") if tag_of(child) == "table")
    for number, sheet in enumerate(sheets, 1):
        add_sheet(draft, number, attribute(sheet, "name") or "", _rows(sheet))
    return draft.finish()


def read_odp(content: bytes, limits: Limits) -> ParsedDocument:
    """Each slide is a page; notes follow it."""
    draft, archive = _begun(content, limits)
    slides = (child for child in children_of(archive.open(_CONTENT), "presentation") if tag_of(child) == "page")
    for number, slide in enumerate(slides, 1):
        with draft.slide(number):
            for frame in slide:
                is_title = attribute(frame, "class") == "title"
                for box in frame:
                    if is_title and tag_of(box) == "text-box":
                        draft.heading(1, _lines(box))
                    else:
                        _add(draft, box)
    return draft.finish()


def _begun(content: bytes, limits: Limits) -> tuple[TextDraft, Archive]:
    archive = Archive(content, limits)
    if _MANIFEST in archive.names and b"encryption-data" in archive.read(_MANIFEST):
        raise DocumentRefusedError("encrypted")
    if _CONTENT not in archive.names:
        raise DocumentRefusedError("damaged")
    return TextDraft(limits), archive


def _add(draft: TextDraft, block: Element, indent: str = "") -> None:
    tag = tag_of(block)
    if tag == "h":
        draft.heading(whole_number(attribute(block, "outline-level"), digits=2) or 1, text_of(block))
    elif tag == "p":
        draft.paragraph(indent + text_of(block))
    elif tag == "table":
        draft.table(_rows(block))
    elif tag not in _SKIPPED and tag not in ("span", "a"):
        for child in block:
            _add(draft, child, "- " if tag == "list-item" else indent)


def _rows(table: Element) -> Iterator[list[str]]:
    for child in table:
        if tag_of(child) == "table-row":
            yield _cells(child)
        elif tag_of(child) in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows(child)


def _cells(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if tag_of(cell) not in ("table-cell", "covered-table-cell"):
            continue
        times = whole_number(attribute(cell, "number-columns-repeated"), digits=7)
        cells.extend([_lines(cell)] * min(1 if times is None else times, _MOST_REPEATED))
    return cells


def _lines(element: Element) -> str:
    return "\n".join(text_of(child) for child in element.iter() if tag_of(child) in ("p", "h"))


def text_of(paragraph: Element) -> str:
    """The text of a paragraph, without remarks on it."""
    pieces = [paragraph.text or ""]
    waiting: list[Element | str] = list(reversed(paragraph))
    while waiting:
        element = waiting.pop()
        if isinstance(element, str):
            pieces.append(element)
            continue
        waiting.append(element.tail or "")
        if (tag := tag_of(element)) in _SIGNS:
            count = whole_number(attribute(element, "c"), digits=3)
            pieces.append(_SIGNS[tag] * min(1 if count is None else count, 100))
        elif tag not in _SKIPPED:
            pieces.append(element.text or "")
            waiting.extend(reversed(element))
    return "".join(pieces)
