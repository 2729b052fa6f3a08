"""Kinds of documents, by the ends of their names and by their media types.

The old binary `doc` is left out: its parser is one of knowledge bases' confined ones, which this reader does not ask.
"""

from typing import Final

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN: Final = "application/vnd.oasis.opendocument"
MEDIA_TYPES: Final = {
    "pdf": "application/pdf",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "odt": f"{_OPEN}.text",
    "ods": f"{_OPEN}.spreadsheet",
    "odp": f"{_OPEN}.presentation",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "eml": "message/rfc822",
    "msg": "application/vnd.ms-outlook",
    "html": "text/html",
}
"""Kind → media type."""

ZIPPED: Final = frozenset({"docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"})
_ENDINGS: Final = {
    **{kind: kind for kind in MEDIA_TYPES},
    "htm": "html",
    "xlsm": "xlsx",
    "docm": "docx",
    "pptm": "pptx",
}
_TYPES: Final = {
    **{media_type: kind for kind, media_type in MEDIA_TYPES.items()},
    "application/xhtml+xml": "html",
    "text/rtf": "rtf",
    "application/x-pdf": "pdf",
}


def kind_of(*, name: str = "", content_type: str = "") -> str | None:
    """See `Documents.kind_of`."""
    ending = name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""
    return _ENDINGS.get(ending) or _TYPES.get(content_type.lower())
