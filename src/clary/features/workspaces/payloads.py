"""Wire shapes of the slice."""

from typing import Annotated

from pydantic import BaseModel, Field

from clary.http.payload import Payload


class ListRequest(Payload):
    """Body of a list; the query may say the same."""

    path: str | None = None
    max_depth: Annotated[int | None, Field(ge=1, le=64)] = None


class StatRequest(Payload):
    """Body of a request for facts."""

    paths: Annotated[list[str], Field(min_length=1, max_length=200)]


class ListedFile(BaseModel):
    """An item of the list."""

    name: str
    path: str
    size: int
    modified_time: float
    is_directory: bool


class FileList(BaseModel):
    """The list answer; `max_depth` as asked for."""

    agent_id: str
    user_id: str
    workspace_path: str
    path: str
    max_depth: int | None
    files: list[ListedFile]
    message: str
    truncated_by_depth: bool
    truncated: bool


class UploadedFile(BaseModel):
    """A file that was received."""

    filename: str
    path: str
    size: int
    sha256: str


class UploadAnswer(BaseModel):
    """The first file, and all of them."""

    filename: str
    path: str
    size: int
    files: list[UploadedFile]


class DeletedFile(BaseModel):
    """What a deletion did."""

    path: str
    deleted: bool


class ImportedFile(BaseModel):
    """A file out of an archive."""

    path: str
    size: int
    sha256: str


class ImportAnswer(BaseModel):
    """What an import wrote, or wrote when the key was used first."""

    target_path: str
    idempotency_key: str | None
    archive_sha256: str
    files: list[ImportedFile]
