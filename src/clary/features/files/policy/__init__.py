"""Pure decisions: which key an upload gets, what a content is, how it may be shown."""

from clary.features.files.policy.kinds import HEAD_BYTES, content_kind, csp_of, header_type, is_shown
from clary.features.files.policy.naming import BUNDLE, Kind, Place, Wish, clean_segment, place_of, read_path

__all__ = [
    "BUNDLE",
    "HEAD_BYTES",
    "Kind",
    "Place",
    "Wish",
    "clean_segment",
    "content_kind",
    "csp_of",
    "header_type",
    "is_shown",
    "place_of",
    "read_path",
]
