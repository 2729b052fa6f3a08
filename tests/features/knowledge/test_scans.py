"""Scans over HTTP, with a stand-in for the engine and with the real one (product.md 5.5, 9)."""

import base64
import shutil
import struct
import sys
import zlib
from pathlib import Path

import pytest

from clary.adapters.parsers.confined.rendering import picture_of
from features.knowledge.stacks import Stacks, stacks_in
from support import sample_files as new

pytestmark = pytest.mark.anyio

STAND_IN = """#!{python} -I
import sys
print("walrus on page with", len(sys.stdin.buffer.read()), "bytes", *sys.argv[3:])
"""


def png(content: bytes) -> bytes:
    """The first page of a PDF as a picture."""
    head, pixels = base64.b64decode(picture_of(content, 0)).split(b"\n", 1)
    width, height = map(int, head.split()[1:3])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[width * row : width * (row + 1)] for row in range(height))
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


async def has_ocr(stacks: Stacks) -> bool:
    answer = await (await stacks.as_("ann")).get("/api/system/info")
    return answer.json()["data"]["features"]["ocr"]


async def test_a_scan_is_read_by_an_engine_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    async with stacks_in(tmp_path, ocr="auto", ocr_languages="eng", ocr_max_pages=2) as stacks:
        kdb_id = await stacks.base("ann")
        rows = await stacks.add("ann", kdb_id, {"scan.pdf": new.pdf(["", "", ""]), "picture.png": png(new.pdf([""]))})
        scan, picture = rows["scan.pdf"], rows["picture.png"]
        assert (scan["outcome"], scan["pages"], scan["metadata"]["ocr"]) == ("ok", 2, True)
        assert scan["metadata"]["ocr_truncated"] is True
        assert (picture["outcome"], picture["metadata"]["ocr"]) == ("ok", True)
        assert "ocr_truncated" not in picture["metadata"]
        assert (await stacks.texts(kdb_id))["picture.png"][0].endswith("bytes -l eng")
        assert await has_ocr(stacks)


async def test_without_an_engine_a_scan_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with stacks_in(tmp_path, ocr="auto") as stacks:
        kdb_id = await stacks.base("ann")
        rows = await stacks.add("ann", kdb_id, {"scan.pdf": new.pdf([""])})
        assert (rows["scan.pdf"]["status"], rows["scan.pdf"]["outcome"]) == (3, "empty")
        assert not await has_ocr(stacks)


@pytest.mark.slow
async def test_the_real_engine_reads_a_picture_and_a_scan(tmp_path: Path) -> None:
    assert shutil.which("tesseract"), "the engine is missing: `make dev-setup` installs it"
    text = "The walrus sleeps on the ice.\nIts tusks are very long."
    page = new.pdf([text])
    async with stacks_in(tmp_path, ocr="on") as stacks:
        kdb_id = await stacks.base("ann")
        rows = await stacks.add("ann", kdb_id, {"picture.png": png(page), "scan.pdf": new.scan(png(page))})
        assert [rows[name]["metadata"].get("ocr") for name in ("picture.png", "scan.pdf")] == [True, True]
        texts = await stacks.texts(kdb_id)
        for name in ("picture.png", "scan.pdf"):
            read = " ".join(texts[name])
            assert "walrus sleeps on the ice" in read
            assert "tusks are very long" in read
