"""QA files: rows of questions and answers (contract product 5.8)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from clary.adapters.parsers.confined.detection import kind_of
from clary.adapters.parsers.confined.drafting import cleaned, one_line
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.names import ending_of
from clary.adapters.parsers.confined.old_office import sheets_of
from clary.adapters.parsers.confined.plain import rows_of, text_of
from clary.adapters.parsers.confined.xlsx import Workbook
from clary.features.knowledge.ports import RESERVED_METADATA, DocumentRefusedError, QaFormatError, QaRow

ENDINGS: Final = ("csv", "xlsx", "xls")
_HEADS: Final = frozenset({("question", "answer"), ("问题", "答案"), ("问", "答"), ("q", "a")})
_MAX_CELL: Final = 100_000
_MAX_COLUMNS: Final = 100


def read_rows(content: bytes, name: str, limits: Limits, most_rows: int | None) -> tuple[list[QaRow], int]:
    """The rows, and how many were skipped.

    Raises:
        QaFormatError: `no_rows`, `one_column`; no reason when it is no table at all.
        DocumentRefusedError
    """
    rows = _table(content, name, limits)
    heads: list[str] | None = None
    found: list[QaRow] = []
    skipped = length = widest = 0
    is_first = True
    for number, cells in rows:
        widest = max(widest, len(cells))
        may_be_heads, is_first = is_first, is_first and not cells
        if may_be_heads and tuple(cell.lower() for cell in cells[:2]) in _HEADS:
            heads = cells
            continue
        if len(cells) < 2 or not cells[0] or not cells[1]:
            skipped += 1
            continue
        found.append(QaRow(number, cells[0], cells[1], _details(cells, heads)))
        length += sum(map(len, cells))
        if length > limits.max_chars:
            raise DocumentRefusedError("too_large")
        if most_rows is not None and len(found) >= most_rows:
            break
    if not found:
        raise QaFormatError("one_column" if widest == 1 else "no_rows")
    return found, skipped


def _details(cells: list[str], heads: list[str] | None) -> dict[str, Any]:
    heads = heads or []
    details: dict[str, Any] = {}
    for index, cell in enumerate(cells[2:_MAX_COLUMNS], 2):
        if cell:
            head = heads[index] if index < len(heads) else ""
            is_free = head and head not in RESERVED_METADATA and head not in heads[2:index]
            details[head if is_free else f"column_{index + 1}"] = cell
    return details


def _table(content: bytes, name: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Numbered rows of cells without blanks around.

    A line without anything and a blank row of a sheet, which sheets are full of, are no rows; a line of empty cells is
    one, without cells.
    """
    try:
        kind = kind_of(content, name)
    except DocumentRefusedError as refused:
        if refused.outcome == "empty":
            raise QaFormatError("no_rows") from None
        raise
    rows: Iterable[tuple[int, list[str]]]
    is_delimited = kind not in ("xlsx", "xls")
    if kind == "xlsx":
        workbook = Workbook(content, limits)
        rows = workbook.rows(workbook.sheets[0]) if workbook.sheets else ()
    elif kind == "xls":
        sheets = sheets_of(content)
        rows = enumerate(sheets[0][1] if sheets else (), 1)
    elif kind in ("csv", "text", "tsv") and ending_of(name) in ENDINGS:
        rows = enumerate(rows_of(text_of(content).text), 1)
    else:
        raise QaFormatError(None)
    for number, row in rows:
        cells = [cleaned(cell).strip()[:_MAX_CELL] for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells or (is_delimited and len(row) > 1):
            yield number, cells[:2] + [one_line(cell) for cell in cells[2:]]
