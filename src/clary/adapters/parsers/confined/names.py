"""What names and first bytes say."""

import re
from typing import Final

_HTML: Final = re.compile(
    rb"(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)[\s>]", re.I | re.S
)
# Every run is taken whole: the first bytes of any file are looked at, also in the server's own process.
_HEADER: Final = re.compile(rb"(?:[A-Za-z][\w-]{1,60}+:[ \t][^\n]{0,1000}+\n(?:[ \t][^\n]{0,1000}+\n){0,50}+){3}")
_MAIL_HEADER: Final = re.compile(
    rb"^(?:Received|Return-Path|Message-ID|MIME-Version|From|Delivered-To|Subject|Date):", re.I | re.M
)
_TEXT_ENDINGS: Final = {
    "md": "md",
    "markdown": "md",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "csv": "csv",
    "tsv": "tsv",
    "eml": "eml",
    "json": "json",
    "jsonl": "json",
}
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PDF: Final = re.compile(rb"(\s*|\xef\xbb\xbf\s*)%PDF-")
_PDF_WITH_BINARY_COMMENT: Final = re.compile(rb"%PDF-\d\.\d\s*[\r\n]%[\x80-\xff]{4}")
_IMAGES: Final = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
)
_NETPBM: Final = re.compile(rb"P[4-6]\s+(?:#[^\n]{0,200}\n\s*){0,5}\d{1,6}\s+\d{1,6}\s")
_HEIF: Final = re.compile(rb"\0\0.{2}ftyp(?:avif|avis|heic|heix|heim|heis|hevc|hevx|mif1|msf1)", re.S)
_ICON: Final = re.compile(rb"\0\0[\x01\x02]\0[\x01-\x40]\0.{3}\0", re.S)


def ending_of(name: str) -> str:
    """The end of a file name, in lower case."""
    return name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""


def text_kind(start: bytes, ending: str) -> str:
    """The kind of a text by its first bytes and the end of its name: `html eml md csv tsv json text`."""
    stripped = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _HTML.match(stripped):
        return "html"
    if _HEADER.match(stripped) and len(_MAIL_HEADER.findall(stripped)) >= (1 if ending == "eml" else 3):
        return "eml"
    return _TEXT_ENDINGS.get(ending, "text")


def has_control(start: bytes) -> bool:
    """Whether there are bytes that no text has; every binary file has some near its begin, UTF-16 has them too."""
    return _CONTROL.search(start) is not None


def is_pdf(start: bytes) -> bool:
    """Whether these are the first bytes of a PDF; some have others before. A text that tells of PDF is none."""
    if _PDF.match(start):
        return True
    head = start[:1024]
    return b"%PDF-" in head and (has_control(start) or _PDF_WITH_BINARY_COMMENT.search(head) is not None)


def is_image(start: bytes) -> bool:
    """Whether these are the first bytes of a picture."""
    if _NETPBM.match(start) and (has_control(start) or not start.isascii()):
        # Nothing but numbers comes before its points, which may happen to be no control characters.
        return True
    if not has_control(start):
        return False
    if start.startswith(b"BM"):
        return len(start) > 26 and start[14:18] in (b"\x28\0\0\0", b"\x7c\0\0\0", b"\x0c\0\0\0")
    if _HEIF.match(start) or _ICON.match(start):
        return True
    return start.startswith(_IMAGES) or (start.startswith(b"RIFF") and start[8:12] == b"WEBP")
