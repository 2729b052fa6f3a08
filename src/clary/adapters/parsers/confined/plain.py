"""Plain text, Markdown, and tables of commas or tabs."""

import csv
import re
from collections.abc import Iterator
from typing import Final

from clary.adapters.parsers.confined.decoding import Decoded, decoded
from clary.adapters.parsers.confined.drafting import TextDraft, cleaned, one_line
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_ATX: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")
# Every run is taken whole: small notes are read in the server's own process, and a line may be all blanks.
_RULE: Final = re.compile(r" {0,3}+\|?+[ \t]*+:?+-++:?+[ \t]*+(?:\|[ \t]*+:?+-++:?+[ \t]*+)*+\|?+[ \t]*+")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FRONT: Final = "---"
_SAMPLE: Final = 16 * 1024
_ESCAPED: Final = re.compile(r"(?<!\\)(?:\\u(?!00[0-7])[0-9a-fA-F]{4})+")
_MAX_CELL: Final = 1024 * 1024


def text_of(content: bytes) -> Decoded:
    """Decoded and clean.

    Raises:
        DocumentRefusedError: `unsupported`, if it is no text.
    """
    found = decoded(content)
    if found is None:
        raise DocumentRefusedError("unsupported")
    return Decoded(cleaned(found.text), found.encoding)


def read_text(content: bytes, limits: Limits) -> ParsedDocument:
    """Text, code, JSON and XML as they are."""
    draft, found = _begun(content, limits)
    draft.raw(found.text)
    return draft.finish()


def read_json(content: bytes, limits: Limits) -> ParsedDocument:
    """The text as it is, but letters that are spelled as escapes are themselves: nobody searches for `\\u4f60`."""
    draft, found = _begun(content, limits)
    draft.raw(cleaned(_ESCAPED.sub(_letters, found.text)))
    return draft.finish()


def _letters(escapes: re.Match[str]) -> str:
    units = bytes.fromhex(escapes[0].replace("\\u", ""))
    return units.decode("utf-16-be", "replace")


def read_markdown(content: bytes, limits: Limits) -> ParsedDocument:
    """The text as it is; its headings and tables are known."""
    draft, found = _begun(content, limits)
    draft.raw(found.text)
    mark_markdown(draft, found.text)
    return draft.finish()


def read_delimited(content: bytes, limits: Limits, delimiter: str | None) -> ParsedDocument:
    """Rows as a Markdown table; without a delimiter, it is found."""
    draft, found = _begun(content, limits)
    draft.table(rows_of(found.text, delimiter))
    return draft.finish()


def rows_of(text: str, delimiter: str | None = None) -> Iterator[list[str]]:
    """Rows of a delimited text. A cell that has no end is a row like any other."""
    csv.field_size_limit(_MAX_CELL)
    try:
        yield from csv.reader((line + "\n" for line in text.split("\n")), delimiter=delimiter or delimiter_of(text))
    except csv.Error:
        raise DocumentRefusedError("damaged") from None


def delimiter_of(text: str) -> str:
    """Comma, semicolon or tab: whichever cuts the most of the first lines into the same number of cells."""
    lines = [line for line in text[:_SAMPLE].split("\n")[:50] if line.strip()]

    def steadiness(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        usual = max(set(counts), key=counts.count, default=1)
        return (counts.count(usual) if usual > 1 else 0, usual)

    try:
        return max((",", ";", "\t"), key=steadiness)
    except csv.Error:
        return ","


def _begun(content: bytes, limits: Limits) -> tuple[TextDraft, Decoded]:
    found = text_of(content)
    draft = TextDraft(limits)
    draft.metadata["encoding"] = found.encoding
    return draft, found


def mark_markdown(draft: TextDraft, text: str) -> None:
    """Finds headings and tables outside of code blocks and front matter."""
    fence: str | None = None
    start, previous = 0, ""
    lines = text.split("\n")
    skipped = _front_matter(lines)
    table: tuple[int, int] | None = None
    for number, line in enumerate([*lines, ""]):
        fence_mark = _FENCE.match(line)
        if table is not None and ("|" not in line or fence_mark):
            draft.mark_table(*table, start)
            table = None
        if fence is not None:
            fence = None if fence_mark and line.strip().startswith(fence) else fence
        elif fence_mark:
            fence = fence_mark[1]
        elif number >= skipped and table is None:
            table = _marked(draft, line, previous, start)
        previous = line
        start += len(line) + 1


def _marked(draft: TextDraft, line: str, previous: str, start: int) -> tuple[int, int] | None:
    """Marks a heading, or answers where a table begins and its header ends."""
    heading = _ATX.fullmatch(line)
    before = start - len(previous) - 1
    if heading:
        draft.mark_heading(len(heading[1]), one_line(heading[2].rstrip().rstrip("#")), start)
    elif "|" in previous and "|" in line and _RULE.fullmatch(line):
        return before, start + len(line) + 1
    elif (
        previous.strip()
        and len(previous) < 200
        and _UNDERLINE.fullmatch(line)
        and not previous.startswith((" ", "|", "-", "#", ">"))
    ):
        draft.mark_heading(1 if "=" in line else 2, one_line(previous), before)
    return None


def _front_matter(lines: list[str]) -> int:
    """How many lines at the beginning are settings between rules."""
    if lines and lines[0].rstrip() == _FRONT:
        for number, line in enumerate(lines[1:200], 1):
            if line.rstrip() == _FRONT:
                return number + 1
    return 0
