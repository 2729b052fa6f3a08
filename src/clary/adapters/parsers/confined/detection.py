"""What a file is: its content decides, its name only where content says nothing."""

import io
import re
import zipfile
import zlib
from typing import Final

from clary.adapters.parsers.confined.compound import opened
from clary.adapters.parsers.confined.names import ending_of, has_control, is_image, is_pdf, text_kind
from clary.features.knowledge.ports import DocumentRefusedError

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIPPED: Final = (
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/", "xlsx"),
)
_OPEN: Final = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
}
_STREAMS: Final = (
    ("EncryptedPackage", "encrypted"),
    ("WordDocument", "doc"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("PowerPoint Document", "ppt"),
    ("__properties_version1.0", "msg"),
)
_BINARY: Final = re.compile(
    rb"MZ|\x7fELF|\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe|OggS|fLaC|ID3"
    rb"|SQLite format 3\0|wOF[F2]|\0asm|MSCF"
)
_LOOKED_AT: Final = 4096


def kind_of(content: bytes, name: str) -> str:
    """The kind of a document: `pdf docx … rtf eml image` or, for any text, `md html csv tsv json text`.

    Raises:
        DocumentRefusedError: `unsupported`, `encrypted`, `damaged`, `empty`.
    """
    start = content[:_LOOKED_AT]
    if not start.strip() and not content.strip():
        raise DocumentRefusedError("empty")
    if is_pdf(start):
        return "pdf"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(content)
    if start.startswith(OLE):
        return _compound(content)
    if start.startswith(b"{\\rtf"):
        return "rtf"
    if is_image(start):
        return "image"
    # Some begin with letters only, as a text may.
    if _BINARY.match(start) and has_control(start):
        raise DocumentRefusedError("unsupported")
    return text_kind(start, ending_of(name))


def _zipped(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            mime = entries.get("mimetype")
            if mime is not None and mime.file_size < 200 and not mime.flag_bits & 1:
                kind = _OPEN.get(archive.read(mime).decode("latin-1").strip().removesuffix("-template"))
                if kind is not None:
                    return kind
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error):
        raise DocumentRefusedError("damaged") from None
    if "[Content_Types].xml" in entries:
        for folder, kind in _ZIPPED:
            if any(name.startswith(folder) for name in entries):
                return kind
    if "META-INF/container.xml" in entries:
        return "epub"
    raise DocumentRefusedError("unsupported")


def _compound(content: bytes) -> str:
    with opened(content) as file:
        kind = next((kind for stream, kind in _STREAMS if file.has(stream)), None)
    if kind is None:
        raise DocumentRefusedError("unsupported")
    if kind == "encrypted":
        raise DocumentRefusedError("encrypted")
    return kind
