"""Overrides of one run in a StreamRequest (stream-runtime.md 3.2)."""

from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict, Field, field_validator, model_validator

from clary.features.agents.service import ContextBudgetBody
from clary.features.chat.payloads import MAX_PREFIX_BYTES, ChatRequest
from clary.features.llm_providers.service import normal_address
from clary.http.payload import Payload
from clary.kit.text import TextError

MAX_INLINE_AGENTS = 20
MAX_RUN_SERVERS = 10
Names = Annotated[list[str], Field(max_length=1000)]
ModeName = Annotated[str, Field(max_length=64)]
Workflows = dict[str, list[str]]
MODEL_KEYS = frozenset(
    {"model", "max_tokens", "temperature", "top_p", "presence_penalty", "max_model_len", "base_url", "api_key"}
)


class ModelOverride(Payload):
    """`llm_model_config`; keys that are not known become warnings."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: Annotated[str, Field(max_length=255)] | None = None
    max_tokens: int | None = Field(None, ge=1, le=10_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    max_model_len: int | None = Field(None, ge=1024, le=100_000_000)
    base_url: Annotated[str, Field(max_length=2048)] | None = None
    api_key: Annotated[str, Field(max_length=4096)] | None = None

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        return normal_address(value) if value else value

    @model_validator(mode="after")
    def _pair_goes_together(self) -> "ModelOverride":
        if bool(self.base_url) != bool(self.api_key):
            raise TextError("base_url 和 api_key 须同时给出", "base_url and api_key are only accepted together")
        return self

    @property
    def unknown(self) -> list[str]:
        """Keys that have no effect."""
        return sorted(set(self.model_extra or {}) - MODEL_KEYS)


class InlineAgent(Payload):
    """An item of `custom_sub_agents`: lives for this run only."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    agent_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    description: Annotated[str, Field(max_length=2000)] = ""
    system_prompt: Annotated[str, Field(max_length=MAX_PREFIX_BYTES)] = ""
    available_tools: Names | None = None
    available_skills: Names | None = None
    available_workflows: Workflows | None = None
    system_context: dict[str, Any] = Field(default_factory=dict[str, Any])
    agent_mode: str | None = None


class RunServer(Payload):
    """An entry of `extra_mcp_config`."""

    model_config = ConfigDict(extra="allow")

    streamable_http_url: str | None = None
    url: str | None = None
    sse_url: str | None = None
    api_key: str | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    disabled: bool = False

    @model_validator(mode="after")
    def _no_programs(self) -> "RunServer":
        if {"command", "args", "env"} & set(self.model_extra or {}):
            raise TextError(
                "此处不接受程序: command、args 和 env 会被拒绝",
                "programs are not accepted here: command, args and env are refused",
            )
        if not (self.streamable_http_url or self.url or self.sse_url):
            raise TextError(
                "服务器需要 streamable_http_url、url 或 sse_url", "a server needs streamable_http_url, url or sse_url"
            )
        return self


class StreamRequest(ChatRequest):
    """`POST /api/stream` and `/api/web-stream`: the chat request with overrides for this run.

    A value counts if it is present: not null, and not the empty default of its type.
    """

    agent_name: Annotated[str, Field(max_length=128)] | None = None
    agent_mode: ModeName | None = None
    multi_agent: bool | None = None
    max_loop_count: int | None = None
    deep_thinking: bool | None = None
    more_suggest: bool | None = None
    force_summary: bool | None = None
    system_prefix: str | None = None
    available_tools: Names | None = None
    available_skills: Names | None = None
    available_workflows: Workflows | None = None
    available_knowledge_bases: Names | None = None
    available_sub_agent_ids: Names | None = None
    custom_sub_agents: Annotated[list[InlineAgent], Field(max_length=MAX_INLINE_AGENTS)] | None = None
    memory_type: str | None = None
    llm_model_config: ModelOverride | None = None
    context_budget_config: ContextBudgetBody | None = None
    extra_mcp_config: Annotated[dict[str, RunServer], Field(max_length=MAX_RUN_SERVERS)] | None = None
    sandbox_approval_mode: str | None = None
    command_policy: Any = None

    @model_validator(mode="before")
    @classmethod
    def _moved_from_the_context(cls, data: Any) -> Any:
        """Two fields may stand in `system_context` instead (stream-runtime.md 3.5)."""
        if not isinstance(data, dict):
            return data
        body = cast("dict[str, Any]", data)
        context = body.get("system_context")
        if not isinstance(context, dict):
            return body
        known = cast("dict[str, Any]", context)
        moved = {
            name: known[name]
            for name in ("extra_mcp_config", "custom_sub_agents")
            if known.get(name) is not None and not body.get(name)
        }
        return {**body, **moved}

    @field_validator("system_prefix")
    @classmethod
    def _persona_bounded(cls, value: str | None) -> str | None:
        if value is not None and len(value.encode()) > MAX_PREFIX_BYTES:
            raise TextError("system_prefix 超过 64 KiB", "system_prefix is larger than 64 KiB")
        return value

    @field_validator("multi_agent", "more_suggest", "force_summary", "deep_thinking", mode="before")
    @classmethod
    def _no_blank_flag(cls, value: Any) -> Any:
        return None if value == "" else value

    @property
    def approval_mode(self) -> Literal["auto", "risky", "always"] | None:
        """The mode asked for; unknown words ask for nothing."""
        mode = self.sandbox_approval_mode
        return mode if mode == "auto" or mode == "risky" or mode == "always" else None

    @property
    def denied_commands(self) -> tuple[str, ...]:
        """First words that this request refuses besides; unknown shapes are ignored."""
        policy = self.command_policy
        denied = cast("dict[str, Any]", policy).get("deny") if isinstance(policy, dict) else None
        if not isinstance(denied, list):
            return ()
        return tuple(word for word in cast("list[Any]", denied)[:100] if isinstance(word, str) and word.strip())


OVERRIDES = frozenset(StreamRequest.model_fields) - frozenset(ChatRequest.model_fields)
"""The names of the fields that this request has beyond a chat's."""
