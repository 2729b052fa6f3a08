"""Files that want to do harm, or are not what they say."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from support import sample_compound as old
from support import sample_files as new

ENCRYPTED_PDF = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >> /ID [<00><00>]"
LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a 'haha'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
XXE = "<!DOCTYPE x [<!ENTITY i SYSTEM 'file:///etc/passwd'><!ENTITY n SYSTEM 'http://127.0.0.1:1/x'>]>"
PLAIN = new.word_paragraph("plain")


def zip_bomb(megabytes: int) -> bytes:
    """A Word file of which one part unpacks to this much."""
    file = io.BytesIO(new.docx(PLAIN))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("word/media.xml", "w") as entry:
        for _ in range(megabytes):
            entry.write(bytes(1 << 20))
    return file.getvalue()


def lying_bomb(megabytes: int) -> bytes:
    """A Word file whose directory says that a large part is small."""
    content = bytearray(new.zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": bytes(megabytes << 20)}))
    at = 0
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        struct.pack_into("<I", content, at + 24, min(struct.unpack_from("<I", content, at + 24)[0], 1000))
        at += 4
    return bytes(content)


def locked_zip() -> bytes:
    """A Word file whose entries say that they are encrypted."""
    content = bytearray(new.docx(PLAIN))
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = 0
        while (at := content.find(mark, at)) >= 0:
            content[at + offset] |= 1
            at += 4
    return bytes(content)


def locked_office() -> bytes:
    """An Office file with a password: a compound file with the document encrypted in it."""
    return old.compound({"EncryptionInfo": b"\4\0\4\0" * 300, "EncryptedPackage": b"\x17" * 5000})


def looping_pdf() -> bytes:
    """Pages that are their own parents."""
    return new.pdf_of(
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 /Parent 2 0 R >>"]
    )


def pdf_bomb(megabytes: int) -> bytes:
    """A page whose content unpacks to this much, twice packed."""
    stream = zlib.compress(zlib.compress(b"BT /F1 1 Tf (x) Tj ET\n" * (megabytes << 20 >> 5)))
    return new.pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
            b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%b\nendstream" % (len(stream), stream),
        ]
    )


def many_pages(count: int) -> bytes:
    """A PDF of many blank pages."""
    kids = b" ".join(b"%d 0 R" % (n + 3) for n in range(count))
    pages = [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"] * count
    return new.pdf_of(
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count), *pages]
    )


def image_bomb() -> bytes:
    """A PNG that says it has 60,000 by 60,000 points."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    points = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + points + chunk(b"IEND", b"")


def quine_zip(depth: int = 5) -> bytes:
    """An archive in an archive in an archive."""
    inner = new.zipped({"a.txt": "x"})
    for _ in range(depth):
        inner = new.zipped({"inner.zip": inner, "word/document.xml": inner})
    return inner


def nested_mails(depth: int) -> bytes:
    """A mail in a mail in a mail."""
    mail = new.eml("bottom", "deep text")
    for level in range(depth):
        mail = new.eml(f"level {level}", "body", {f"m{level}.eml": mail})
    return bytes(mail)


def noise(seed: int, size: int = 20_000) -> bytes:
    """Random bytes, the same ones every time."""
    return random.Random(seed).randbytes(size)


def cut_in_half(content: bytes) -> bytes:
    """What is left of a broken transfer."""
    return content[: len(content) // 2]


def scrambled(content: bytes, seed: int) -> bytes:
    """Some bytes are wrong."""
    chance = random.Random(seed)
    bad = bytearray(content)
    for _ in range(max(8, len(bad) // 50)):
        bad[chance.randrange(min(16, len(bad) - 1), len(bad))] = chance.randrange(256)
    return bytes(bad)


def slow_texts() -> Iterator[tuple[str, bytes]]:
    """Texts that are slow for careless patterns."""
    yield "dots.txt", b"." * 400_000
    yield "brackets.md", b"[" * 200_000
    yield "backticks.md", b"`" * 200_000
    yield "hashes.md", b"#" * 200_000 + b"\n" + b"# \n" * 50_000
    yield "bars.md", b"|" * 200_000 + b"\n" + b"|-" * 100_000
    yield "quotes.csv", b'"' * 300_001
    yield "commas.csv", b"," * 300_000
    yield "spaces.txt", b" " * 300_000 + b"x"
    yield "colons.eml", b"A: b\r\n" * 50_000
    yield "tags.html", b"<html>" + b"<div" * 60_000
    yield "comments.html", b"<html>" + b"<!-" * 60_000
    yield "entities.html", b"<html>" + b"&a" * 100_000
    yield "deep.html", b"<html>" + b"<div>" * 60_000 + b"deep"
    yield "tables.html", b"<html>" + b"<table><tr><td>" * 5_000 + b"deep"
    yield "attributes.html", b"<html><a " + b"a='" * 60_000
    yield "deep.rtf", b"{\\rtf1" + b"{" * 100_000
    yield "deep.json", b"[" * 200_000
