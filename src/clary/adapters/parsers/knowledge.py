"""Parses the documents of knowledge bases."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.names import ending_of, is_image, is_pdf, text_kind
from clary.adapters.parsers.confined.plain import read_markdown, read_text
from clary.adapters.parsers.scans import OcrEngine, ScanReader
from clary.adapters.parsers.template_process import TemplateProcess
from clary.features.knowledge.ports import (
    DocumentRefusedError,
    Heading,
    Outcome,
    ParsedDocument,
    QaFormatError,
    QaRow,
    Span,
    Table,
)

_OUTCOMES: Final = ("unsupported", "encrypted", "damaged", "too_large", "empty")
_NOT_TEXT: Final = (b"%PDF-", b"PK\x03\x04", b"{\\rtf", b"\xef\xbb\xbf")
_LOOKED_AT: Final = 4096
_SMALL_BYTES: Final = 16 * 1024
_START_SECONDS: Final = 20.0
"""Beside the time a document has: starting the template, waiting for a busy machine."""


class KnowledgeParser:
    """Fills the port `DocumentParser`. `parallel` children at a time; further calls wait for their turn.

    Belongs to one event loop; `aclose` ends its process.
    """

    def __init__(self, limits: Limits | None = None, *, parallel: int = 2, ocr: OcrEngine | None = None) -> None:
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(parallel)
        self._template = TemplateProcess(self._limits)
        self._scans = ScanReader(ocr, self._template, self._limits) if ocr is not None else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the process and whatever it still reads."""
        await self._template.stop()

    async def parse(self, path: Path, *, name: str) -> ParsedDocument:
        """See the port.

        Raises:
            DocumentRefusedError
            OSError: The file cannot be opened, or no process be started: trouble of the host, not of the file.
        """
        small = await asyncio.to_thread(_small_text, path, name, self._limits)
        if small is not None:
            return small
        async with self._slots:
            try:
                answer = await self._ask({"job": "document", "name": name}, path)
            except DocumentRefusedError as refused:
                scanned = await self._scanned(path, refused)
                if scanned is None:
                    raise
                return scanned
        document = answer.get("document")
        if not isinstance(document, dict):
            raise DocumentRefusedError("damaged")
        return _document(cast("dict[str, Any]", document))

    async def parse_qa(self, path: Path, *, name: str, most_rows: int | None = None) -> tuple[list[QaRow], int]:
        """See the port.

        Raises:
            QaFormatError
            DocumentRefusedError
            OSError: As for `parse`.
        """
        async with self._slots:
            answer = await self._ask({"job": "rows", "name": name, "most_rows": most_rows}, path)
        if "rows" not in answer:
            raise QaFormatError(answer.get("reason"))
        return [QaRow(*row) for row in answer["rows"]], int(answer["skipped"])

    async def _scanned(self, path: Path, refused: DocumentRefusedError) -> ParsedDocument | None:
        """The text in the pictures of a file that has no other; None where nobody can read that."""
        if self._scans is None or refused.outcome != "empty":
            return None
        start = await asyncio.to_thread(_first_bytes, path)
        if not is_pdf(start) and not is_image(start):
            return None
        return await self._scans.read(path, is_pdf=is_pdf(start))

    async def _ask(self, request: dict[str, Any], path: Path) -> dict[str, Any]:
        ended = await self._template.ask(request, path, seconds=self._limits.seconds + _START_SECONDS)
        if ended.answer is None:
            raise DocumentRefusedError("too_large" if ended.is_exhausted else "damaged")
        outcome = ended.answer.get("outcome")
        if outcome is not None:
            raise DocumentRefusedError(cast("Outcome", outcome) if outcome in _OUTCOMES else "damaged")
        return ended.answer


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LOOKED_AT)


def _small_text(path: Path, name: str, limits: Limits) -> ParsedDocument | None:
    """Notes are read here: there is nothing in them that a parser could stumble over. None: not such a file."""
    ending = ending_of(name)
    if ending not in ("txt", "md") or path.stat().st_size > _SMALL_BYTES:
        return None
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if "\0" in text or content.startswith(_NOT_TEXT) or text_kind(content, ending) not in ("text", "md"):
        return None
    return (read_markdown if ending == "md" else read_text)(content, limits)


def _document(answer: dict[str, Any]) -> ParsedDocument:
    return ParsedDocument(
        str(answer["text"]),
        pages=tuple(Span(*span) for span in answer["pages"]),
        headings=tuple(Heading(*heading) for heading in answer["headings"]),
        parts=tuple(Span(*span) for span in answer["parts"]),
        tables=tuple(Table(*table) for table in answer["tables"]),
        metadata=answer["metadata"],
    )
