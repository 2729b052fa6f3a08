"""Wire shapes of question sets (contract product 5.9)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from clary.features.knowledge.payloads.ids import Id
from clary.http.payload import Payload
from clary.kit.text import TextError

Mode = Literal["hybrid", "lexical", "vector"]


def _not_blank(question: str) -> str:
    # A query of white space is refused (5.6), so that nothing would ever be found for it.
    if not question.strip():
        raise TextError("不能为空", "must not be blank")
    return question


class ExpectedShape(Payload):
    """A result that answers: all that is named must hold."""

    doc_id: Id | None = None
    doc_name: Annotated[str, Field(max_length=255)] | None = None
    contains: Annotated[str, Field(max_length=4000)] | None = None


class QuestionShape(Payload):
    """A question and what answers it."""

    question: Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_not_blank)]
    expected: Annotated[list[ExpectedShape], Field(min_length=1, max_length=100)]

    def kept(self) -> dict[str, Any]:
        """As it is stored."""
        return self.model_dump(exclude_none=True)


class QuestionsRequest(Payload):
    """The set of a base, or more of it."""

    kdb_id: Id
    items: Annotated[list[QuestionShape], Field(max_length=2000)]
    replace: bool = True


class RunRequest(Payload):
    """How the set is asked."""

    kdb_id: Id
    top_k: Annotated[int, Field(ge=1, le=100)] = 10
    mode: Mode | None = None


class QuestionItem(BaseModel):
    """A question of the set."""

    id: str
    question: str
    expected: list[dict[str, str]]


class QuestionPage(BaseModel):
    """A page of the set."""

    items: list[QuestionItem]
    total: int


class CountResponse(BaseModel):
    """How many questions there are now."""

    count: int


class RunResponse(BaseModel):
    """An evaluation that was begun."""

    evaluation_id: str
    status: str


class MissedShape(BaseModel):
    """A question nothing expected was found for."""

    id: str
    question: str


class EvaluationItem(BaseModel):
    """One run of the set."""

    evaluation_id: str
    status: Literal["pending", "running", "completed", "failed"]
    trigger: Literal["manual", "reindex"]
    index_version: int
    questions: int
    recall: float | None
    mrr: float | None
    missed: list[MissedShape]
    created_at: str


class EvaluationPage(BaseModel):
    """A page of evaluations."""

    items: list[EvaluationItem]
    total: int
