"""Word documents: paragraphs, headings by style or outline level, tables, notes."""

from typing import Final
from xml.etree.ElementTree import Element

from clary.adapters.parsers.confined.archives import Archive, attribute, children_of, first, tag_of, whole_number
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_MAIN: Final = "word/document.xml"
_SIGNS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_SKIPPED: Final = frozenset({"Fallback", "del", "moveFrom", "rPr", "pPr", "instrText", "delText"})
_NOTES: Final = ("footnotes", "endnotes", "comments")
_TITLE: Final = "title"


def read_docx(content: bytes, limits: Limits) -> ParsedDocument:
    """The text of the body, then notes and comments."""
    archive = Archive(content, limits)
    main = _main_part(archive)
    levels = _levels(archive, main)
    draft = TextDraft(limits)
    for block in children_of(archive.open(main), "body"):
        _add(draft, block, levels)
    folder = main.rpartition("/")[0]
    for name in _NOTES:
        path = f"{folder}/{name}.xml"
        if path in archive.names:
            for note in children_of(archive.open(path), name):
                draft.paragraph(paragraphs_of(note))
    return draft.finish()


def _main_part(archive: Archive) -> str:
    if _MAIN in archive.names:
        return _MAIN
    names = (name for name in archive.relations("").values() if name.startswith("word/") and name in archive.names)
    main = next((name for name in names if "document" in name), None)
    if main is None:
        raise DocumentRefusedError("damaged")
    return main


def _levels(archive: Archive, main: str) -> dict[str, int]:
    """Style id → heading level."""
    path = f"{main.rpartition('/')[0]}/styles.xml"
    levels: dict[str, int] = {}
    if path not in archive.names:
        return levels
    for style in archive.tree(path):
        name = first(style, "name")
        title = (attribute(name, "val") or "").lower() if name is not None else ""
        outline = first(style, "pPr", "outlineLvl")
        level = _level(title, attribute(outline, "val") if outline is not None else None)
        if tag_of(style) == "style" and level:
            levels[attribute(style, "styleId") or ""] = level
    return levels


def _level(style_name: str, outline: str | None) -> int | None:
    level = whole_number(outline, digits=2)
    if level is not None and level < 9:
        return level + 1
    word, _, number = style_name.replace("标题", "heading ").replace("heading", "heading ").partition(" ")
    level = whole_number(number.strip(), digits=2)
    if word == "heading" and level is not None:
        return level
    return 1 if style_name in (_TITLE, "heading") else None


def _add(draft: TextDraft, block: Element, levels: dict[str, int]) -> None:
    tag = tag_of(block)
    if tag == "p":
        properties = first(block, "pPr")
        style = first(properties, "pStyle")
        outline = first(properties, "outlineLvl")
        level = _level("", attribute(outline, "val")) if outline is not None else None
        if level is None and style is not None:
            identifier = attribute(style, "val") or ""
            level = levels.get(identifier) or _level(identifier.lower(), None)
        text = text_of(block)
        if level and len(text) < 300:
            draft.heading(level, text)
        else:
            draft.paragraph(("- " if first(properties, "numPr") is not None and text.strip() else "") + text)
    elif tag == "tbl":
        draft.table(_cells(row) for row in _rows(block))
    elif tag in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"):
        for child in block:
            _add(draft, child, levels)


def _rows(table: Element) -> list[Element]:
    rows: list[Element] = []
    for child in table:
        if tag_of(child) == "tr":
            rows.append(child)
        elif tag_of(child) in ("sdt", "sdtContent", "ins", "customXml"):
            rows.extend(_rows(child))
    return rows


def _cells(row: Element) -> list[str]:
    cells: list[str] = []
    for child in row:
        if tag_of(child) == "tc":
            cells.append(paragraphs_of(child))
        elif tag_of(child) in ("sdt", "sdtContent", "ins", "customXml"):
            cells.extend(_cells(child))
    return cells


def paragraphs_of(element: Element) -> str:
    """Every paragraph below, one a line."""
    return "\n".join(filter(None, (text_of(child).strip() for child in element.iter() if tag_of(child) == "p")))


def text_of(paragraph: Element) -> str:
    """The text of a paragraph as it stands after all changes."""
    pieces: list[str] = []
    waiting = [paragraph]
    while waiting:
        element = waiting.pop()
        tag = tag_of(element)
        if tag == "t":
            pieces.append(element.text or "")
        elif tag in _SIGNS:
            pieces.append(_SIGNS[tag])
        elif tag == "p" and element is not paragraph:
            pieces.append("\n")
        if tag not in _SKIPPED:
            waiting.extend(reversed(element))
    return "".join(pieces)
