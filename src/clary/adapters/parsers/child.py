"""The child process: bytes on standard input, one JSON object on standard output, then it ends.

`{"title", "text"}`, or `{"fault"}`: `encrypted`, `too_large`, `broken`. Run by its path, as `python -I child.py <kind>
<media type> <is zipped: 0 or 1> <most characters>`; it imports nothing of this program, so that it starts quickly.
"""

import ctypes
import io
import json
import re
import resource
import signal
import sys
import zipfile
from typing import Any, Final

MEMORY_BYTES: Final = 512 * 1024 * 1024
CPU_SECONDS: Final = 30
MAX_PAGES: Final = 5000
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
MAX_ENTRIES: Final = 20_000

_FRONT_MATTER: Final = re.compile(r"\A---\n(?:[\w:.-]+: .*\n)*\n## [\w:.-]+: .*\n+")
_DIE_WITH_PARENT: Final = 1
_NEW_USER: Final = 0x10000000
_NEW_NETWORK: Final = 0x40000000


class _FaultError(Exception):
    """Why there is no text."""


def main(kind: str, media_type: str, max_characters: int, *, is_zipped: bool) -> None:
    """Reads one document."""
    _lock_in()
    content = sys.stdin.buffer.read()
    try:
        if is_zipped:
            _require_small_when_unpacked(content)
        title, text = _pdf(content, max_characters) if kind == "pdf" else _other(content, kind, media_type)
        answer = {"title": title.strip()[:1000], "text": text.replace("\0", "")[:max_characters].strip()}
    except _FaultError as fault:
        answer = {"fault": str(fault)}
    except MemoryError:
        answer = {"fault": "too_large"}
    sys.stdout.buffer.write(json.dumps(answer).encode())
    sys.stdout.buffer.flush()


def _lock_in() -> None:
    """Bounds first, then away from the network; hosts without user namespaces refuse the latter."""
    library = ctypes.CDLL(None)
    library.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    library.unshare(_NEW_USER | _NEW_NETWORK)
    # Runtimes reserve more addresses than they use, so those are bounded more generously than the data itself.
    for limit, most in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_AS, 4 * MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))


def _pdf(content: bytes, max_characters: int) -> tuple[str, str]:
    import pypdfium2 as untyped  # pyright: ignore[reportMissingTypeStubs]

    pypdfium2: Any = untyped

    pages: list[str] = []
    length = 0
    try:
        with pypdfium2.PdfDocument(content) as document:
            title = str(document.get_metadata_value("Title") or "")
            for number in range(min(len(document), MAX_PAGES)):
                page = document[number]
                text_page = page.get_textpage()
                pages.append(text_page.get_text_bounded().replace("\r\n", "\n"))
                text_page.close()
                page.close()
                length += len(pages[-1])
                if length > max_characters:
                    break
    except pypdfium2.PdfiumError as error:
        raise _FaultError("encrypted" if "assword" in str(error) else "broken") from None
    return title, "\n\n".join(pages)


def _require_small_when_unpacked(content: bytes) -> None:
    """What an archive says of itself; the bound of memory holds where it lies."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        # An encrypted office file is no archive, but begins as an old compound file.
        raise _FaultError("encrypted" if content.startswith(b"\xd0\xcf\x11\xe0") else "broken") from None
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise _FaultError("too_large")
    if any(entry.flag_bits & 1 for entry in entries):
        raise _FaultError("encrypted")


def _other(content: bytes, kind: str, media_type: str) -> tuple[str, str]:
    import kreuzberg

    options: dict[str, Any] = {"use_cache": False, "disable_ocr": True, "output_format": "markdown"}
    try:
        result = kreuzberg.extract_bytes_sync(content, media_type, kreuzberg.ExtractionConfig(**options))
    except kreuzberg.KreuzbergError:
        raise _FaultError("broken") from None
    metadata: Any = result.metadata
    title = metadata.get("title") if hasattr(metadata, "get") else None
    text = result.content
    return str(title or ""), _without_front_matter(text) if kind == "html" else text


def _without_front_matter(text: str) -> str:
    """Without the facts of a page's head, which the parser puts before its text as lines and a last heading."""
    return _FRONT_MATTER.sub("", text, count=1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[4]), is_zipped=sys.argv[3] == "1")
