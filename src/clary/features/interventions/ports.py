"""What the slice needs from those above it, and what it tells them."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol


class RunWaker(Protocol):
    """Goes on with a run that waits."""

    def wake(self, run_id: str) -> None:
        """Somebody answered or decided, and it is durable. Returns at once; harmless when nothing waits."""
        ...


@dataclass(frozen=True, slots=True)
class NewQuestionnaire:
    """A questionnaire about to be opened. `deadline` in epoch seconds; None: no deadline."""

    questionnaire_id: str
    run_id: str
    conversation_id: int
    user_id: str
    session_id: str
    tool_call_id: str
    title: str
    questions: list[dict[str, Any]]
    kind: str
    wait_seconds: int
    opened_at: float
    deadline: float | None
    approval_id: str | None = None
    """The approval that the answer decides, where a client without approval lines is asked (9.13)."""


@dataclass(frozen=True, slots=True)
class NewApproval:
    """A call about to wait for a person's word. Times in epoch seconds."""

    approval_id: str
    run_id: str
    conversation_id: int
    user_id: str
    session_id: str
    tool_call_id: str
    tool_name: str
    category: str
    command: str
    command_hash: str
    reason: str
    mode: str
    requested_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Due:
    """Something a run waited for long enough."""

    kind: Literal["questionnaire", "approval"]
    id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class GuidanceItem:
    """Words of a person for a run; `created_at` in epoch seconds."""

    guidance_id: str
    content: Any
    metadata: dict[str, Any]
    created_at: float
