"""Text out of pictures, when a program that can do that is installed: pages are drawn in one child, read in another."""

import asyncio
import base64
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.template_process import TemplateProcess
from clary.features.knowledge.ports import ParsedDocument

_MODULE: Final = "clary.adapters.parsers.confined.ocr_program"
_MOST_BYTES: Final = 4 * 1024 * 1024
_PAGE_SECONDS: Final = 40.0


@dataclass(frozen=True, slots=True)
class OcrEngine:
    """A program that is called like tesseract, and how much it may do for one document (contract product 9)."""

    program: str
    languages: str = "chi_sim+eng"
    max_pages: int = 200
    timeout_seconds: float = 300.0


class ScanReader:
    """Reads scans; what is beyond the limits of the engine is left out and said so."""

    def __init__(self, engine: OcrEngine, template: TemplateProcess, limits: Limits) -> None:
        self._engine = engine
        self._template = template
        self._limits = limits

    async def read(self, path: Path, *, is_pdf: bool) -> ParsedDocument:
        """The text of a picture, or of the pages of a PDF without any.

        Raises:
            DocumentRefusedError: `empty`, if nothing can be read; `too_large`.
        """
        draft = TextDraft(self._limits)
        draft.metadata["ocr"] = True
        try:
            async with asyncio.timeout(self._engine.timeout_seconds):
                if is_pdf:
                    await self._read_pages(draft, path)
                else:
                    with await asyncio.to_thread(path.open, "rb") as picture:
                        draft.paragraph(await self._letters(picture.fileno()))
        except TimeoutError:
            draft.metadata["ocr_truncated"] = True
        return draft.finish()

    async def _read_pages(self, draft: TextDraft, path: Path) -> None:
        count = int((await self._ask({"job": "pages"}, path)).get("pages", 0))
        if count > self._engine.max_pages:
            draft.metadata["ocr_truncated"] = True
        for index in range(min(count, self._engine.max_pages)):
            answer = await self._ask({"job": "picture", "page": index}, path)
            picture = await asyncio.to_thread(_memory_file, str(answer.get("picture", "")))
            try:
                text = await self._letters(picture)
            finally:
                os.close(picture)
            with draft.page(index + 1):
                draft.paragraph(text)

    async def _ask(self, request: dict[str, Any], path: Path) -> dict[str, Any]:
        """A page that cannot be drawn is a blank one."""
        ended = await self._template.ask(request, path, seconds=_PAGE_SECONDS)
        return ended.answer or {}

    async def _letters(self, picture: int) -> str:
        """What the engine reads; nothing, if it fails."""
        argv = (self._engine.program, self._engine.languages, self._limits.memory_bytes, self._engine.timeout_seconds)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", _MODULE, *map(str, argv),
            stdin=picture, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={}, cwd="/", start_new_session=True, limit=_MOST_BYTES,
        )  # fmt: skip
        output = b""
        try:
            if process.stdout is not None:
                while len(output) < _MOST_BYTES and (chunk := await process.stdout.read(_MOST_BYTES)):
                    output += chunk
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
        return output.decode("utf-8", "replace")


def _memory_file(picture: str) -> int:
    """A file without a name that holds a picture."""
    descriptor = os.memfd_create("picture")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(base64.b64decode(picture))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
