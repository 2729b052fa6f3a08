"""Which passages a query may find (contract product 5.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """All must hold; None: this one does not count. `types` without leading dots, in lower case."""

    doc_ids: Sequence[str] | None = None
    doc_names: Sequence[str] | None = None
    types: Sequence[str] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_after: datetime | None = None
    created_before: datetime | None = None

    @property
    def are_empty(self) -> bool:
        """Whether everything may be found."""
        return self == Filters()


def document_metadata(kdb_id: str, doc_id: str, name: str, kind: str, details: Mapping[str, Any]) -> Json:
    """`metadata` of a result but for its place. `kind`: `file`, `qa`, `eml`.

    `details`: of the document and of the passage. None of them takes the place of what every result says.
    """
    return {**details, "doc_name": name, "type": kind, "kdb_id": kdb_id, "main_doc_id": doc_id}


def place_metadata(page: int | None, part: str | None) -> Json:
    """`metadata` of a result, as far as it says where in its document a passage is."""
    return {"page": page} | ({} if part is None else {"part": part})


def matches(wanted: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether each key has the wanted value, or one of the wanted ones."""
    return all(key in metadata and _is_one_of(metadata[key], value) for key, value in wanted.items())


def _is_one_of(value: Any, wanted: Any) -> bool:
    choices = cast("list[Any]", wanted) if isinstance(wanted, list) else [wanted]
    return any(_same(value, choice) for choice in choices)


def _same(value: Any, choice: Any) -> bool:
    # In Python True is 1.
    return isinstance(value, bool) == isinstance(choice, bool) and value == choice
