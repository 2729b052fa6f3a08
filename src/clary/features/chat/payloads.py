"""Requests of the three chat endpoints (stream-runtime.md 3)."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from clary.http.payload import Payload

ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$"
SessionId = Annotated[str, Field(pattern=ID_PATTERN)]
MAX_CONTEXT_BYTES = 64 * 1024
MAX_TEXT_CHARACTERS = 1_000_000


class ImageUrl(Payload):
    """Where an image is."""

    url: Annotated[str, Field(min_length=1, max_length=15 * 1024 * 1024)]


class ContentPart(Payload):
    """Text, or an image."""

    type: Literal["text", "image_url"]
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] | None = None
    image_url: ImageUrl | None = None


class ChatMessage(Payload):
    """One message of a request; keys the server does not use are ignored."""

    message_id: SessionId | None = None
    role: Literal["user", "assistant", "system", "tool"]
    content: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] | list[ContentPart] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    metadata: dict[str, str | int | float | bool | None] = Field(default_factory=dict[str, Any])


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
        if len(str(value)) > MAX_CONTEXT_BYTES:
            raise ValueError("system_context is larger than 64 KiB")
        return value


class AgentChatRequest(ChatRequest):
    """`POST /api/chat`, which requires an agent."""

    @model_validator(mode="after")
    def _names_an_agent(self) -> "AgentChatRequest":
        if not self.agent_id:
            raise ValueError("agent_id is required")
        return self


class StreamRequest(ChatRequest):
    """`POST /api/stream` and `/api/web-stream`: the same with overrides for this run."""

    agent_name: Annotated[str, Field(max_length=128)] | None = None
    system_prefix: Annotated[str, Field(max_length=64 * 1024)] | None = None
    available_tools: Annotated[list[str], Field(max_length=1000)] | None = None
    max_loop_count: int | None = None
    deep_thinking: bool | None = None


class InterruptRequest(Payload):
    """Body of an interrupt, all of it optional."""

    message: Annotated[str, Field(max_length=2000)] | None = None
    run_id: str | None = None
