"""Excel workbooks: sheets in their order, values as a person sees them."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from clary.adapters.parsers.confined.archives import Archive, attribute, children_of, first, tag_of, whole_number
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_DATES: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_DATE_CODE: Final = re.compile(r"(?:[ymdhs]|年|月|日)", re.I)
_LITERAL: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_COLUMN: Final = re.compile(r"[A-Z]{1,3}")
_EPOCHS: Final = (datetime(1899, 12, 30), datetime(1904, 1, 1))  # noqa: DTZ001 - workbooks know no time zones
_MOST_DAYS: Final = 2_958_466
_WIDEST_GAP: Final = 64
_USUAL_NAME: Final = re.compile(r"(?:Sheet|工作表)\d*", re.I)


class Sheet(NamedTuple):
    """A sheet's name and where it lies."""

    name: str
    path: str


class Workbook:
    """Opens the sheets one row at a time."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._archive = Archive(content, limits)
        main = next((name for name in ("xl/workbook.xml",) if name in self._archive.names), None)
        if main is None:
            raise DocumentRefusedError("damaged")
        tree = self._archive.tree(main)
        properties = first(tree, "workbookPr")
        self._epoch = _EPOCHS[properties is not None and properties.get("date1904") in ("1", "true")]
        self.sheets = self._listed(tree, main)
        self._strings = self._shared_strings()
        self._dates = self._date_styles()

    def rows(self, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
        """Rows with their numbers as Excel shows them; blank ones may be missing."""
        number = 0
        for row in children_of(self._archive.open(sheet.path), "sheetData"):
            said = whole_number(row.get("r"), digits=9)
            number = number + 1 if said is None else said
            yield number, self._cells(row)

    def _listed(self, tree: Element, main: str) -> list[Sheet]:
        relations = self._archive.relations(main)
        found: list[Sheet] = []
        for entry in first(tree, "sheets") or ():
            identifier = next((value for key, value in entry.attrib.items() if key.endswith("}id")), "")
            path = relations.get(identifier, "")
            if path in self._archive.names and "/worksheets/" in path:
                found.append(Sheet(entry.get("name", ""), path))
        return found

    def _shared_strings(self) -> list[str]:
        path = "xl/sharedStrings.xml"
        if path not in self._archive.names:
            return []
        return [_text(entry) for entry in children_of(self._archive.open(path), "sst") if tag_of(entry) == "si"]

    def _date_styles(self) -> frozenset[str]:
        """Which styles of cells mean a date or a time."""
        path = "xl/styles.xml"
        if path not in self._archive.names:
            return frozenset()
        tree = self._archive.tree(path)
        formats = {
            attribute(entry, "numFmtId"): _LITERAL.sub("", attribute(entry, "formatCode") or "")
            for entry in first(tree, "numFmts") or ()
        }
        dates = {identifier for identifier, code in formats.items() if _DATE_CODE.search(code)}
        dates |= {str(number) for number in _DATES}
        styles = enumerate(first(tree, "cellXfs") or ())
        return frozenset(str(index) for index, style in styles if style.get("numFmtId") in dates)

    def _cells(self, row: Element) -> list[str]:
        cells: list[str] = []
        for cell in row:
            column = _column(cell.get("r", ""))
            if column is not None and 0 < column - len(cells) <= _WIDEST_GAP:
                cells.extend([""] * (column - len(cells)))
            cells.append(self._value(cell))
        return cells

    def _value(self, cell: Element) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            inline = first(cell, "is")
            return _text(inline) if inline is not None else ""
        value = first(cell, "v")
        text = (value.text or "").strip() if value is not None else ""
        if kind == "s":
            index = whole_number(text, digits=9)
            return self._strings[index] if index is not None and index < len(self._strings) else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(text, text)
        if kind == "n" and text:
            return self._number(text, is_date=cell.get("s") in self._dates)
        return value.text or "" if value is not None else ""

    def _number(self, text: str, *, is_date: bool) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        if is_date and 0 <= number < _MOST_DAYS:
            moment = self._epoch + timedelta(seconds=round(number * 86400))
            if number < 1:
                return f"{moment:%H:%M:%S}"
            return f"{moment:%Y-%m-%d}" if number.is_integer() else f"{moment:%Y-%m-%d %H:%M:%S}"
        # Files hold binary fractions: 0.1 is written as 0.10000000000000001.
        return f"{number:.15g}" if "." in text or "e" in text.lower() else text


def read_xlsx(content: bytes, limits: Limits) -> ParsedDocument:
    """Each sheet is a page and a part of its name."""
    workbook = Workbook(content, limits)
    draft = TextDraft(limits)
    for number, sheet in enumerate(workbook.sheets, 1):
        add_sheet(draft, number, sheet.name, (cells for _, cells in workbook.rows(sheet)))
    return draft.finish()


def add_sheet(draft: TextDraft, number: int, name: str, rows: Iterator[list[str]]) -> None:
    """Adds a sheet as a table, under its name unless that says nothing and there is none before."""
    filled = (trimmed for row in rows if any(trimmed := _trimmed(row)))
    head = next(filled, None)
    if head is None:
        return
    with draft.page(number), draft.part(name or str(number)):
        if number > 1 or not _USUAL_NAME.fullmatch(name):
            draft.heading(1, name or str(number))

        def all_rows() -> Iterator[list[str]]:
            yield head
            yield from filled

        draft.table(all_rows())


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1].strip():
        row.pop()
    return row


def _text(element: Element) -> str:
    """Runs of a string; how Japanese is spoken is not part of it."""
    pieces: list[str] = []
    for child in element:
        if tag_of(child) == "t":
            pieces.append(child.text or "")
        elif tag_of(child) == "r":
            pieces.extend(part.text or "" for part in child if tag_of(part) == "t")
    return "".join(pieces)


def _column(reference: str) -> int | None:
    letters = _COLUMN.match(reference)
    if not letters:
        return None
    number = 0
    for letter in letters[0]:
        number = number * 26 + ord(letter) - 64
    return number - 1
