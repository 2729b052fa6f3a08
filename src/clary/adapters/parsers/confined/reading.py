"""One document, whatever it is: by its real kind to whoever reads that."""

from collections.abc import Callable
from typing import Final

from clary.adapters.parsers.confined import (
    docx,
    epub,
    html_page,
    old_office,
    old_slides,
    old_word,
    opendocument,
    pdf,
    plain,
    pptx,
    xlsx,
)
from clary.adapters.parsers.confined.detection import kind_of
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.mail import read_eml
from clary.adapters.parsers.confined.outlook import read_msg
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_READERS: Final[dict[str, Callable[[bytes, Limits], ParsedDocument]]] = {
    "text": plain.read_text,
    "md": plain.read_markdown,
    "json": plain.read_json,
    "csv": lambda content, limits: plain.read_delimited(content, limits, None),
    "tsv": lambda content, limits: plain.read_delimited(content, limits, "\t"),
    "html": html_page.read_html,
    "pdf": pdf.read_pdf,
    "docx": docx.read_docx,
    "pptx": pptx.read_pptx,
    "xlsx": xlsx.read_xlsx,
    "odt": opendocument.read_odt,
    "ods": opendocument.read_ods,
    "odp": opendocument.read_odp,
    "epub": epub.read_epub,
    "rtf": old_office.read_rtf,
    "doc": old_word.read_doc,
    "xls": old_office.read_xls,
    "ppt": old_slides.read_ppt,
}
_MAILS: Final = {"eml": read_eml, "msg": read_msg}


def read(content: bytes, name: str, limits: Limits, depth: int = 0) -> ParsedDocument:
    """The text of a file; `depth` counts the mails around it.

    Raises:
        DocumentRefusedError
    """
    kind = kind_of(content, name)
    if kind == "image":
        raise DocumentRefusedError("empty")
    try:
        if kind in _MAILS:
            return _MAILS[kind](content, limits, depth, read)
        return _READERS[kind](content, limits)
    except RecursionError:
        raise DocumentRefusedError("damaged") from None
