"""The text of a document as it grows, and what lies where in it."""

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, Final

from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, Heading, ParsedDocument, Span, Table

_UNWANTED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]+")
_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANKS: Final = re.compile(r"\s+")
_MAX_NAME: Final = 255
_MAX_TITLE: Final = 80
_TABLE_CHARS: Final = 600
"""After so many a table's header is repeated: about once in a passage of the usual size."""
_MAX_REPEATED: Final = 300


def cleaned(text: str) -> str:
    """Line ends are `\\n`; no control characters, no halves of characters."""
    return _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """Runs of blanks are one blank each."""
    return _BLANKS.sub(" ", cleaned(text)).strip()


class TextDraft:
    """Collects a document; refuses to become larger than it may."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.length = 0
        self.metadata: dict[str, Any] = {}
        self._pieces: list[str] = []
        self._pages: list[Span] = []
        self._parts: list[Span] = []
        self._headings: list[Heading] = []
        self._tables: list[Table] = []

    def raw(self, text: str) -> int:
        """Adds clean text as it is; answers where it begins."""
        start = self.length
        self.length += len(text)
        if self.length > self.limits.max_chars:
            raise DocumentRefusedError("too_large")
        self._pieces.append(text)
        return start

    def paragraph(self, text: str) -> None:
        """Adds a paragraph; nothing for a blank one."""
        text = cleaned(text).strip("\n")
        if text.strip():
            self.raw(text + "\n\n")

    def heading(self, level: int, title: str) -> None:
        """Adds a heading as a line of its own."""
        title = one_line(title)
        if title:
            self.mark_heading(level, title, self.raw(title + "\n\n"))

    def mark_heading(self, level: int, title: str, start: int) -> None:
        """Says that a heading begins there."""
        self._headings.append(Heading(min(max(level, 1), 6), title, start))

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Adds rows as Markdown, the first one as header. Blank rows are left out.

        A long table becomes several, each with the header: whoever reads a passage of it sees what the columns are.
        """
        head, start, header_end = "", -1, -1
        for row in rows:
            line = _row(row)
            if line is None:
                continue
            if not head:
                head = line + "| " + " | ".join(["---"] * max(1, len(row))) + " |\n"
                start = self.raw(head)
                header_end = self.length
                continue
            if self.length - start >= _TABLE_CHARS and len(head) <= _MAX_REPEATED:
                self._end_table(start, header_end)
                start = self.raw(head)
                header_end = self.length
            self.raw(line)
        if head:
            self._end_table(start, header_end)

    def _end_table(self, start: int, header_end: int) -> None:
        self.mark_table(start, header_end, self.length)
        self.raw("\n")

    def mark_table(self, start: int, header_end: int, end: int) -> None:
        """Says that Markdown rows lie there."""
        self._tables.append(Table(start, header_end, end))

    @contextmanager
    def page(self, number: int) -> Generator[None]:
        """What is added inside lies on this page, slide or sheet."""
        if number > self.limits.max_pages:
            raise DocumentRefusedError("too_large")
        start = self.length
        yield
        if self.length > start:
            self._pages.append(Span(str(number), start, self.length))

    @contextmanager
    def slide(self, number: int) -> Generator[None]:
        """A page that stands for itself: without a title, its first line is its heading."""
        start, pieces, before = self.length, len(self._pieces), len(self._headings)
        with self.page(number):
            yield
        if self.length > start and len(self._headings) == before:
            self.mark_heading(1, one_line(self._pieces[pieces].split("\n", 1)[0])[:_MAX_TITLE], start)

    @contextmanager
    def part(self, name: str) -> Generator[None]:
        """What is added inside belongs to this attachment or sheet."""
        start = self.length
        yield
        if self.length > start:
            self._parts.append(Span(one_line(name)[:_MAX_NAME], start, self.length))

    def add(self, document: ParsedDocument, name: str) -> None:
        """Adds another document as a part, under its name; what it has as parts is named `name/part`."""
        with self.part(name):
            self.heading(1, name)
            at = self.raw(document.text + "\n\n")
        moved = [Span(f"{name}/{span.name}"[:_MAX_NAME], span.start + at, span.end + at) for span in document.parts]
        self._parts.extend(moved)
        self._pages.extend(Span(span.name, span.start + at, span.end + at) for span in document.pages)
        self._headings.extend(
            Heading(min(level + 1, 6), title, start + at) for level, title, start in document.headings
        )
        self._tables.extend(Table(*(place + at for place in table)) for table in document.tables)

    def finish(self) -> ParsedDocument:
        """The document.

        Raises:
            DocumentRefusedError: `empty`.
        """
        text = "".join(self._pieces)
        length = len(text.rstrip())
        if not text.strip():
            raise DocumentRefusedError("empty")

        def within(spans: list[Span]) -> tuple[Span, ...]:
            ordered = sorted(spans, key=lambda span: (span.start, -span.end))
            return tuple(Span(name, start, min(end, length)) for name, start, end in ordered if start < length)

        tables = (Table(start, min(head, length), min(end, length)) for start, head, end in self._tables)
        return ParsedDocument(
            text[:length],
            pages=within(self._pages),
            headings=tuple(sorted(self._headings, key=lambda heading: heading.start)),
            parts=within(self._parts),
            tables=tuple(sorted(tables)),
            metadata=self.metadata,
        )


def _row(cells: Sequence[str]) -> str | None:
    texts = [one_line(cell).replace("|", "\\|") for cell in cells]
    return "| " + " | ".join(texts) + " |\n" if any(texts) else None
