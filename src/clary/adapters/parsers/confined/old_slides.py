"""Old PowerPoint files (`.ppt`): slides in their order, as in [MS-PPT] 2.1.2.

A file that was saved many times holds old slides too; the directory of the last save says which ones count.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from clary.adapters.parsers.confined.compound import opened
from clary.adapters.parsers.confined.drafting import TextDraft, cleaned
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_SLIDE: Final = 0x03EE
_SLIDE_LIST: Final = 0x0FF0
_LISTED_SLIDE: Final = 0x03F3
_TEXT_KIND: Final = 0x0F9F
_WIDE_TEXT: Final = 0x0FA0
_NARROW_TEXT: Final = 0x0FA8
_DIRECTORY: Final = 0x1772
_USER_EDIT: Final = 0x0FF5
_ENCRYPTED: Final = 0xF3D1C4DF
_TITLES: Final = (0, 6)
_MAX_SAVES: Final = 10_000
_MAX_DEPTH: Final = 32


class _Record(NamedTuple):
    kind: int
    instance: int
    is_container: bool
    start: int
    end: int


class _Text(NamedTuple):
    is_title: bool
    text: str


def read_ppt(content: bytes, limits: Limits) -> ParsedDocument:
    """Each slide is a page.

    Raises:
        DocumentRefusedError
    """
    with opened(content) as file:
        stream, user = file.stream("PowerPoint Document") or b"", file.stream("Current User") or b""
    draft = TextDraft(limits)
    try:
        for number, texts in enumerate(_slides(stream, user), 1):
            with draft.slide(number):
                for is_title, text in texts:
                    if is_title:
                        draft.heading(1, text)
                    else:
                        draft.paragraph(cleaned(text))
    except struct.error:
        raise DocumentRefusedError("damaged") from None
    return draft.finish()


def _slides(stream: bytes, user: bytes) -> Iterator[list[_Text]]:
    token, edit = struct.unpack_from("<II", user, 12) if len(user) >= 20 else (0, 0)
    if token == _ENCRYPTED:
        raise DocumentRefusedError("encrypted")
    places, document = _directory(stream, edit)
    listed = list(_listed(stream, places.get(document, len(stream))))
    for identifier, outline in listed:
        record = _record(stream, places[identifier]) if identifier in places else None
        is_slide = record is not None and record.kind == _SLIDE
        yield outline + (list(_texts(stream, record.start, record.end)) if record and is_slide else [])
    if not listed:
        # Without a directory: every slide that lies there.
        for record in _records(stream, 0, len(stream)):
            if record.kind == _SLIDE:
                yield list(_texts(stream, record.start, record.end))


def _directory(stream: bytes, edit: int) -> tuple[dict[int, int], int]:
    """Where each object lies, by its number, and the number of the document; newer saves count before older ones."""
    places: dict[int, int] = {}
    document = 0
    seen: set[int] = set()
    while edit and edit not in seen and len(seen) < _MAX_SAVES:
        seen.add(edit)
        record = _record(stream, edit)
        if record is None or record.kind != _USER_EDIT:
            break
        edit, directory, number = struct.unpack_from("<III", stream, record.start + 8)
        document = document or number
        found = _record(stream, directory)
        if found is not None and found.kind == _DIRECTORY:
            for identifier, place in _placed(stream, found):
                places.setdefault(identifier, place)
    return places, document


def _placed(stream: bytes, record: _Record) -> Iterator[tuple[int, int]]:
    at = record.start
    while at + 4 <= record.end:
        (head,) = struct.unpack_from("<I", stream, at)
        first, count = head & 0xFFFFF, head >> 20
        at += 4
        for index in range(min(count, (record.end - at) // 4)):
            yield first + index, struct.unpack_from("<I", stream, at + 4 * index)[0]
        at += 4 * count


def _listed(stream: bytes, document: int) -> Iterator[tuple[int, list[_Text]]]:
    """Number and outline of each slide, in the order they are shown."""
    record = _record(stream, document)
    if record is None or not record.is_container:
        return
    for child in _records(stream, record.start, record.end):
        if child.kind != _SLIDE_LIST or child.instance != 0:
            continue
        identifier, begin = None, child.start
        for entry in _records(stream, child.start, child.end):
            if entry.kind == _LISTED_SLIDE:
                if identifier is not None:
                    yield identifier, list(_texts(stream, begin, entry.start - 8))
                (identifier,) = struct.unpack_from("<I", stream, entry.start)
                begin = entry.end
        if identifier is not None:
            yield identifier, list(_texts(stream, begin, child.end))


def _texts(stream: bytes, start: int, end: int, depth: int = 0) -> Iterator[_Text]:
    """The texts below, with what they are."""
    kind = -1
    for record in _records(stream, start, end):
        if record.kind == _TEXT_KIND:
            (kind,) = struct.unpack_from("<I", stream, record.start)
        elif record.kind in (_WIDE_TEXT, _NARROW_TEXT):
            encoding = "utf-16-le" if record.kind == _WIDE_TEXT else "latin-1"
            text = stream[record.start : record.end].decode(encoding, "replace")
            if text.strip("\r\x0b *"):
                yield _Text(kind in _TITLES, text)
        elif record.is_container and depth < _MAX_DEPTH:
            yield from _texts(stream, record.start, record.end, depth + 1)


def _records(stream: bytes, start: int, end: int) -> Iterator[_Record]:
    while start + 8 <= end:
        record = _record(stream, start)
        if record is None or record.end > end:
            return
        yield record
        start = record.end


def _record(stream: bytes, at: int) -> _Record | None:
    if at + 8 > len(stream):
        return None
    head, kind, size = struct.unpack_from("<HHI", stream, at)
    return _Record(kind, head >> 4, head & 0xF == 0xF, at + 8, at + 8 + size)
