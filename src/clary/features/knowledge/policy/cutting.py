"""How a document becomes passages: at headings, pages and parts always, else at paragraphs, sentences, table rows.

Every passage is a stretch of the text, every character that is not blank is in at least one, and none is longer than
twice what was asked for. Deterministic, in time linear in the text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from clary.features.knowledge.policy.boundaries import best_cut, overlap_start
from clary.features.knowledge.policy.sections import Section, sections_of
from clary.features.knowledge.ports import ParsedDocument, QaRow, Table

_SHORTEST: Final = 0.6
_LONGEST: Final = 1.4
_MAX_TABLE_HEAD: Final = 500
_QA: Final = "Question: {question}\nAnswer: {answer}"
_BETWEEN_ROWS: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Cut:
    """One passage: `text` is the document's text from `start` to `end`.

    `context` is searched with it but is not part of it: heading path, name of the part, header of a table that was cut.
    """

    start: int
    end: int
    text: str
    context: str
    page: int | None
    part: str | None
    heading_path: tuple[str, ...]
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def cut(document: ParsedDocument, *, target_chars: int, overlap_chars: int) -> list[Cut]:
    """The passages of a document, in order, each close to `target_chars` and never over twice that.

    Neighbours within a section share up to `overlap_chars` (at most half of the target); rows of a table share none,
    its header is repeated in their context.
    """
    overlap = min(overlap_chars, target_chars // 2)
    tables = _Tables(document.tables)
    return [
        passage
        for section in sections_of(document)
        for start, end in _pieces(document.text, section, tables, target_chars, overlap)
        if (passage := _passage(document.text, start, end, section, tables)) is not None
    ]


def document_of_rows(rows: Sequence[QaRow]) -> tuple[ParsedDocument, list[Cut]]:
    """A QA file as a document and its passages: one per row, whatever its length (contract product 5.8)."""
    cuts: list[Cut] = []
    start = 0
    for row in rows:
        text = _QA.format(question=row.question, answer=row.answer)
        details = {**row.details, "question": row.question, "answer": row.answer, "row_index": row.row_index}
        cuts.append(Cut(start, start + len(text), text, "", None, None, (), details))
        start += len(text) + len(_BETWEEN_ROWS)
    return ParsedDocument(_BETWEEN_ROWS.join(cut.text for cut in cuts)), cuts


class _Tables:
    """Finds the table around a position; asked in ascending order, so a cursor is enough."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        self._at = 0

    def around(self, position: int) -> Table | None:
        """The table of which a row begins or goes on at this position, its header not being one."""
        while self._at and self._tables[self._at - 1].end > position:
            self._at -= 1
        while self._at < len(self._tables) and self._tables[self._at].end <= position:
            self._at += 1
        if self._at == len(self._tables) or not self._tables[self._at].header_end <= position:
            return None
        return self._tables[self._at]


def _pieces(text: str, section: Section, tables: _Tables, target: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Stretches that cover a section, the overlap included."""
    start = done = section.start
    while section.end - start > _LONGEST * target:
        left = section.end - start
        aim = start + (left // 2 if left < 2 * target else target)
        first = max(start + int(_SHORTEST * target), done + target // 10)
        last = min(start + int(_LONGEST * target), section.end)
        done = best_cut(text, first, max(aim, first), last, in_table=tables.around(aim) is not None)
        yield start, done
        if not overlap or any(tables.around(done - back) is not None for back in (0, 1, 2)):
            start = done
        else:
            start = overlap_start(text, done - overlap, done)
    yield start, section.end


def _passage(text: str, start: int, end: int, section: Section, tables: _Tables) -> Cut | None:
    """A stretch without the blanks at its ends; None if nothing is left."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    if not piece:
        return None
    context = [" > ".join(section.heading_path), section.part or ""]
    table = tables.around(start)
    if table is not None:
        context.append(text[table.start : min(table.header_end, table.start + _MAX_TABLE_HEAD)].strip())
    return Cut(
        start=start,
        end=start + len(piece),
        text=piece,
        context="\n".join(filter(None, context)),
        page=section.page,
        part=section.part,
        heading_path=section.heading_path,
    )
