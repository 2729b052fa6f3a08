"""What a file is taken for (product.md 5.5: content decides before the extension)."""

import bz2
import gzip
import lzma
import sqlite3
import struct
import subprocess
import sys

import pytest

from clary.adapters.parsers.confined.detection import kind_of
from clary.features.knowledge.ports import DocumentRefusedError
from support import sample_files as new

MAGICS = [
    "MZ",
    "Rar!",
    "BZh",
    "OggS",
    "fLaC",
    "ID3",
    "wOFF",
    "wOF2",
    "MSCF",
    "GIF87a",
    "GIF89a",
    "BM",
    "7z",
    "RIFF....WEBP",
]
WORDS = {
    "utf-8": "is how such a file begins. 这是一段说明文字，讲的是文件格式。\n" * 5,
    "gb18030": "是这种文件的开头。这是一段说明文字，讲的是文件格式。\n" * 5,
    "big5": "是這種檔案的開頭。這是一段說明文字，講的是檔案格式。\n" * 5,
    "latin-1": "est le début d'un fichier déjà très connu à l'étranger.\n" * 5,
}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("magic", MAGICS)
def test_a_text_that_begins_like_a_binary_file_is_a_text(magic: str, encoding: str) -> None:
    assert kind_of((magic + WORDS[encoding]).encode(encoding), "notes.txt") == "text"
    assert kind_of((magic + " " + WORDS[encoding]).encode(encoding), "notes.txt") == "text"


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("name", ["a.txt", "a.log", "a"])
def test_a_text_that_tells_of_pdf_is_a_text(encoding: str, name: str) -> None:
    lines = ("A PDF begins with %PDF-1.7, see below.\n", "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n")
    for line in lines:
        assert kind_of((WORDS[encoding] + line + WORDS[encoding]).encode(encoding), name) == "text"


@pytest.mark.parametrize(
    "before", [b"", b"\n\n", b"\xef\xbb\xbf", b"\0\0junk", b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"]
)
def test_a_pdf_is_one_whatever_stands_before_it(before: bytes) -> None:
    whole = new.pdf(["a page"])
    assert kind_of(before + whole.replace(b"\n", b"\n%\xe2\xe3\xcf\xd3\n", 1), "a.bin") == "pdf"
    assert kind_of(whole, "a.txt") == "pdf"


def _sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("create table t (a)")
        return database.serialize()


BINARIES = {
    "bz2": bz2.compress(b"words " * 9),
    "gz": gzip.compress(b"words"),
    "xz": lzma.compress(b"words"),
    "sqlite": _sqlite(),
    "exe": b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff",
    "mp3": b"ID3\4\0\0\0\0\0\x23",
    "ogg": b"OggS\0\2" + bytes(20),
    "rar": b"Rar!\x1a\7\1\0",
    "7z": b"7z\xbc\xaf\x27\x1c\0\4",
    "cab": b"MSCF\0\0\0\0",
    "class": b"\xca\xfe\xba\xbe\0\0\0\x34",
    "wasm": b"\0asm\1\0\0\0",
}


@pytest.mark.parametrize("name", BINARIES)
def test_binary_files_are_no_documents_whatever_they_are_called(name: str) -> None:
    with pytest.raises(DocumentRefusedError) as refused:
        kind_of(BINARIES[name], "notes.txt")
    assert refused.value.outcome == "unsupported"


def test_pictures_are_pictures() -> None:
    gif = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b";"
    webp = b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8 " + bytes(10)
    for content in (gif, webp, b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        assert kind_of(content, "notes.txt") == "image"
    points = b"P6\n# made by hand\n2 2\n255\n" + b"\x80\xa0\xfe" * 4
    avif = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1"
    icon = b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + struct.pack("<II", 1128, 22)
    jpeg_2000 = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 "
    for content in (points, avif, avif.replace(b"avif", b"heic"), icon, jpeg_2000, b"\xff\x4f\xff\x51\0\x2f\0\0"):
        assert kind_of(content, "notes.txt") == "image"


def test_a_text_that_begins_like_a_picture_is_a_text() -> None:
    assert kind_of(b"P5 100 200 300 seats were sold.", "notes.txt") == "text"


@pytest.mark.parametrize(
    "text",
    [
        "a|b\n---" + " " * 16_000 + "x|",
        "a|b\n" + "-" * 16_000 + "x|",
        "a|b\n" + "|-" * 8_000 + "x|",
        "Aa: x\r\n" + " \r\n" * 1300,
        ("Aa: \r\n" + " \r\n" * 60) * 20,
        "#" + " " * 16_000,
        "\\" * 16_000,
        "~" * 16_000,
        " " * 16_000 + "x",
    ],
    ids=range(9),
)
def test_no_note_is_slow_to_read(text: str) -> None:
    # In a process of its own: a pattern that looks back and forth could not be stopped in this one.
    program = (
        "import sys; from clary.adapters.parsers.confined.reading import read\n"
        "from clary.adapters.parsers.confined.limits import Limits; content = sys.stdin.buffer.read()\n"
        "read(content, 'a.txt', Limits())\n"
        "import time; began = time.process_time(); read(content, 'a.md', Limits()); read(content, 'a.json', Limits())\n"
        "assert time.process_time() - began < 0.2"
    )
    subprocess.run([sys.executable, "-c", program], input=text.encode(), check=True, timeout=30)
