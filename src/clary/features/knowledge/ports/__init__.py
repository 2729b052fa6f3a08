"""What knowledge needs from the world: parsers, models of words and vectors, derived index files, a place for files."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol

from clary.features.knowledge.ports.calls import REFUSALS as REFUSALS
from clary.features.knowledge.ports.calls import CallMeter as CallMeter
from clary.features.knowledge.ports.calls import CallMeters as CallMeters
from clary.features.knowledge.ports.calls import CallRefusedError as CallRefusedError
from clary.features.knowledge.ports.calls import CallUse as CallUse
from clary.features.knowledge.ports.calls import EmbeddingFailedError as EmbeddingFailedError
from clary.features.knowledge.ports.calls import ModelEndpoint as ModelEndpoint
from clary.features.knowledge.ports.calls import Payer as Payer

Outcome = Literal["ok", "unsupported", "encrypted", "damaged", "too_large", "empty"]
VectorMode = Literal["query", "passage"]


# ---- Documents


class Span(NamedTuple):
    """A stretch of the extracted text, `[start, end)` in characters. `name`: number of the page, name of the part."""

    name: str
    start: int
    end: int


class Heading(NamedTuple):
    """A heading; `start` is where its line begins in the extracted text. `level` 1..6."""

    level: int
    title: str
    start: int


class Table(NamedTuple):
    """Markdown rows in the extracted text; `[start, header_end)` is the header with its rule, repeated by cutting."""

    start: int
    header_end: int
    end: int


RESERVED_METADATA: Final = frozenset(
    {
        *("doc_name", "type", "kdb_id", "main_doc_id", "page", "part", "also_in", "segment_ids"),
        *("question", "answer", "row_index", "skipped_rows"),
    }
)
"""Keys that mean the same in every result: no column of a file is called so."""


class QaRow(NamedTuple):
    """One row of a QA file: `row_index` counts from 1 in the file as its author sees it.

    `details`: further columns by their header; `column_<n>` without one, or if it is taken or reserved.
    """

    row_index: int
    question: str
    answer: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The text of a file. Pages are named from "1": pages, slides or sheets, empty where the format has none.

    `parts`: attachments of mails and sheets of workbooks, by name. `metadata`: what the contract shows of a document
    (`attachments`, `ocr`, `ocr_truncated`, `encoding`, …).
    """

    text: str
    pages: tuple[Span, ...] = ()
    headings: tuple[Heading, ...] = ()
    parts: tuple[Span, ...] = ()
    tables: tuple[Table, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


class DocumentRefusedError(Exception):
    """A file gives no text; `outcome` says why (contract product 5.5)."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome


class QaFormatError(Exception):
    """A file is no QA file. `reason`: a slug out of a fixed list, or None when already its kind of file is wrong."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


class DocumentParser(Protocol):
    """Reads files in a child process that is bounded and alone."""

    async def parse(self, path: Path, *, name: str) -> ParsedDocument:
        """The text of a file; its content decides what it is, before its name.

        Raises:
            DocumentRefusedError
        """
        ...

    async def parse_qa(self, path: Path, *, name: str, most_rows: int | None = None) -> tuple[list[QaRow], int]:
        """The rows of a QA file (the first ones only, if asked so), and how many were skipped.

        Raises:
            QaFormatError
            DocumentRefusedError: It is of the right kind, but encrypted, damaged or too large.
            OSError: The file cannot be read, or no process can be begun that reads it.
        """
        ...


class OriginalFiles(Protocol):
    """Keeps the uploaded files, by keys that no person has a say in."""

    async def put(self, key: str, chunks: AsyncIterable[bytes], *, max_bytes: int) -> int:
        """Stores a file whole or not at all; returns its size.

        Raises:
            FileTooLargeError
        """
        ...

    async def open_local(self, key: str) -> Path:
        """A path where the file can be read, until it is released.

        Raises:
            FileNotFoundError
            OSError: The store does not answer.
        """
        ...

    async def release(self, path: Path) -> None:
        """Ends the use of what `open_local` gave; whoever has it open may go on reading."""
        ...

    async def remove(self, keys: Sequence[str]) -> None:
        """Removes files; those that are gone already are no fault."""
        ...

    def list_keys(self) -> AsyncIterator[str]:
        """Every key there is, for the sweep of files without a row."""
        ...


class FileTooLargeError(Exception):
    """More came than the caller takes; nothing was kept."""


# ---- Words and vectors


class Analyzer(Protocol):
    """Makes searchable words of text: folded, stemmed, cut; pure and the same everywhere."""

    version: int
    """Rises whenever the same text would give other words: rows of an older one are analyzed anew."""

    def analyze(self, text: str) -> list[str]:
        """Words in order. None holds white space, quotes or control characters."""
        ...

    def locate(self, text: str, words: Collection[str]) -> list[tuple[int, int]]:
        """Where such words stand in a text: `[start, end)` in characters, in order, without overlaps."""
        ...


class Embedder(Protocol):
    """Makes vectors of texts."""

    model: str
    dims: int
    origin: str
    """Where the model answers, provider and address: models of one name elsewhere are others. Empty: in this server."""

    async def embed(self, texts: Sequence[str], *, mode: VectorMode) -> list[bytes]:
        """One vector per text: unit length, float16, little endian, `2 × dims` bytes, in order.

        Raises:
            EmbeddingFailedError
        """
        ...


class Reranker(Protocol):
    """Judges how well passages answer a question."""

    async def rank(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score 0..1 per passage, in order.

        Raises:
            EmbeddingFailedError
        """
        ...


class ModelSource(Protocol):
    """Makes ready those who speak to models; nothing is sent by that."""

    def embedder(self, endpoint: ModelEndpoint, meter: CallMeter) -> Embedder:
        """A model behind an endpoint. Its `dims` are those of the endpoint, 0 until vectors came."""
        ...

    def embedded(self) -> Embedder | None:
        """The model inside this server; None: there are no weights."""
        ...

    def reranker(self, endpoint: ModelEndpoint, meter: CallMeter) -> Reranker:
        """A reranker behind an endpoint."""
        ...


@dataclass(frozen=True, slots=True)
class ResolvedEmbedding:
    """What makes the vectors of a version, as it is kept with the version.

    `mode`: `none` words only, `embedded` the model in this server, `server` the operator's endpoint, `provider` one of
    the owner's providers.
    """

    mode: Literal["none", "embedded", "server", "provider"]
    model: str | None = None
    dims: int | None = None
    provider_id: str | None = None
    asks_dims: bool = False
    """These dimensions were chosen, not only found."""

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {"mode": self.mode, "model": self.model, "dims": self.dims, "provider_id": self.provider_id} | (
            {"asks_dims": True} if self.asks_dims else {}
        )

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> "ResolvedEmbedding":
        """From JSON."""
        return cls(
            kept.get("mode", "none"),
            kept.get("model"),
            kept.get("dims"),
            kept.get("provider_id"),
            bool(kept.get("asks_dims")),
        )


# ---- Derived files


class IndexKey(NamedTuple):
    """One version of one base's index."""

    kdb_id: str
    version: int


class IndexedPassage(NamedTuple):
    """What derived files take of a passage."""

    number: int
    tokens: str
    vector: bytes | None


class Hit(NamedTuple):
    """A passage that was found; a higher `score` is better, comparable within one answer only."""

    number: int
    score: float


class IndexLostError(Exception):
    """The files were unusable, or are not those the caller followed; it begins again with `position`."""


class SearchIndex(Protocol):
    """Full text and vectors, derived from rows. Losing it loses nothing. Safe for concurrent callers.

    Every method but `drop` and `keep_only` may raise `IndexLostError`; each may raise `UnavailableError`: its disk or
    server is in trouble.
    """

    async def position(self, key: IndexKey) -> int:
        """The change number up to which this index has followed; -1 when it has to begin from nothing."""
        ...

    async def apply(
        self, key: IndexKey, *, since: int, upto: int, added: Sequence[IndexedPassage], removed: Sequence[int]
    ) -> None:
        """Takes the changes after `since` up to `upto` in; those it has already are no fault. Readable together.

        The words of a number never change; a vector given for a number that is there replaces the one it had.

        Raises:
            IndexLostError: It has not followed up to `since`.
        """
        ...

    async def search_words(
        self,
        key: IndexKey,
        words: Sequence[str],
        *,
        since: int,
        limit: int,
        among: Sequence[int] | None = None,
    ) -> list[Hit]:
        """Passages by full text, best first, at most `limit`; `among`: only these numbers.

        Raises:
            IndexLostError: It has not followed up to `since`: somebody began it anew meanwhile.
        """
        ...

    async def search_vectors(
        self,
        key: IndexKey,
        vector: bytes,
        *,
        since: int,
        limit: int,
        among: Sequence[int] | None = None,
    ) -> list[Hit]:
        """Passages by cosine (the score), best first; see `search_words`."""
        ...

    async def drop(self, key: IndexKey) -> None:
        """Removes the files of one version."""
        ...

    async def keep_only(self, keys: Sequence[IndexKey]) -> list[IndexKey]:
        """Removes the files of everything else, for instance of bases that are gone; returns those that are there."""
        ...


# ---- Question sets


class FoundPassage(NamedTuple):
    """A result of a query, as far as a question set looks at it."""

    doc_id: str
    doc_name: str
    text: str


class PassageFinder(Protocol):
    """Asks one base as its people do."""

    async def prepare(self, *, kdb_id: str) -> None:
        """Waits until the base can be asked without delay; one that is gone or in trouble shows when it is asked.

        Raises:
            UnavailableError
        """
        ...

    async def find(self, *, kdb_id: str, query: str, top_k: int, mode: str | None) -> Sequence[FoundPassage]:
        """Results, best first; `mode` None: the base's own.

        Raises:
            ProblemError: the base is gone, or took too long.
        """
        ...
