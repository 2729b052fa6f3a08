"""What names say, and which kind of text a text is."""

import re
from typing import Final

_HTML: Final = re.compile(
    rb"(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)[\s>]", re.I | re.S
)
_HEADER: Final = re.compile(rb"(?:[A-Za-z][\w-]{1,60}:[ \t][^\n]{0,1000}\r?\n(?:[ \t][^\n]{0,1000}\r?\n){0,50}){3}")
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
}


def ending_of(name: str) -> str:
    """The end of a file name, in lower case."""
    return name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""


def text_kind(start: bytes, ending: str) -> str:
    """The kind of a text by its first bytes and the end of its name: `html eml md csv tsv text`."""
    stripped = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _HTML.match(stripped):
        return "html"
    if _HEADER.match(stripped) and len(_MAIL_HEADER.findall(stripped)) >= (1 if ending == "eml" else 3):
        return "eml"
    return _TEXT_ENDINGS.get(ending, "text")
