"""How much a document may be, and may take."""

from dataclasses import asdict, dataclass
from typing import Any

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Contract product 5.5 and 9; beyond any of them a document is `too_large`."""

    max_chars: int = 5_000_000
    max_pages: int = 5_000
    seconds: float = 30.0
    memory_bytes: int = 512 * MEGABYTE
    max_unpacked_bytes: int = 512 * MEGABYTE
    max_expansion: int = 100
    max_entries: int = 20_000
    max_attachments: int = 50
    max_depth: int = 2

    def as_dict(self) -> dict[str, Any]:
        """For the way into the child."""
        return asdict(self)
