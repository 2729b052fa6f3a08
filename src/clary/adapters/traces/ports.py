"""What the operator decided about traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_CONTENT_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class TraceRules:
    """`endpoint`: a collector's address, with or without `/v1/traces`. `secrets` never leave."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    ratio: float = 1.0
    with_content: bool = False
    secrets: Sequence[str] = ()
    version: str = ""
    flush_seconds: float = 2.0


class ExporterMissingError(Exception):
    """An endpoint is set, but the extra `otel` is not installed."""
