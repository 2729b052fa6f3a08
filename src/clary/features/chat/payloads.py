"""Requests of the three chat endpoints (stream-runtime.md 3)."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from clary.http.content import ID_PATTERN, MAX_TEXT_CHARACTERS, Content, Metadata
from clary.http.payload import Payload, require_size
from clary.runtime.tool_runner import is_object_text

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
        return require_size(value, MAX_CONTEXT_BYTES, "system_context is larger than 64 KiB")


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
    system_prefix: str | None = None
    available_tools: Annotated[list[str], Field(max_length=1000)] | None = None
    max_loop_count: int | None = None
    deep_thinking: bool | None = None

    @field_validator("system_prefix")
    @classmethod
    def _persona_bounded(cls, value: str | None) -> str | None:
        if value is not None and len(value.encode()) > MAX_PREFIX_BYTES:
            raise ValueError("system_prefix is larger than 64 KiB")
        return value


class RerunRequest(Payload):
    """`POST …/rerun-stream`: what is missing comes from the conversation's agent (stream-runtime.md 10.1)."""

    agent_id: str | None = None
    agent_mode: str | None = None
    more_suggest: bool | None = None
    max_loop_count: int | None = None
    available_sub_agent_ids: Annotated[list[str], Field(max_length=1000)] | None = None
    provider_id: str | None = None
    fast_provider_id: str | None = None
    stream_options: StreamOptions = Field(default_factory=StreamOptions)
    guidance_content: Content | None = None
    guidance_id: SessionId | None = None

    def as_start(self, session_id: str) -> StreamRequest:
        """The run it asks for; with guidance, its words are the message."""
        given = self.model_dump(exclude_none=True, exclude={"guidance_content", "guidance_id"})
        message = {"role": "user", "content": self.model_dump()["guidance_content"]}
        if self.guidance_id is not None:
            message["metadata"] = {"guidance_id": self.guidance_id}
        messages = [message] if self.guidance_content else []
        return StreamRequest.model_validate({**given, "session_id": session_id, "messages": messages})


class EditRequest(Payload):
    """`POST …/edit-last-user-message`."""

    content: Content


class HistoryItem(Payload):
    """What was said before a draft."""

    role: Literal["user", "assistant", "system", "tool"]
    content: Content | None = None


class OptimizeRequest(Payload):
    """`POST /api/chat/optimize-input`; `session_id` and `agent_id` choose the model."""

    current_input: Annotated[str, Field(min_length=1, max_length=20_000)]
    history_messages: Annotated[list[HistoryItem], Field(max_length=1000)] = Field(default_factory=list[HistoryItem])
    session_id: str | None = None
    agent_id: str | None = None
    language: Literal["zh", "en", "pt"] | None = None


class InterruptRequest(Payload):
    """Body of an interrupt, all of it optional."""

    message: Annotated[str, Field(max_length=2000)] | None = None
    run_id: str | None = None
