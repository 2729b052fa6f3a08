"""What a child is asked, and what it answers: plain values, since they pass between processes.

`{"document": {text, pages, headings, parts, tables, metadata}}`, `{"rows": […], "skipped"}`, `{"outcome"}` for a file
that is refused, `{"reason"}` for one that is no QA file; `{"pages"}` and `{"picture"}` of scans.
"""

import importlib
from typing import IO, Any, Final

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.questions import read_rows
from clary.adapters.parsers.confined.reading import read
from clary.adapters.parsers.confined.rendering import count_pages, picture_of
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument, QaFormatError

_CODECS: Final = (
    "idna utf_16 utf_16_le utf_16_be utf_32 utf_32_le utf_32_be utf_8_sig gb18030 gbk gb2312 big5 cp950 "
    "big5hkscs cp932 shift_jis euc_jp iso2022_jp cp949 euc_kr hz cp1250 cp1251 cp1252 cp437 cp850 latin_1 "
    "ascii koi8_r iso8859_2 iso8859_15 mac_roman unicode_escape raw_unicode_escape quopri_codec "
    "base64_codec"
)
_MODULES: Final = (
    "email.policy email.parser email._header_value_parser email.iterators quopri uu bz2 lzma zlib "
    "stringprep unicodedata msoffcrypto.format.xls97 email.generator"
)
"""Loaded by libraries only when they need it, which every child would do anew."""


def load_libraries() -> None:
    """Everything a child may need."""
    for name in _CODECS.split():
        importlib.import_module(f"encodings.{name}")
    for name in _MODULES.split():
        importlib.import_module(name)


def answer_to(request: dict[str, Any], file: IO[bytes], limits: Limits) -> dict[str, Any]:
    """Reads one document."""
    name: str = request.get("name", "")
    try:
        if request["job"] == "pages":
            return {"pages": count_pages(file.read())}
        if request["job"] == "picture":
            return {"picture": picture_of(file.read(), request["page"])}
        if request["job"] == "rows":
            rows, skipped = read_rows(file.read(), name, limits, request["most_rows"])
            return {"rows": rows, "skipped": skipped}
        return {"document": _plain(read(file.read(), name, limits))}
    except DocumentRefusedError as refused:
        is_no_table = request["job"] == "rows" and refused.outcome == "unsupported"
        return {"reason": None} if is_no_table else {"outcome": refused.outcome}
    except QaFormatError as refused:
        return {"reason": refused.reason}


def _plain(document: ParsedDocument) -> dict[str, Any]:
    return {
        "text": document.text,
        "pages": document.pages,
        "headings": document.headings,
        "parts": document.parts,
        "tables": document.tables,
        "metadata": document.metadata,
    }
