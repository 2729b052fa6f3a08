"""The collections in Milvus, and requests to them. Blocking calls.

Rows: one per passage in `clary_words`, one per vector in `clary_vectors_<dims>`, and in `clary_indexes` what is known
of each index. Every read sees what was written before it, by whatever process.
"""

import logging
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import grpc
from pymilvus import DataType, MilvusClient  # pyright: ignore[reportMissingTypeStubs]
from pymilvus.exceptions import MilvusException  # pyright: ignore[reportMissingTypeStubs]

from clary.adapters.milvus.scoring import MOST_TERMS
from clary.db.database import UnavailableError

Row = dict[str, Any]
WORDS: Final = "clary_words"
INDEXES: Final = "clary_indexes"
_VECTORS: Final = "clary_vectors_"
_PORTION: Final = 200
_IDS: Final = 5000
_STRONG: Final = "Strong"

# The library logs every refusal by itself, with filters and addresses.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


@contextmanager
def unavailable_if_refused() -> Generator[None]:
    """Trouble of Milvus as the one problem people see; its texts stay in the chain of causes.

    Raises:
        UnavailableError
    """
    try:
        yield
    except (MilvusException, grpc.RpcError, OSError) as error:
        raise UnavailableError from error


class Collections:
    """One connection, opened at the first use; safe for several threads."""

    def __init__(self, uri: str, *, token: str | None, seconds: float) -> None:
        self._uri = uri
        self._token = token
        self._seconds = seconds
        self._opened: Any = None
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends the connection."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def check(self) -> None:
        """Whether Milvus answers."""
        self._client.list_collections(timeout=self._seconds)

    def query(self, name: str, where: str, fields: Sequence[str]) -> list[Row]:
        """Rows by a filter."""
        self._ready(name)
        found = self._client.query(
            name, filter=where, output_fields=list(fields), consistency_level=_STRONG, timeout=self._seconds
        )
        return [dict(row) for row in found]

    def count(self, name: str, where: str) -> int:
        """How many rows a filter leaves."""
        return int(self.query(name, where, ["count(*)"])[0]["count(*)"])

    def each(self, name: str, where: str, fields: Sequence[str]) -> Iterator[Row]:
        """All rows by a filter, however many."""
        self._ready(name)
        found = self._client.query_iterator(
            name, filter=where, output_fields=list(fields), batch_size=1000, timeout=self._seconds
        )
        try:
            while portion := found.next():
                yield from portion
        finally:
            found.close()

    def search(self, name: str, field: str, vector: Any, *, where: str, limit: int, fields: Sequence[str]) -> list[Row]:
        """The nearest rows; the score of each is its `distance`."""
        self._ready(name)
        (found,) = self._client.search(
            name,
            data=[vector],
            anns_field=field,
            filter=where,
            limit=limit,
            output_fields=list(fields),
            consistency_level=_STRONG,
            timeout=self._seconds,
        )
        return [{**hit["entity"], "distance": hit["distance"]} for hit in found]

    def upsert(self, name: str, rows: Sequence[Row]) -> None:
        """Writes rows over those of the same id, in portions that one message holds."""
        self._ready(name)
        for start in range(0, len(rows), _PORTION):
            self._client.upsert(name, list(rows[start : start + _PORTION]), timeout=self._seconds)

    def delete(self, name: str, where: str) -> None:
        """Removes rows by a filter; a collection that is not there has none."""
        if self._client.has_collection(name, timeout=self._seconds):
            self._ready(name)
            self._client.delete(name, filter=where, timeout=self._seconds)

    def delete_ids(self, name: str, ids: Sequence[str]) -> None:
        """Removes rows by id."""
        for start in range(0, len(ids), _IDS):
            self.delete(name, f"id in {_quoted(ids[start : start + _IDS])}")

    def vector_collections(self) -> list[str]:
        """The collections of vectors there are."""
        return [name for name in self._client.list_collections(timeout=self._seconds) if name.startswith(_VECTORS)]

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._opened is None:
                # Typed as anything: the library's own types do not hold.
                make: Any = MilvusClient
                self._opened = make(self._uri, token=self._token or "", timeout=self._seconds)
            return self._opened

    def _ready(self, name: str) -> None:
        """Makes a collection that is not there, and loads it. Two processes may do so at once: one of them is told."""
        client = self._client
        with self._lock:
            if name in self._known:
                return
            if not client.has_collection(name, timeout=self._seconds):
                self._make(client, name)
            client.load_collection(name, timeout=self._seconds)
            self._known.add(name)

    def _make(self, client: Any, name: str) -> None:
        fields, vector, index = _layout(name)
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, max_length=128, is_primary=True)
        schema.add_field("base", DataType.VARCHAR, max_length=96, is_partition_key=True)
        for field, kind in fields.items():
            schema.add_field(field, **kind)
        indexes = client.prepare_index_params()
        indexes.add_index(vector, **index)
        try:
            client.create_collection(
                name, schema=schema, index_params=indexes, consistency_level=_STRONG, timeout=self._seconds
            )
        except MilvusException:
            if not client.has_collection(name, timeout=self._seconds):
                raise


def vectors_of(dims: int) -> str:
    """The collection of vectors of this length."""
    return f"{_VECTORS}{dims}"


def row_ids(base: str, numbers: Sequence[int]) -> list[str]:
    """The ids of the rows of passages."""
    return [f"{base}.{number}" for number in numbers]


def in_base(base: str, numbers: Sequence[int] | None = None) -> str:
    """A filter: this index, and only these numbers."""
    return f'base == "{base}"' + ("" if numbers is None else f" and number in {list(numbers)}")


def _quoted(ids: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in ids) + "]"


def _layout(name: str) -> tuple[Mapping[str, Row], str, Row]:
    """Fields of a collection beside `id` and `base`, which of them is the vector, and its index."""
    number: Row = {"datatype": DataType.INT64}
    if name == WORDS:
        terms: Row = {"datatype": DataType.ARRAY, "element_type": DataType.INT64, "max_capacity": MOST_TERMS}
        fields: dict[str, Row] = {"number": number, "length": number, "terms": terms, "counts": terms}
        fields["words"] = {"datatype": DataType.SPARSE_FLOAT_VECTOR}
        return fields, "words", {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP"}
    if name == INDEXES:
        text: Row = {"datatype": DataType.VARCHAR, "max_length": 64}
        figures = ("position", "passages", "length", "dims", "at")
        # A collection without a vector is refused.
        unused: Row = {"datatype": DataType.FLOAT_VECTOR, "dim": 2}
        return (
            {**dict.fromkeys(figures, number), "holder": text, "unused": unused},
            "unused",
            {"index_type": "FLAT", "metric_type": "L2"},
        )
    vector: Row = {"datatype": DataType.FLOAT_VECTOR, "dim": int(name.removeprefix(_VECTORS))}
    return {"number": number, "vector": vector}, "vector", {"index_type": "AUTOINDEX", "metric_type": "COSINE"}
