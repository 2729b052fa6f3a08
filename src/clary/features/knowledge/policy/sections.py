"""Sections of a document: stretches that lie on one page, in one part, under one heading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from clary.features.knowledge.ports import Heading, ParsedDocument, Span

MAX_HEADINGS: Final = 10_000
"""More are text like any other: they bound how many passages a hostile document can have."""
_MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class Section:
    """`[start, end)` of the text, and where that is."""

    start: int
    end: int
    page: int | None
    part: str | None
    heading_path: tuple[str, ...]


def sections_of(document: ParsedDocument) -> Iterator[Section]:
    """The sections in order; together they are the whole text. A heading without text of its own opens the next."""
    text = document.text
    headings = [heading for heading in document.headings[:MAX_HEADINGS] if heading.start < len(text)]
    page, part, path = _Cursor(document.pages), _Cursor(document.parts), _Path(headings)
    start = 0
    for end in _edges(document, headings):
        last = path.advance(end)
        only_heading = last is not None and last.start >= start and not _has_body(text, last.start, end)
        goes_on = only_heading and path.opens_at(end) and not page.changes_at(end) and not part.changes_at(end)
        if goes_on or end <= start:
            continue
        number = page.name_at(start)
        yield Section(start, end, int(number) if number else None, part.name_at(start), path.titles())
        start = end


def _edges(document: ParsedDocument, headings: Sequence[Heading]) -> list[int]:
    """Every position where a section may end, ascending, the end of the text included."""
    edges = {heading.start for heading in headings}
    for span in (*document.pages, *document.parts):
        edges.update((span.start, span.end))
    length = len(document.text)
    return sorted({edge for edge in edges if 0 < edge < length} | {length})


def _has_body(text: str, start: int, end: int) -> bool:
    line_end = text.find("\n", start, end)
    return line_end >= 0 and not text[line_end:end].isspace()


class _Cursor:
    """Walks along spans in ascending order; the one that begins last wins where they lie in each other."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = sorted(spans, key=lambda span: (span.start, -span.end))
        self._edges = {edge for span in spans for edge in (span.start, span.end)}
        self._open: list[Span] = []
        self._next = 0

    def name_at(self, position: int) -> str | None:
        while self._next < len(self._spans) and self._spans[self._next].start <= position:
            self._open.append(self._spans[self._next])
            self._next += 1
        while self._open and self._open[-1].end <= position:
            self._open.pop()
        return self._open[-1].name if self._open else None

    def changes_at(self, position: int) -> bool:
        return position in self._edges


class _Path:
    """The titles above a position."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._headings = headings
        self._starts = {heading.start for heading in headings}
        self._above: list[Heading] = []
        self._next = 0

    def advance(self, end: int) -> Heading | None:
        """Takes in the headings before `end`; the last one of all, if there is one."""
        while self._next < len(self._headings) and self._headings[self._next].start < end:
            heading = self._headings[self._next]
            while self._above and self._above[-1].level >= heading.level:
                self._above.pop()
            self._above.append(heading)
            self._next += 1
        return self._above[-1] if self._above else None

    def opens_at(self, position: int) -> bool:
        return position in self._starts

    def titles(self) -> tuple[str, ...]:
        return tuple(heading.title[:_MAX_TITLE] for heading in self._above)
