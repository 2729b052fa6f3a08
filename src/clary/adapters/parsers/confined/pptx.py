"""PowerPoint: slides in their order, titles as headings, tables, notes."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from clary.adapters.parsers.confined.archives import Archive, attribute, first, tag_of
from clary.adapters.parsers.confined.docx import paragraphs_of
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_MAIN = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_UNSEEN = ("dt", "ftr", "sldNum", "hdr")


def read_pptx(content: bytes, limits: Limits) -> ParsedDocument:
    """Each slide is a page."""
    archive = Archive(content, limits)
    draft = TextDraft(limits)
    for number, slide in enumerate(_slides(archive), 1):
        with draft.slide(number):
            _add_shapes(draft, archive.tree(slide))
            for path in archive.relations(slide).values():
                if "notesSlide" in path and path in archive.names:
                    _add_shapes(draft, archive.tree(path))
                elif "/diagrams/data" in path and path in archive.names:
                    draft.paragraph(paragraphs_of(archive.tree(path)))
    return draft.finish()


def _slides(archive: Archive) -> list[str]:
    if _MAIN not in archive.names:
        raise DocumentRefusedError("damaged")
    relations = archive.relations(_MAIN)
    listed = first(archive.tree(_MAIN), "sldIdLst")
    identifiers = [_relation(entry) for entry in listed] if listed is not None else []
    return [path for path in (relations.get(identifier, "") for identifier in identifiers) if path in archive.names]


def _relation(entry: Element) -> str:
    """Slides have an id of their own beside that of the relation."""
    return next((value for key, value in entry.attrib.items() if key.startswith("{") and key.endswith("}id")), "")


def _add_shapes(draft: TextDraft, slide: Element) -> None:
    """The title first, wherever it lies."""
    shapes = list(_shapes(slide))
    for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES):
        if tag_of(shape) == "tbl":
            draft.table(
                [paragraphs_of(cell) for cell in row if tag_of(cell) == "tc"] for row in shape if tag_of(row) == "tr"
            )
            continue
        body = first(shape, "txBody")
        kind = _placeholder(shape)
        if body is None or kind in _UNSEEN:
            continue
        if kind in _TITLES:
            draft.heading(1, paragraphs_of(body))
        else:
            draft.paragraph(paragraphs_of(body))


def _shapes(element: Element) -> Iterator[Element]:
    """Shapes and tables below; of alternatives, those for programs of today."""
    waiting = [element]
    while waiting:
        found = waiting.pop()
        if tag_of(found) in ("sp", "tbl"):
            yield found
        elif tag_of(found) != "Fallback":
            waiting.extend(reversed(found))


def _placeholder(shape: Element) -> str | None:
    mark = first(shape, "nvSpPr", "nvPr", "ph")
    return attribute(mark, "type") if mark is not None else None
