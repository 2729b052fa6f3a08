"""The ports of tools: what a tool is given, what it answers, and how it refuses."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from clary.runtime.messages import ToolSpec

ToolErrorType = Literal[
    "TOOL_NOT_FOUND",
    "INVALID_JSON",
    "INVALID_ARGUMENTS",
    "EXECUTION_ERROR",
    "TIMEOUT",
    "PERMISSION_DENIED",
    "APPROVAL_DENIED",
    "APPROVAL_EXPIRED",
    "INTERRUPTED",
    "OUTCOME_UNKNOWN",
]
"""`error_type` of a failed result (stream-runtime.md 4.5)."""

ProgressStream = Literal["stdout", "stderr", "info"]


class ToolFailedError(Exception):
    """The tool could not do it; the model reads the message and goes on. Messages hold no host path and no secret."""

    def __init__(self, message: str, error_type: ToolErrorType = "EXECUTION_ERROR", **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.error_type: ToolErrorType = error_type
        self.extra = extra


@dataclass(frozen=True, slots=True)
class Todo:
    """One item of a conversation's task list."""

    id: str
    content: str
    status: Literal["pending", "in_progress", "completed", "failed"] = "pending"
    conclusion: str = ""


class TodoList(Protocol):
    """The task list of one conversation (stream-runtime.md 9.6)."""

    async def read(self) -> Sequence[Todo]:
        """All items in order."""
        ...

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        """Merges items by id in one transaction and returns the whole list; a new list replaces a finished one.

        An item has `id` and any of `content`, `status`, `completed`, `conclusion`.
        """
        ...


@dataclass(frozen=True, slots=True)
class SandboxCommand:
    """A program to run. `workdir` is a path inside the sandbox (`/workspace/…`)."""

    argv: Sequence[str]
    workspace: Path
    workdir: str = "/workspace"
    environment: tuple[tuple[str, str], ...] = ()
    timeout_seconds: float = 30.0
    max_output_bytes: int = 1024 * 1024
    """Per stream; more is dropped and marked as truncated."""


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """How the program ended. `return_code` is -9 or so for a signal; None when it timed out."""

    return_code: int | None
    stdout: str
    stderr: str
    timed_out: bool
    truncated: bool
    seconds: float


OutputSink = Callable[[ProgressStream, str], Awaitable[None]]


class Sandbox(Protocol):
    """Runs programs away from the server (stream-runtime.md 9.16). Nothing runs outside of it."""

    @property
    def unavailable_reason(self) -> str | None:
        """Why nothing can be run here, or None when it works. Known after `probe`."""
        ...

    async def probe(self) -> None:
        """Finds out, by running something, whether the sandbox works."""
        ...

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """Runs a program to its end. Cancelling kills its whole process group before the cancellation goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """Something an agent remembers of a person (product.md 2.4). `updated_at` is UTC ISO 8601 with `Z`."""

    id: str
    content: str
    updated_at: str


class NoteBook(Protocol):
    """The notes of one person for one agent (stream-runtime.md 9.8)."""

    async def search(self, query: str, limit: int) -> Sequence[Note]:
        """The best matching notes, best first."""
        ...

    async def save(self, content: str, note_id: str | None = None) -> Note:
        """Adds a note, or changes the named one.

        Raises:
            ToolFailedError: too long, too many, or no such note.
        """
        ...

    async def forget(self, note_id: str) -> bool:
        """Removes a note; False when there is none of that id."""
        ...


class TaskBook(Protocol):
    """The scheduled tasks of one person (platform.md 15.3). Tasks are objects as clients see them.

    Each call raises `ToolFailedError`: no such task, or not allowed.
    """

    async def list_tasks(self, wanted: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """Those that fit the filters, the next due first."""
        ...

    async def get_task(self, task_id: str) -> dict[str, Any]:
        """One task."""
        ...

    async def add_task(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """A new task."""
        ...

    async def update_task(self, task_id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The task with other values; absent ones stay."""
        ...

    async def enable_task(self, task_id: str, *, enabled: bool) -> dict[str, Any]:
        """The task, switched on or off."""
        ...

    async def complete_task(self, task_id: str) -> dict[str, Any]:
        """The task, which is never due again."""
        ...

    async def delete_task(self, task_id: str) -> dict[str, Any]:
        """The task as it was."""
        ...


@dataclass(frozen=True, slots=True)
class PastMessage:
    """An older part of the conversation that matched a search. `timestamp` in epoch seconds."""

    role: str
    preview: str
    timestamp: float


class PastMessages(Protocol):
    """What was said earlier in the conversation of the run."""

    async def search(self, query: str, limit: int) -> Sequence[PastMessage]:
        """The best matching messages, best first."""
        ...


class SkillShelf(Protocol):
    """The skills of one run (stream-runtime.md 9.9)."""

    @property
    def names(self) -> Sequence[str]:
        """What can be loaded, in order."""
        ...

    async def read(self, name: str) -> str | None:
        """The whole `SKILL.md` of a skill of the run; None for any other name."""
        ...


@dataclass(frozen=True, slots=True)
class KnowledgeHit:
    """A passage that was found; `[start, end)` in characters of its document. `ref`: its number in the session."""

    kdb_id: str
    kdb_name: str
    doc_id: str
    doc_segment_id: str
    title: str
    text: str
    score: float
    start: int
    end: int
    page: int | None
    heading_path: Sequence[str] | None
    ref: int | None = None


@dataclass(frozen=True, slots=True)
class KnowledgeAnswer:
    """Hits, best first, and what was not as asked."""

    hits: Sequence[KnowledgeHit]
    warnings: Sequence[str] = ()


class KnowledgeSearch(Protocol):
    """The knowledge bases that a call may search (stream-runtime.md 9.9)."""

    async def search(self, query: str, kdb_ids: Sequence[str] | None, top_k: int) -> KnowledgeAnswer:
        """The best matching passages; None: of all the bases.

        Raises:
            NotFoundError: one of the ids is none of these bases.
            InvalidRequestError: the query is empty. UpstreamError: it took too long.
            ToolFailedError: ids are wanted here.
        """
        ...


class ImageReader(Protocol):
    """A model that looks at pictures."""

    async def describe(self, image_url: str, prompt: str) -> str:
        """What a model says about an image, given as `data:` or https URL.

        Raises:
            ToolFailedError: the run's model takes no images, or the call failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What the server supplies to a tool; never the model."""

    tool_call_id: str
    workspace: Path
    """The folder shown as `/workspace`; exists."""
    todos: TodoList
    sandbox: Sandbox
    progress: OutputSink
    language: Literal["zh", "en", "pt"] = "zh"
    notes: NoteBook | None = None
    """None where the run has no memory of its own."""
    past: PastMessages | None = None
    skills: SkillShelf | None = None
    workflows: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Steps by workflow name."""
    images: ImageReader | None = None
    knowledge: KnowledgeSearch | None = None
    """None where nothing may be searched."""
    user_id: str = ""
    """Whom the call counts for, where a tool is limited per person."""
    tasks: TaskBook | None = None
    """None where tasks may not be touched."""


class Tool(Protocol):
    """One tool."""

    @property
    def spec(self) -> ToolSpec:
        """Schema and effect."""
        ...

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any] | str:
        """Does it. Arguments have been checked against the schema, with defaults not filled in.

        Raises:
            ToolFailedError: it could not be done.
        """
        ...
