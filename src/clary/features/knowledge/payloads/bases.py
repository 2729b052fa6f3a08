"""Wire shapes of bases (contract product 5.2, 5.3)."""

from typing import Annotated, Any, Literal
from unicodedata import normalize

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from clary.features.knowledge.errors import NameEmptyError
from clary.features.knowledge.payloads.ids import Id
from clary.http.payload import Payload, require_size
from clary.http.reasons import reason_of
from clary.kit.text import Text, TextError, has_control_characters

Json = dict[str, Any]
Intro = Annotated[str, Field(max_length=1024)]
MAX_NAME = 128
MAX_SETTINGS_BYTES = 64 * 1024


def clean_name(name: str) -> str:
    """Trimmed, NFC.

    Raises:
        ValueError: it is too long, or has control characters.
    """
    cleaned = normalize("NFC", name).strip()
    if has_control_characters(cleaned):
        raise TextError("不能包含控制字符", "must not contain control characters")
    if len(cleaned) > MAX_NAME:
        raise TextError(f"不能超过 {MAX_NAME} 个字符", f"must not be longer than {MAX_NAME} characters")
    return cleaned


class EmbeddingChoice(Payload):
    """`kdbSetting.embedding`."""

    mode: Literal["server", "embedded", "none", "provider"] = "server"
    provider_id: Id | None = None
    model: Annotated[str, Field(max_length=255)] | None = None
    dims: Annotated[int, Field(ge=32, le=4096)] | None = None


class RerankerChoice(Payload):
    """`kdbSetting.reranker`."""

    mode: Literal["server", "none", "provider"] = "server"
    provider_id: Id | None = None
    model: Annotated[str, Field(max_length=255)] | None = None


class ChunkChoice(Payload):
    """`kdbSetting.chunk`."""

    target_chars: Annotated[int, Field(ge=200, le=4000)] | None = None
    overlap_chars: Annotated[int, Field(ge=0, le=500)] | None = None


class RetrievalChoice(Payload):
    """`kdbSetting.retrieval`: defaults of queries."""

    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    mode: Literal["hybrid", "lexical", "vector"] | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None


class AttachedChoice(Payload):
    """`kdbSetting.kdbAttach`."""

    model_config = ConfigDict(extra="allow")

    language: Annotated[str, Field(max_length=16)] | None = None


_KNOWN: dict[str, type[Payload]] = {
    "embedding": EmbeddingChoice,
    "reranker": RerankerChoice,
    "chunk": ChunkChoice,
    "retrieval": RetrievalChoice,
    "kdbAttach": AttachedChoice,
}


def _checked(settings: Json) -> Json:
    """Known keys as they are kept; unknown ones as they came."""
    require_size(settings, MAX_SETTINGS_BYTES, Text("不能超过 64 KiB", "must not have more than 64 KiB"))
    checked = dict(settings)
    for key, shape in _KNOWN.items():
        if checked.get(key) is not None:
            checked[key] = _as_kept(key, shape, checked[key])
    return checked


def _as_kept(key: str, shape: type[Payload], value: Any) -> Json:
    try:
        return shape.model_validate(value).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([key, *map(str, first["loc"])])
        reason = reason_of(first)
        raise TextError(f"{place}: {reason.zh}", f"{place}: {reason.en}") from None


Settings = Annotated[Json, AfterValidator(_checked)]


class KdbAddRequest(Payload):
    """A new base. `language` is kept in `kdb_setting.kdbAttach`."""

    name: Annotated[str, AfterValidator(clean_name)]
    type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,52}$")]
    intro: Intro = ""
    language: Annotated[str, Field(max_length=16)] = ""
    kdb_setting: Settings = Field(default_factory=dict)

    def require_name(self) -> str:
        """The name.

        Raises:
            NameEmptyError
        """
        if not self.name:
            raise NameEmptyError
        return self.name

    def settings(self) -> Json:
        """The settings with the language in them."""
        language = self.language.strip()
        attached: Json = self.kdb_setting.get("kdbAttach") or {}
        if language:
            attached = {**attached, "language": language}
        return {**self.kdb_setting, **({"kdbAttach": attached} if attached else {})}


class KdbUpdateRequest(Payload):
    """Changes of a base: an empty name changes nothing, an empty intro clears it."""

    kdb_id: Id
    name: Annotated[str, AfterValidator(clean_name)] | None = None
    intro: Intro | None = None
    kdb_setting: Settings = Field(default_factory=dict)


class KdbRequest(Payload):
    """A base."""

    kdb_id: Id


class GrantShape(Payload):
    """Somebody who may use a base."""

    kind: Literal["user", "group"]
    id: Id
    permission: Literal["read", "write"]


class KdbAuthRequest(Payload):
    """Everybody who may use a base."""

    kdb_id: Id
    grants: Annotated[list[GrantShape], Field(max_length=10_000)]


class KdbAddResponse(BaseModel):
    """The new base."""

    kdb_id: str
    user_id: str


class KdbDoneResponse(BaseModel):
    """It was done; whose base it is."""

    success: Literal[True] = True
    user_id: str


class KdbUpdateResponse(KdbDoneResponse):
    """`reindex_task_id`: the task that builds the next version of the index, if one is needed."""

    reindex_task_id: str | None = None


class KdbRedoResponse(KdbDoneResponse):
    """The task that reads all documents again."""

    task_id: str


class CountsShape(BaseModel):
    """Documents by status."""

    pending: int
    processing: int
    success: int
    failed: int


class ModelShape(BaseModel):
    """A model as chosen; `model` null where none is at work."""

    mode: str
    model: str | None = None


class EmbeddingShape(ModelShape):
    """A model of vectors."""

    dims: int | None = None


class IndexShape(BaseModel):
    """The version that answers, and how far the next one is."""

    model_config = ConfigDict(extra="allow")

    version: int
    state: Literal["ready", "building"]
    progress: int
    embedding: EmbeddingShape
    reranker: ModelShape
    vectors: Literal["complete", "partial", "none"]


class KdbInfoResponse(BaseModel):
    """Everything about a base. `index` may have `error`, `warning`, `reindex_task_id`."""

    kdb_id: str = Field(alias="kdbId")
    name: str
    intro: str
    type: str
    data_source: str = Field(alias="dataSource")
    created_at: int = Field(alias="createdAt")
    updated_at: int = Field(alias="updatedAt")
    kdb_setting: Json = Field(alias="kdbSetting")
    user_id: str
    index_name: str
    doc_num: int = Field(alias="docNum")
    access: Literal["owner", "admin", "write", "read"]
    counts: CountsShape
    size_bytes: int
    passages: int
    index: IndexShape


class KdbListItem(BaseModel):
    """A base in the list."""

    id: str
    name: str
    index_name: str
    intro: str
    create_time: str = Field(alias="createTime")
    data_source: str = Field(alias="dataSource")
    type: str
    doc_num: int = Field(alias="docNum")
    cover: str
    default_color: bool = Field(alias="defaultColor")
    user_id: str
    access: Literal["owner", "admin", "write", "read"]
    disabled: bool


class KdbListResponse(BaseModel):
    """A page of bases; `user_id` is the caller."""

    list: list[KdbListItem]
    total: int
    page: int
    page_size: int
    user_id: str


class GrantListItem(GrantShape):
    """Who may use a base, since when and by whom."""

    name: str
    granted_by: str
    granted_at: str


class KdbAuthResponse(BaseModel):
    """Everybody who may use a base, in the order granted."""

    grants: list[GrantListItem]
