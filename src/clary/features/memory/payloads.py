"""Wire shapes of notes (product.md 2.4)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel

from clary.features.memory.policy import clean_content
from clary.http.payload import Payload


class NoteRequest(Payload):
    """Body of a new or changed note."""

    content: Annotated[str, AfterValidator(clean_content)]


class NoteResponse(BaseModel):
    """A note."""

    id: str
    content: str
    source: Literal["user", "agent"]
    session_id: str | None
    created_at: str
    updated_at: str


class NotePage(BaseModel):
    """A page of notes."""

    items: list[NoteResponse]
    total: int
    page: int
    page_size: int


class ForgottenNote(BaseModel):
    """Which note is gone."""

    id: str


class ForgottenNotes(BaseModel):
    """How many notes are gone."""

    deleted: int
