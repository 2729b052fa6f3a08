"""One document, whatever it is: by its real kind to whoever reads that."""

from collections.abc import Callable
from typing import Final

from clary.adapters.parsers.confined import docx, pdf, plain
from clary.adapters.parsers.confined.detection import kind_of
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_READERS: Final[dict[str, Callable[[bytes, Limits], ParsedDocument]]] = {
    "text": plain.read_text,
    "md": plain.read_markdown,
    "csv": lambda content, limits: plain.read_delimited(content, limits, "csv"),
    "tsv": lambda content, limits: plain.read_delimited(content, limits, "tsv"),
    "pdf": pdf.read_pdf,
    "docx": docx.read_docx,
}


def read(content: bytes, name: str, limits: Limits) -> ParsedDocument:
    """The text of a file.

    Raises:
        DocumentRefusedError
    """
    kind = kind_of(content, name)
    if kind == "image":
        raise DocumentRefusedError("empty")
    if kind not in _READERS:
        raise DocumentRefusedError("unsupported")
    return _READERS[kind](content, limits)
