"""What is kept of a document besides its text, so that it can be shown and cut anew without the original."""

from collections.abc import Mapping, Sequence
from typing import Any

from clary.features.knowledge.policy.cutting import Cut, cut
from clary.features.knowledge.ports import Heading, ParsedDocument, Span, Table


def layout_of(document: ParsedDocument, rows: Sequence[Cut] = ()) -> dict[str, Any]:
    """`{pages, headings, parts, tables, rows}` as plain lists; `rows` are the passages of a QA document."""
    return {
        "pages": [list(span) for span in document.pages],
        "headings": [list(heading) for heading in document.headings],
        "parts": [list(span) for span in document.parts],
        "tables": [list(table) for table in document.tables],
        "rows": [[row.start, row.end, row.details] for row in rows],
    }


def document_from(text: str, layout: Mapping[str, Any]) -> ParsedDocument:
    """The document as it was parsed, without its metadata."""
    return ParsedDocument(
        text,
        pages=tuple(Span(*span) for span in layout.get("pages", ())),
        headings=tuple(Heading(*heading) for heading in layout.get("headings", ())),
        parts=tuple(Span(*span) for span in layout.get("parts", ())),
        tables=tuple(Table(*table) for table in layout.get("tables", ())),
    )


def cut_again(text: str, layout: Mapping[str, Any], *, target_chars: int, overlap_chars: int) -> list[Cut]:
    """The passages of a kept text; those of a QA document are its rows again."""
    if layout.get("rows"):
        return [Cut(start, end, text[start:end], "", None, None, (), details) for start, end, details in layout["rows"]]
    return cut(document_from(text, layout), target_chars=target_chars, overlap_chars=overlap_chars)
