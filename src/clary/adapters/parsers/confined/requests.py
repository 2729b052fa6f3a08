"""What a child is asked, and what it answers: plain values, since they pass between processes.

`{"document": {text, pages, headings, parts, tables, metadata}}`, `{"rows": […], "skipped"}`, `{"outcome"}` for a file
that is refused, `{"reason"}` for one that is no QA file.
"""

import importlib
from typing import IO, Any, Final

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.reading import read
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_LOADED: Final = (
    "encodings.idna encodings.utf_16 encodings.utf_16_le encodings.utf_16_be encodings.utf_32 encodings.utf_32_le "
    "encodings.utf_32_be encodings.utf_8_sig encodings.gb18030 encodings.gbk encodings.gb2312 encodings.big5 "
    "encodings.cp950 encodings.big5hkscs encodings.cp932 encodings.shift_jis encodings.euc_jp encodings.iso2022_jp "
    "encodings.cp949 encodings.euc_kr encodings.hz encodings.cp1250 encodings.cp1251 encodings.cp1252 encodings.cp437 "
    "encodings.cp850 encodings.latin_1 encodings.ascii encodings.koi8_r encodings.iso8859_2 encodings.iso8859_15 "
    "encodings.mac_roman encodings.unicode_escape encodings.raw_unicode_escape encodings.quopri_codec "
    "encodings.base64_codec email.policy email.parser email._header_value_parser email.iterators quopri uu "
    "bz2 lzma zlib stringprep unicodedata"
).split()
"""Loaded lazily by the standard library, which a child cannot do any more."""


def load_libraries() -> None:
    """Everything a child may need."""
    for name in _LOADED:
        importlib.import_module(name)


def answer_to(request: dict[str, Any], file: IO[bytes], limits: Limits) -> dict[str, Any]:
    """Reads one document."""
    try:
        return {"document": _plain(read(file.read(), request["name"], limits))}
    except DocumentRefusedError as refused:
        return {"outcome": refused.outcome}


def _plain(document: ParsedDocument) -> dict[str, Any]:
    return {
        "text": document.text,
        "pages": document.pages,
        "headings": document.headings,
        "parts": document.parts,
        "tables": document.tables,
        "metadata": document.metadata,
    }
