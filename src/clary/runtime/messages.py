"""What a model is shown: the one message protocol inside; vendors translate at their rim."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call a model asked for. `arguments` stays the raw JSON text, so it is byte-equal everywhere."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text of a multimodal message."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image of a multimodal message; `url` is an https or a `data:` address."""

    url: str


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """Instructions."""

    text: str


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What the person said."""

    content: str | tuple[TextPart | ImagePart, ...]


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """One model response: text, calls, or both. `reasoning` goes back only to providers that demand it."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class ToolMessage:
    """The one result of a call."""

    tool_call_id: str
    content: str


ModelMessage = SystemMessage | UserMessage | AssistantMessage | ToolMessage

Effect = Literal["read", "write", "external"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a tool is: its schema for the model, its effect and how it may run (stream-runtime.md 9.5)."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of an object; parameters the server supplies never appear."""
    effect: Effect = "read"
    parallel_safe: bool = True
    timeout_seconds: float | None = 120.0
    """None: the tool bounds itself."""
    path_arguments: tuple[str, ...] = field(default=())
    """Arguments that name workspace files; calls touching the same file never overlap."""
    files_in: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    """Workspace files that arguments name in another way, as a patch does."""
    ends_run: Literal["finished", "need_user_input"] | None = None
    """A successful call ends the run: a child reports (9.7), or the answer comes as the next message (9.12)."""

    @property
    def required(self) -> list[str]:
        """Names of the arguments a call must have; a stranger's schema may say anything there."""
        names = self.parameters.get("required")
        return [name for name in cast("list[Any]", names) if isinstance(name, str)] if isinstance(names, list) else []
