"""Requests that take back, change or draft what somebody says (stream-runtime.md 10.1, 10.2, 10.7)."""

from typing import Annotated, Literal

from pydantic import Field

from clary.features.chat.payloads import SessionId, StreamOptions
from clary.features.chat.payloads.overrides import ModeName, Names, StreamRequest
from clary.http.content import Content
from clary.http.payload import Payload


class RerunRequest(Payload):
    """`POST …/rerun-stream`: what is missing comes from the conversation's agent (stream-runtime.md 10.1)."""

    agent_id: str | None = None
    agent_mode: ModeName | None = None
    more_suggest: bool | None = None
    max_loop_count: int | None = None
    available_sub_agent_ids: Names | None = None
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
