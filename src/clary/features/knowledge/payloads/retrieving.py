"""Wire shapes of queries (contract product 5.6)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from clary.features.knowledge.payloads.ids import Id
from clary.features.knowledge.policy.filters import Filters
from clary.features.knowledge.policy.questions import Question
from clary.http.payload import Payload
from clary.kit.clock import in_utc
from clary.kit.text import TextError

Mode = Literal["hybrid", "lexical", "vector"]
Value = str | bool | int | float
MAX_BASES, MAX_IDS, MAX_KEYS = 20, 1000, 20


Words = Annotated[str, Field(min_length=1, max_length=4000)]
Name = Annotated[str, Field(max_length=255)]
Moment = Annotated[datetime, AfterValidator(in_utc)]


class RetrieveFilters(Payload):
    """All must hold. Unknown keys are refused, since a filter that is not kept would show too much."""

    model_config = ConfigDict(extra="forbid")

    doc_ids: Annotated[list[Id], Field(max_length=MAX_IDS)] | None = None
    doc_names: Annotated[list[Name], Field(max_length=MAX_IDS)] | None = None
    types: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=100)] | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=255)], Value | Annotated[list[Value], Field(max_length=100)]],
            Field(max_length=MAX_KEYS),
        ]
        | None
    ) = None
    created_after: Moment | None = None
    created_before: Moment | None = None

    def as_filters(self) -> Filters:
        """As the slice takes them."""
        types = None if self.types is None else [each.strip().removeprefix(".").lower() for each in self.types]
        return Filters(
            self.doc_ids, self.doc_names, types, self.metadata or {}, self.created_after, self.created_before
        )


class RetrieveRequest(Payload):
    """One base by `kdb_id`, or several by `kdb_ids`. Absent: `top_k`, `mode` and `min_score` of the base, or 10,
    `hybrid` and 0.
    """

    kdb_id: Id | None = None
    kdb_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BASES)] | None = None
    query: Words
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    mode: Mode | None = None
    filters: RetrieveFilters = Field(default_factory=RetrieveFilters)
    rerank: bool | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None
    highlight: bool = False
    explain: bool = False
    include_full_content: bool = False
    merge: bool = True
    neighbours: Annotated[int, Field(ge=0, le=3)] = 0

    @model_validator(mode="after")
    def _names_a_base(self) -> "RetrieveRequest":
        if self.kdb_id is None and self.kdb_ids is None:
            raise TextError("缺少 kdb_id", "kdb_id is required")
        return self

    def bases(self) -> list[str]:
        """The bases that are named, each once."""
        return list(dict.fromkeys([*([self.kdb_id] if self.kdb_id is not None else []), *(self.kdb_ids or [])]))

    def question(self) -> Question:
        """As the slice takes it."""
        return Question(
            query=self.query,
            top_k=self.top_k,
            mode=self.mode,
            filters=self.filters.as_filters(),
            rerank=self.rerank,
            min_score=self.min_score,
            highlight=self.highlight,
            explain=self.explain,
            include_full_content=self.include_full_content,
            merge=self.merge,
            neighbours=self.neighbours,
        )


class ResultShape(BaseModel):
    """One result. More keys if they were asked for: `highlights`, `scores`, `full_content`, `full_truncated`."""

    model_config = ConfigDict(extra="allow")

    doc_id: str
    doc_segment_id: str
    doc_content: str
    score: float
    start: int
    end: int
    title: str
    path: str
    metadata: dict[str, Any]
    kdb_id: str
    page: int | None
    heading_path: list[str] | None
    part: str | None


class RetrieveResponse(BaseModel):
    """Best first."""

    results: list[ResultShape]
    user_id: str
    total: int
    mode: Mode
    warnings: list[str]
    took_ms: int
