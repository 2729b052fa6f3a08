"""Old Word files (`.doc`): the text by its table of pieces, as in [MS-DOC] 2.4.1."""

import re
import struct
from itertools import pairwise
from typing import Final

from clary.adapters.parsers.confined.compound import CompoundFile, opened
from clary.adapters.parsers.confined.decoding import decoded
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_MAGIC: Final = (0xA5EC, 0xA5DC)
_ENCRYPTED: Final = 0x0100
_SECOND_TABLE: Final = 0x0200
_WORD_97: Final = 0x00C1
_EIGHT_BIT: Final = 0x40000000
_NESTED: Final = re.compile("[\x13\x14\x15]")
_SIGNS: Final = str.maketrans(
    {"\x0b": "\n", "\x0c": "\r", "\x0e": "\r", "\x1e": "-", "\x1f": None, "\xa0": " "}
    | dict.fromkeys(map(chr, (0x01, 0x02, 0x03, 0x04, 0x05, 0x08)))
)


def read_doc(content: bytes, limits: Limits) -> ParsedDocument:
    """The text of the body, its notes and text boxes; tables as rows.

    Raises:
        DocumentRefusedError
    """
    draft = TextDraft(limits)
    with opened(content) as file:
        try:
            text = _text(file, limits)
        except struct.error:
            raise DocumentRefusedError("damaged") from None
    _add(draft, _without_fields(text).translate(_SIGNS))
    return draft.finish()


def _text(file: CompoundFile, limits: Limits) -> str:
    main = file.stream("WordDocument") or b""
    magic, version = struct.unpack_from("<HH", main, 0)
    (flags,) = struct.unpack_from("<H", main, 0x0A)
    if magic not in _MAGIC:
        raise DocumentRefusedError("damaged")
    if flags & _ENCRYPTED:
        raise DocumentRefusedError("encrypted")
    if version < _WORD_97:
        return _word_95(main)
    at, size = struct.unpack_from("<II", main, 0x01A2)
    table = file.stream("1Table" if flags & _SECOND_TABLE else "0Table") or b""
    # Body, footnotes, headers, macros, remarks, endnotes, text boxes: headers and macros are left out.
    counts = struct.unpack_from("<7I", main, 0x4C)
    text = _pieces(main, _piece_table(table[at : at + size]), limits)
    return _stories(text, counts)


def _stories(text: str, counts: tuple[int, ...]) -> str:
    kept: list[str] = []
    start = 0
    for index, count in enumerate(counts):
        if index not in (2, 3):
            kept.append(text[start : start + count])
        start += count
    return "\r".join(filter(None, kept))


def _piece_table(clx: bytes) -> bytes:
    """The pieces, behind whatever properties come first."""
    at = 0
    while at < len(clx) and clx[at] == 1:
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if clx[at] != 2:
        raise DocumentRefusedError("damaged")
    (size,) = struct.unpack_from("<I", clx, at + 1)
    return clx[at + 5 : at + 5 + size]


def _pieces(main: bytes, table: bytes, limits: Limits) -> str:
    count = (len(table) - 4) // 12
    positions = struct.unpack_from(f"<{count + 1}I", table, 0)
    pieces: list[str] = []
    total = 0
    for index, (start, end) in enumerate(pairwise(positions)):
        (place,) = struct.unpack_from("<I", table, (count + 1) * 4 + index * 8 + 2)
        length = end - start
        total += length
        if length < 0:
            raise DocumentRefusedError("damaged")
        if total > 2 * limits.max_chars:
            raise DocumentRefusedError("too_large")
        if place & _EIGHT_BIT:
            at = (place & ~_EIGHT_BIT) // 2
            pieces.append(main[at : at + length].decode("cp1252", "replace"))
        else:
            at = place & ~_EIGHT_BIT
            pieces.append(main[at : at + 2 * length].decode("utf-16-le", "replace"))
    return "".join(pieces)


def _word_95(main: bytes) -> str:
    """Before Word 97: bytes of the author's code page between two offsets."""
    start, end = struct.unpack_from("<II", main, 0x18)
    found = decoded(main[start:end].replace(b"\0", b""))
    if found is None or not start < end <= len(main):
        raise DocumentRefusedError("damaged")
    return found.text


def _without_fields(text: str) -> str:
    """Of fields, what they show: the instruction is between the first two marks, the result before the third."""
    kept: list[str] = []
    hidden: list[bool] = []
    at = 0
    for mark in _NESTED.finditer(text):
        if not any(hidden[-8:]):
            kept.append(text[at : mark.start()])
        at = mark.end()
        if mark[0] == "\x13":
            hidden.append(True)
        elif hidden and mark[0] == "\x14":
            hidden[-1] = False
        elif hidden:
            hidden.pop()
    kept.append(text[at:])
    return "".join(kept)


def _add(draft: TextDraft, text: str) -> None:
    """A cell ends with a mark, a row with one more."""
    rows: list[list[str]] = []
    at = 0
    while at < len(text):
        end = text.find("\x07", at)
        if end < 0:
            break
        paragraphs = text[at:end].split("\r")
        if rows and not rows[-1] and len(paragraphs) > 1:
            # Between two tables: what comes before the last paragraph is no cell.
            rows.pop()
            draft.table(rows)
            rows = []
        if not rows:
            for paragraph in paragraphs[:-1]:
                draft.paragraph(paragraph)
            rows = [[]]
            paragraphs = paragraphs[-1:]
        rows[-1].append("\n".join(paragraphs))
        at = end + 1
        if text.startswith("\x07", at):
            rows.append([])
            at += 1
    draft.table(row for row in rows if row)
    for paragraph in text[at:].split("\r"):
        draft.paragraph(paragraph)
