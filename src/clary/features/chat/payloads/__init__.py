"""Requests of the three chat endpoints (stream-runtime.md 3)."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from clary.http.content import ID_PATTERN, MAX_TEXT_CHARACTERS, Content, Metadata
from clary.http.payload import Payload, require_size
from clary.kit.text import Text, TextError
from clary.runtime.toolset import is_object_text

SessionId = Annotated[str, Field(pattern=ID_PATTERN)]
MAX_CONTEXT_BYTES = 64 * 1024
MAX_PREFIX_BYTES = 64 * 1024


class SeededFunction(Payload):
    """What a seeded call called."""

    name: Annotated[str, Field(min_length=1, max_length=160)]
    arguments: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] = "{}"

    @field_validator("arguments")
    @classmethod
    def _an_object(cls, value: str) -> str:
        # Providers refuse anything else in every later call of the conversation.
        if not is_object_text(value):
            raise TextError("arguments 应为 JSON 对象的文本", "arguments must be the JSON text of an object")
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
    content: Content | None = None
    tool_calls: list[SeededCall] = Field(default_factory=list[SeededCall])
    tool_call_id: str | None = None
    metadata: Metadata = Field(default_factory=dict[str, Any])

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
        return require_size(
            value, MAX_CONTEXT_BYTES, Text("system_context 超过 64 KiB", "system_context is larger than 64 KiB")
        )


class AgentChatRequest(ChatRequest):
    """`POST /api/chat`, which requires an agent."""

    @model_validator(mode="after")
    def _names_an_agent(self) -> "AgentChatRequest":
        if not self.agent_id:
            raise TextError("缺少 agent_id", "agent_id is required")
        return self


class InterruptRequest(Payload):
    """Body of an interrupt, all of it optional."""

    message: Annotated[str, Field(max_length=2000)] | None = None
    run_id: str | None = None
