"""Requests of the three chat endpoints (stream-runtime.md 3)."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from clary.http.payload import Payload
from clary.kit import json_text
from clary.runtime.tool_runner import is_object_text

ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$"
SessionId = Annotated[str, Field(pattern=ID_PATTERN)]
MAX_CONTEXT_BYTES = 64 * 1024
MAX_PREFIX_BYTES = 64 * 1024
MAX_METADATA_BYTES = 4 * 1024
MAX_TEXT_CHARACTERS = 1_000_000


def require_size(value: dict[str, Any], max_bytes: int, problem: str) -> dict[str, Any]:
    """The value, if its JSON is no longer than so many bytes.

    Raises:
        ValueError
    """
    if len(json_text.dumps(value)) > max_bytes:
        raise ValueError(problem)
    return value


class ImageUrl(Payload):
    """Where an image is."""

    url: Annotated[str, Field(min_length=1, max_length=15 * 1024 * 1024)]


class ContentPart(Payload):
    """Text, or an image."""

    type: Literal["text", "image_url"]
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _holds_what_it_says(self) -> "ContentPart":
        if self.type == "image_url" and self.image_url is None:
            raise ValueError("an image part needs image_url")
        return self


class SeededFunction(Payload):
    """What a seeded call called."""

    name: Annotated[str, Field(min_length=1, max_length=160)]
    arguments: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] = "{}"

    @field_validator("arguments")
    @classmethod
    def _an_object(cls, value: str) -> str:
        # Providers refuse anything else in every later call of the conversation.
        if not is_object_text(value):
            raise ValueError("arguments must be the JSON text of an object")
        return value


class SeededCall(Payload):
    """A tool call that an assistant message brings along."""

    id: Annotated[str, Field(min_length=1, max_length=160)]
    function: SeededFunction


class ChatMessage(Payload):
    """One message of a request; keys the server does not use are ignored."""

    message_id: SessionId | None = None
    role: Literal["user", "assistant", "system", "tool"]
    type: str | None = None
    content: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] | list[ContentPart] | None = None
    tool_calls: list[SeededCall] = Field(default_factory=list[SeededCall])
    tool_call_id: str | None = None
    metadata: dict[str, str | int | float | bool | None] = Field(default_factory=dict[str, Any])

    @model_validator(mode="before")
    @classmethod
    def _only_what_the_role_has(cls, data: Any) -> Any:
        """Keys that another role has are accepted and ignored, whatever they hold."""
        if not isinstance(data, dict):
            return data
        body = cast("dict[str, Any]", data)
        others = {"assistant": {"tool_call_id"}, "tool": {"type", "tool_calls"}}
        ignored = others.get(str(body.get("role")), {"type", "tool_calls", "tool_call_id"})
        return {key: value for key, value in body.items() if key not in ignored}

    @field_validator("metadata")
    @classmethod
    def _bounded(cls, value: dict[str, Any]) -> dict[str, Any]:
        return require_size(value, MAX_METADATA_BYTES, "metadata is larger than 4 KiB")


class StreamOptions(Payload):
    """Properties of the run; all its views show the same lines (stream-runtime.md 3.6)."""

    tool_progress: bool = False
    tool_call_deltas: bool = False
    approvals: bool = False
    on_disconnect: Literal["interrupt", "continue"] | None = None


class ChatRequest(Payload):
    """`POST /api/chat`."""

    messages: Annotated[list[ChatMessage], Field(max_length=1000)]
    session_id: SessionId | None = None
    agent_id: str | None = None
    system_context: dict[str, Any] = Field(default_factory=dict[str, Any])
    provider_id: str | None = None
    fast_provider_id: str | None = None
    stream_options: StreamOptions = Field(default_factory=StreamOptions)

    @field_validator("system_context")
    @classmethod
    def _bounded(cls, value: dict[str, Any]) -> dict[str, Any]:
        return require_size(value, MAX_CONTEXT_BYTES, "system_context is larger than 64 KiB")


class AgentChatRequest(ChatRequest):
    """`POST /api/chat`, which requires an agent."""

    @model_validator(mode="after")
    def _names_an_agent(self) -> "AgentChatRequest":
        if not self.agent_id:
            raise ValueError("agent_id is required")
        return self


class InterruptRequest(Payload):
    """Body of an interrupt, all of it optional."""

    message: Annotated[str, Field(max_length=2000)] | None = None
    run_id: str | None = None
