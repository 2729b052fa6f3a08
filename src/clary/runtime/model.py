"""The port to a language model: one streaming call, with retries done behind it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from clary.kit.text import Text
from clary.runtime.messages import ModelMessage, ToolCall, ToolSpec

FailureKind = Literal[
    "provider_auth",
    "provider_quota",
    "provider_rate_limit",
    "model_not_found",
    "content_filter",
    "context_overflow",
    "provider_timeout",
    "provider_unreachable",
    "provider_bad_response",
    "provider_error",
    "empty_response",
    "input_too_large",
    "limit",
    "internal_error",
    "mcp_unreachable",
]
"""`error_info.kind` (stream-runtime.md 9.15)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call as the provider reported them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Thinking:
    """How much the model shall think: `enabled` None leaves the model's default."""

    enabled: bool | None = None
    level: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call. Sampling parameters that are None are not sent."""

    messages: Sequence[ModelMessage]
    tools: Sequence[ToolSpec] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    thinking: Thinking = field(default_factory=Thinking)
    response_schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of answer text, never empty, never half a character."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of reasoning text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of call `position` (0, 1, … in model order); id and name come once, with the first fragment."""

    position: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """The attempt broke and another begins from the start; what it sent so far is void."""

    kind: FailureKind
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ModelDone:
    """The response is complete. `calls` are all its tool calls in model order, ids unique within the response."""

    finish_reason: Literal["stop", "tool_calls", "length", "content_filter", "other"]
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None


ModelItem = TextDelta | ReasoningDelta | ToolCallDelta | AttemptLost | ModelDone


class ModelFailedError(Exception):
    """The call failed for good. `kind` names the reason; upstream text, URL and key never appear."""

    def __init__(self, kind: FailureKind, *, retryable: bool = False, usage: Usage | None = None) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind
        self.retryable = retryable
        self.usage = usage


class ModelClient(Protocol):
    """A model that can be called."""

    @property
    def model_name(self) -> str:
        """Name of the model as the provider knows it."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """Calls the model; retries by stream-runtime.md 9.15 happen inside, each announced by `AttemptLost`.

        The last item is `ModelDone`. Closing the iterator closes the connection at once.

        Raises:
            ModelFailedError: no attempt succeeded, or the failure must not be retried.
            BudgetSpentError: nothing was sent, because no budget is left.
        """
        ...


class BudgetSpentError(Exception):
    """No budget is left for the call (platform.md 14.3). It was not made; `notice` is what the person is told."""

    def __init__(self, notice: Text) -> None:
        super().__init__(notice.en)
        self.notice = notice
