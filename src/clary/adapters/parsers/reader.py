"""Starts the child, bounds it, and understands its answer."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

import structlog
from charset_normalizer import from_bytes

from clary.adapters.parsers.kinds import MEDIA_TYPES, ZIPPED, kind_of
from clary.features.toolbox.ports import DocumentError, DocumentText
from clary.kit import json_text
from clary.kit.text import Text

log = structlog.get_logger()

SECONDS: Final = 30.0
MAX_CHARACTERS: Final = 5_000_000
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""JSON spells a character with up to twelve bytes."""
_LOOKED_AT: Final = 64 * 1024
_CHUNK: Final = 256 * 1024
_CHILD: Final = str(Path(__file__).with_name("child.py"))

_FAULTS: Final = {
    "encrypted": Text("文件已加密", "The file is encrypted"),
    "too_large": Text("文件内容过大", "The file holds too much"),
    "broken": Text("文件已损坏或格式不符", "The file is damaged or of another format"),
    "timeout": Text("文件解析超时", "Reading the file took too long"),
}
_UNSUPPORTED: Final = Text("不支持的文件格式", "This format is not supported")


class DocumentReader:
    """Fills the port `Documents`. `parallel` children at a time; further calls wait for their turn."""

    def __init__(self, *, seconds: float = SECONDS, parallel: int = 2) -> None:
        self._seconds = seconds
        self._slots = asyncio.Semaphore(parallel)

    def kind_of(self, *, name: str = "", content_type: str = "") -> str | None:
        """See the port."""
        return kind_of(name=name, content_type=content_type)

    async def read(self, content: bytes, kind: str) -> DocumentText:
        """See the port.

        Raises:
            DocumentError
        """
        if kind not in MEDIA_TYPES:
            raise DocumentError(_UNSUPPORTED)
        async with self._slots:
            answer = await self._ask(content, kind)
        fault = answer.get("fault")
        if fault is not None:
            raise DocumentError(_FAULTS.get(str(fault), _FAULTS["broken"]))
        return DocumentText(str(answer.get("title", "")), str(answer.get("text", "")))

    async def decode(self, content: bytes, charset: str | None) -> str:
        """See the port."""
        return await asyncio.to_thread(decoded, content, charset)

    async def _ask(self, content: bytes, kind: str) -> dict[str, Any]:
        is_zipped = "1" if kind in ZIPPED else "0"
        argv = (sys.executable, "-I", _CHILD, kind, MEDIA_TYPES[kind], is_zipped, str(MAX_CHARACTERS))
        async with _pipe() as (reader, child_end):
            with await asyncio.to_thread(_memory_file, content) as given:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=given.fileno(),
                    stdout=child_end.fileno(),
                    stderr=asyncio.subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
            child_end.close()
            try:
                async with asyncio.timeout(self._seconds):
                    output = await _read(reader)
                    if len(output) <= _MAX_ANSWER_BYTES:
                        await process.wait()
            except TimeoutError:
                return {"fault": "timeout"}
            finally:
                await _end(process)
        return await asyncio.to_thread(_understood, output, process.returncode, kind)


def decoded(content: bytes, charset: str | None) -> str:
    """Text by its charset, its byte order mark, as UTF-8, else by what a detector makes of the first 64 KiB."""
    for name in (charset, "utf-8-sig"):
        with contextlib.suppress(LookupError, UnicodeDecodeError, ValueError):
            if name:
                return content.decode(name)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    best = from_bytes(content[:_LOOKED_AT]).best()
    name = best.encoding if best is not None else "utf-8"
    # Chinese of any age is within GB18030; the detector names its older parts, in which later characters are missing.
    return content.decode("gb18030" if name in ("gb2312", "gbk", "cp936", "hz") else name, "replace")


def _memory_file(content: bytes) -> IO[bytes]:
    """A file without a name, at its beginning: unlike a pipe it needs nobody who feeds it."""
    file = os.fdopen(os.memfd_create("document"), "w+b")
    file.write(content)
    file.seek(0)
    return file


@asynccontextmanager
async def _pipe() -> AsyncGenerator[tuple[asyncio.StreamReader, IO[bytes]]]:
    """A pipe of our own: asyncio does not see the end of a child while somebody holds a pipe that it made itself."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    with os.fdopen(write_end, "wb") as child_end:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        try:
            yield reader, child_end
        finally:
            transport.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """All that a child says, or a little more than the most that is understood."""
    output = bytearray()
    while len(output) <= _MAX_ANSWER_BYTES and (chunk := await reader.read(_CHUNK)):
        output += chunk
    return bytes(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kills the child's whole group and waits for it, also when this task is being cancelled."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


def _understood(output: bytes, status: int | None, kind: str) -> dict[str, Any]:
    try:
        answer: Any = json_text.loads(output) if len(output) <= _MAX_ANSWER_BYTES else None
    except ValueError:
        answer = None
    if status != 0 or not isinstance(answer, dict):
        log.info("document_child_failed", kind=kind, status=status)
        return {"fault": "broken"}
    return cast("dict[str, Any]", answer)
