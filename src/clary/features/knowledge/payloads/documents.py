"""Wire shapes of documents (contract product 5.4)."""

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from clary.features.knowledge.payloads.ids import Id
from clary.features.knowledge.policy.documents import TaskCounts
from clary.http.payload import Payload
from clary.kit.text import TextError

Json = dict[str, Any]
Status = Literal[0, 1, 2, 3]
Outcome = Literal["ok", "unsupported", "encrypted", "damaged", "too_large", "empty"]
ErrorKind = Literal["internal", "storage", "cancelled"]
Vectors = Literal["complete", "pending", "none"]


class TaskRequest(Payload):
    """A task of a base."""

    kdb_id: Id
    task_id: Id


class CancelRequest(Payload):
    """A task or a document of a base; with both, that document if it belongs to the task."""

    kdb_id: Id
    task_id: Id | None = None
    doc_id: Id | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "CancelRequest":
        if self.task_id is None and self.doc_id is None:
            raise TextError("需要 task_id 或 doc_id", "task_id or doc_id is needed")
        return self


class DocumentFacts(BaseModel):
    """What lists and single documents share."""

    id: str
    status: Status
    metadata: Json
    outcome: Outcome | None
    outcome_message: str | None
    error_kind: ErrorKind | None
    progress: int
    attempts: int
    size: int
    passages: int
    pages: int | None
    vectors: Vectors
    update_time: str


class ListedDocument(DocumentFacts):
    """A row of the list."""

    doc_name: str
    create_time: str
    task_id: str


class DocumentList(BaseModel):
    """A page of documents; `user_id` is the owner of the base, here and in every answer."""

    list: list[ListedDocument]
    total: int
    page_no: int
    page_size: int
    user_id: str


class DocumentInfo(DocumentFacts):
    """One document."""

    kdb_id: str
    type: Literal["file", "qa", "eml"]
    data_name: str = Field(alias="dataName")
    create_time: str = Field(alias="createTime")
    task_id: str = Field(alias="taskId")
    user_id: str


class UploadedDocument(BaseModel):
    """A file as it was taken in."""

    id: str
    doc_name: str
    status: Status
    outcome: Outcome | None


class UploadAnswer(BaseModel):
    """An upload that was taken in, its files in order."""

    task_id: str = Field(alias="taskId")
    user_id: str
    documents: list[UploadedDocument]


class DoneAnswer(BaseModel):
    """It was done."""

    success: Literal[True] = True
    user_id: str


class BegunAnswer(DoneAnswer):
    """It was begun, under this task."""

    task_id: str


class CancelAnswer(DoneAnswer):
    """So many documents were called off."""

    cancelled: int


class TaskProgress(BaseModel):
    """How far a task is; the four counts make up the total."""

    success: int
    fail: int
    in_progress: int = Field(alias="inProgress")
    waiting: int
    total: int
    percent: float = Field(alias="taskProcess")
    ratio: float
    user_id: str

    @classmethod
    def of(cls, counts: TaskCounts, owner_id: str) -> "TaskProgress":
        """The counts of a base of this owner."""
        return cls.model_validate(
            {
                "success": counts.success,
                "fail": counts.fail,
                "inProgress": counts.processing,
                "waiting": counts.pending,
                "total": counts.total,
                "taskProcess": counts.percent,
                "ratio": counts.percent / 100,
                "user_id": owner_id,
            }
        )


class PageSpan(BaseModel):
    """Where a page is in the text."""

    page: int
    start: int
    end: int


class HeadingPlace(BaseModel):
    """Where a heading is in the text."""

    level: int
    title: str
    start: int


class DocumentContent(BaseModel):
    """A stretch of the extracted text; pages and headings are those of the whole."""

    doc_id: str
    kdb_id: str
    title: str
    total_chars: int
    start: int
    end: int
    text: str
    pages: list[PageSpan]
    headings: list[HeadingPlace]
