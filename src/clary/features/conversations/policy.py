"""Pure decisions: what a stored message is, what counts, what can be searched, how a title is made."""

from dataclasses import dataclass, field
from typing import Any, Literal, cast

MessageRole = Literal["user", "assistant", "tool", "system"]

UNSTORED_TYPES = frozenset(
    {
        "token_usage",
        "tool_progress",
        "error",
        "stream_end",
        "sandbox_approval_requested",
        "sandbox_approval_resolved",
    }
)
"""Lines that are never history (stream-runtime.md 8)."""

TITLE_CHARACTERS = 50
EMPTY_TITLE = "新会话"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message about to be stored; the fields are those of the wire (stream-runtime.md 4.2)."""

    message_id: str
    role: MessageRole
    type: str
    content: Any
    timestamp: float
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    is_error: bool = False
    agent_name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    error_info: dict[str, Any] | None = None
    response_id: str | None = None
    model_text: str | None = None


def text_of(content: Any) -> str:
    """The text of string or part content; text parts are joined by a blank."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [cast("dict[str, Any]", part) for part in cast("list[Any]", content) if isinstance(part, dict)]
        return " ".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    return ""


def counts_of(message: NewMessage) -> tuple[int, int]:
    """(user messages, assistant messages with text) that this message adds; reasoning is no answer."""
    if message.role == "user":
        return 1, 0
    has_text = message.role == "assistant" and bool(message.content) and message.type != "reasoning_content"
    return 0, int(has_text)


def folded_text(message: NewMessage) -> str:
    """What a search looks at: user and assistant text, not tool output, not reasoning."""
    if message.role not in ("user", "assistant") or message.type == "reasoning_content":
        return ""
    return text_of(message.content).casefold()


def title_from(content: Any) -> str:
    """First 50 characters of the first user text, `...` if cut (stream-runtime.md 3.3)."""
    text = " ".join(text_of(content).split())
    if not text:
        return EMPTY_TITLE
    return text if len(text) <= TITLE_CHARACTERS else text[:TITLE_CHARACTERS] + "..."
