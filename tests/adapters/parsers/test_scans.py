"""Scans, when a program that reads letters is installed (product.md 5.5, 9); a stand-in is one here."""

import sys
from pathlib import Path

import pytest
from anyio import fail_after

from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.adapters.parsers.scans import OcrEngine
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument
from support import sample_files as new

pytestmark = pytest.mark.anyio

STAND_IN = """#!{python} -I
import os, sys, time
picture = sys.stdin.buffer.read()
{body}
print("read", picture[:2].decode("latin-1"), *sys.argv[1:], len(os.environ))
"""
SCAN = new.pdf(["", "", ""])
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in on PATH."""
    path = tmp_path / "bin" / "tesseract"
    path.parent.mkdir()
    path.write_text(STAND_IN.format(python=sys.executable, body=""))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent))
    return path


async def read(folder: Path, content: bytes, engine: OcrEngine | None, name: str = "a.pdf") -> ParsedDocument | str:
    """A document, or why there is none."""
    path = folder / "original"
    path.write_bytes(content)
    with fail_after(100):
        async with KnowledgeParser(ocr=engine) as parser:
            try:
                return await parser.parse(path, name=name)
            except DocumentRefusedError as refused:
                return refused.outcome


async def test_scans_and_pictures_are_read_page_by_page(tmp_path: Path, program: Path) -> None:
    found = str(program)
    document = await read(tmp_path, SCAN, OcrEngine(found))
    assert isinstance(document, ParsedDocument)
    line = "read P5 stdin stdout -l chi_sim+eng"
    assert [part.rsplit(" ", 1)[0] for part in document.text.split("\n\n")] == [line] * 3
    assert [page.name for page in document.pages] == ["1", "2", "3"]
    assert document.metadata == {"ocr": True}
    picture = await read(tmp_path, PNG, OcrEngine(found, languages="eng"), name="a.png")
    assert isinstance(picture, ParsedDocument)
    assert "stdin stdout -l eng" in picture.text


async def test_without_an_engine_scans_are_empty(tmp_path: Path) -> None:
    assert await read(tmp_path, SCAN, None) == "empty"
    assert await read(tmp_path, PNG, None, name="a.png") == "empty"


async def test_more_pages_or_time_than_allowed_leave_the_text_so_far(tmp_path: Path, program: Path) -> None:
    few = await read(tmp_path, SCAN, OcrEngine(str(program), max_pages=2))
    assert isinstance(few, ParsedDocument)
    assert [page.name for page in few.pages] == ["1", "2"]
    assert few.metadata == {"ocr": True, "ocr_truncated": True}
    program.write_text(STAND_IN.format(python=sys.executable, body="time.sleep(600)"))
    assert await read(tmp_path, SCAN, OcrEngine(str(program), timeout_seconds=2)) == "empty"


async def test_an_engine_that_fails_or_writes_changes_nothing(tmp_path: Path, program: Path) -> None:
    body = f"try: open({str(tmp_path / 'new')!r}, 'w')\nexcept OSError as error: print(error.strerror)"
    program.write_text(STAND_IN.format(python=sys.executable, body=body))
    document = await read(tmp_path, SCAN, OcrEngine(str(program), max_pages=1))
    assert isinstance(document, ParsedDocument)
    assert not (tmp_path / "new").exists()
    program.write_text(STAND_IN.format(python=sys.executable, body="sys.exit(1)"))
    assert await read(tmp_path, SCAN, OcrEngine(str(program))) == "empty"
