"""AgentConfigDTO on the wire, with its camelCase names (product.md 3.1)."""

import re
import unicodedata
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from clary.features.agents.ports import AgentAccess, ApprovalMode, ThinkingLevel
from clary.http.payload import Payload
from clary.kit import json_text
from clary.kit.text import TextError, has_control_characters

MAX_TEXT_BYTES = 64 * 1024
MAX_NAME = 100
_HOST_PATTERN = re.compile(
    r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]{1,5})?"
)


def _name(text: str) -> str:
    text = unicodedata.normalize("NFC", text.strip())
    if has_control_characters(text):
        raise TextError("不能包含控制字符", "must not contain control characters")
    if len(text) > MAX_NAME:
        raise TextError("不能超过 100 个字符", "must not be longer than 100 characters")
    return text


def _limited_text(text: str) -> str:
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise TextError("不能超过 64 KiB", "must not be larger than 64 KiB")
    return text


def _limited_object(value: dict[str, Any]) -> dict[str, Any]:
    if len(json_text.dumps(value)) > MAX_TEXT_BYTES:
        raise TextError("不能超过 64 KiB", "must not be larger than 64 KiB")
    return value


def _host_pattern(text: str) -> str:
    text = text.strip()
    if len(text) > 253 or not _HOST_PATTERN.fullmatch(text):
        raise TextError(
            "应为主机名，可以 *. 开头，可带端口",
            "must be a host name, or one that begins with *., with an optional port",
        )
    return text


Name = Annotated[str, AfterValidator(_name)]
LongText = Annotated[str, AfterValidator(_limited_text)]
Context = Annotated[dict[str, Any], AfterValidator(_limited_object)]
Step = Annotated[str, Field(max_length=2000)]
Steps = Annotated[list[Step], Field(max_length=100)]
WorkflowName = Annotated[str, Field(max_length=100)]
Workflows = Annotated[dict[WorkflowName, Steps], Field(max_length=50)]
HostPattern = Annotated[str, AfterValidator(_host_pattern)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Cost = Annotated[float, Field(ge=0)]
Command = Annotated[str, Field(min_length=1, max_length=200)]


class ContextBudgetBody(Payload):
    """`contextBudgetConfig`, and `context_budget_config` of a request (stream-runtime.md 3.2).

    What is absent stays with the agent or the server's settings.
    """

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    max_model_len: int | None = Field(None, ge=1024, le=100_000_000)
    history_ratio: Ratio | None = None
    active_ratio: Ratio | None = None
    max_new_message_ratio: Ratio | None = None
    recent_turns: int | None = Field(None, ge=0, le=1000)
    compression_threshold: float | None = Field(None, gt=0, le=1)

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        shares = (self.history_ratio, self.active_ratio, self.max_new_message_ratio)
        # The tolerance is for binary fractions: 0.2 + 0.3 + 0.5 must pass however it is added up.
        if sum(share or 0 for share in shares) > 1 + 1e-9:
            raise TextError("三个比例之和不能超过 1", "the three ratios must not exceed 1 together")
        return self


class BudgetBody(Payload):
    """`budget` of an agent; each ceiling null or at least 0."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    tokens_per_run: Count | None = None
    cost_per_run: Cost | None = None
    tokens_per_day: Count | None = None
    cost_per_day: Cost | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")


class CommandPolicyBody(Payload):
    """`commandPolicy`: first words of shell commands that are refused."""

    deny: Annotated[list[Command], Field(max_length=100)] | None = None


class AgentRequest(Payload):
    """What may be written of an agent.

    The fields named in `null_clears` are group X: absent means unchanged, null the default. All others are group R: a
    save replaces them, and absent or null means the default.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=False)

    null_clears: ClassVar[frozenset[str]] = frozenset(
        {
            "thinkingLevel",
            "fast_llm_provider_id",
            "moreSuggest",
            "subAgentSelectionMode",
            "is_default",
            "contextBudgetConfig",
            "toolApprovalMode",
            "commandPolicy",
            "egressAllowList",
            "budget",
        }
    )

    name: Name
    system_prefix: LongText | None = Field(None, alias="systemPrefix")
    system_context: Context = Field(default_factory=dict[str, Any], alias="systemContext")
    workflows: Workflows = Field(default_factory=dict[str, list[str]], alias="availableWorkflows")
    tools: list[str] = Field(default_factory=list[str], alias="availableTools", max_length=1000)
    sub_agent_ids: list[str] = Field(default_factory=list[str], alias="availableSubAgentIds", max_length=100)
    skills: list[str] = Field(default_factory=list[str], alias="availableSkills", max_length=200)
    knowledge_base_ids: list[str] = Field(default_factory=list[str], alias="availableKnowledgeBases", max_length=1000)
    memory_type: str = Field("session", alias="memoryType")
    max_loop_count: int | None = Field(None, alias="maxLoopCount")
    deep_thinking: bool | None = Field(None, alias="deepThinking")
    llm_provider_id: str | None = None
    enable_multimodal: bool = Field(False, alias="enableMultimodal")
    multi_agent: bool = Field(False, alias="multiAgent")
    agent_mode: str | None = Field(None, alias="agentMode", max_length=32)
    description: str = Field("", max_length=2000)

    thinking_level: ThinkingLevel | None = Field(None, alias="thinkingLevel")
    fast_llm_provider_id: str | None = None
    more_suggest: bool | None = Field(None, alias="moreSuggest")
    sub_agent_selection: Literal["manual", "auto"] | None = Field(None, alias="subAgentSelectionMode")
    is_default: bool | None = None
    context_budget: ContextBudgetBody | None = Field(None, alias="contextBudgetConfig")
    tool_approval_mode: ApprovalMode | None = Field(None, alias="toolApprovalMode")
    command_policy: CommandPolicyBody | None = Field(None, alias="commandPolicy")
    egress_allow_list: Annotated[list[HostPattern], Field(max_length=50)] | None = Field(None, alias="egressAllowList")
    budget: BudgetBody | None = None

    def replaced(self) -> dict[str, Any]:
        """Group R under wire names: every field, sent or not."""
        wire = self.model_dump(by_alias=True, exclude={"context_budget", "command_policy", "budget"})
        return {name: value for name, value in wire.items() if name not in self.null_clears}

    def sent_extras(self) -> dict[str, Any]:
        """Those fields of group X that were sent, under wire names; None stands for the default."""
        whole = self.model_dump(by_alias=True, exclude_unset=True)
        sent = {name: value for name, value in whole.items() if name in self.null_clears}
        if self.context_budget is not None:
            sent["contextBudgetConfig"] = self.context_budget.model_dump(exclude_none=True)
        if self.command_policy is not None:
            sent["commandPolicy"] = self.command_policy.model_dump(exclude_none=True)
        if self.budget is not None:
            sent["budget"] = self.budget.model_dump()
        return sent


WarningReason = Literal["unknown", "not_usable", "protected", "clamped"]


class AgentWarning(BaseModel):
    """Something in a configuration that has no effect, or another one than was asked for."""

    field: str
    value: Any
    reason: WarningReason


class AgentResponse(BaseModel):
    """AgentConfigDTO as answered: always every key."""

    id: str
    user_id: str
    name: str
    system_prefix: str | None = Field(alias="systemPrefix")
    system_context: dict[str, Any] = Field(alias="systemContext")
    workflows: dict[str, list[str]] = Field(alias="availableWorkflows")
    tools: list[str] = Field(alias="availableTools")
    sub_agent_ids: list[str] = Field(alias="availableSubAgentIds")
    skills: list[str] = Field(alias="availableSkills")
    knowledge_base_ids: list[str] = Field(alias="availableKnowledgeBases")
    memory_type: str = Field(alias="memoryType")
    max_loop_count: int = Field(alias="maxLoopCount")
    deep_thinking: bool | None = Field(alias="deepThinking")
    thinking_level: str | None = Field(alias="thinkingLevel")
    llm_provider_id: str | None
    fast_llm_provider_id: str | None
    enable_multimodal: bool = Field(alias="enableMultimodal")
    more_suggest: bool = Field(alias="moreSuggest")
    multi_agent: bool = Field(alias="multiAgent")
    agent_mode: str = Field(alias="agentMode")
    description: str
    sub_agent_selection: str = Field(alias="subAgentSelectionMode")
    is_default: bool
    context_budget: dict[str, Any] | None = Field(alias="contextBudgetConfig")
    tool_approval_mode: str = Field(alias="toolApprovalMode")
    command_policy: dict[str, Any] = Field(alias="commandPolicy")
    egress_allow_list: list[str] = Field(alias="egressAllowList")
    budget: dict[str, Any] | None
    access: AgentAccess
    version: int
    created_at: str | None
    updated_at: str | None
    warnings: list[AgentWarning]


class SavedAgent(BaseModel):
    """Answer of create and PUT; `id` = `agent_id`."""

    agent_id: str
    id: str
    version: int
    warnings: list[AgentWarning]


class VersionItem(BaseModel):
    """A saved version; `changed` are names of fields, empty for the first one."""

    version: int
    name: str
    author_id: str
    created_at: str
    changed: list[str]


class VersionResponse(VersionItem):
    """A saved version with its whole configuration, without what the server makes."""

    config: dict[str, Any]


class VersionPage(BaseModel):
    """Versions, newest first."""

    items: list[VersionItem]
    total: int
    page: int
    page_size: int


class DeletedAgent(BaseModel):
    """Answer of DELETE."""

    agent_id: str


class PromptTemplate(BaseModel):
    """Answer of the default system prompt."""

    content: str


class SharingRequest(Payload):
    """Who may use an agent; groups stay as they are when none are named."""

    user_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)]
    group_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)] | None = None


Description = Annotated[str, Field(min_length=1, max_length=4000)]
ToolNames = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1000)]
LanguageTag = Annotated[str, Field(max_length=64)]


class DraftRequest(Payload):
    """A wish for an agent; with `available_tools` the draft gets exactly those of them that exist."""

    agent_description: Description
    available_tools: ToolNames | None = None
    language: LanguageTag | None = None
    llm_provider_id: str | None = None


class DraftResponse(BaseModel):
    """A drafted agent; nothing is saved, and it can be posted to create as it is.

    Existing clients expect `llmConfig` and `moreSupport`, which a saved agent has not.
    """

    id: str = ""
    name: str
    description: str
    system_prefix: str = Field(alias="systemPrefix")
    deep_thinking: bool = Field(False, alias="deepThinking")
    multi_agent: bool = Field(False, alias="multiAgent")
    more_support: bool = Field(False, alias="moreSupport")
    max_loop_count: int = Field(50, alias="maxLoopCount")
    model_settings: dict[str, str] = Field(
        default_factory=lambda: {"model": "", "maxTokens": "", "temperature": ""}, alias="llmConfig"
    )
    tools: list[str] = Field(alias="availableTools")
    system_context: dict[str, Any] = Field(default_factory=dict[str, Any], alias="systemContext")
    workflows: dict[str, list[str]] = Field(alias="availableWorkflows")
    llm_provider_id: str | None
    exported_at: str = Field(alias="exportTime")
    version: str = "1.0"


class OptimizeRequest(Payload):
    """Instructions to be made better."""

    original_prompt: Annotated[str, Field(min_length=1, max_length=65_536)]
    optimization_goal: Annotated[str, Field(max_length=2000)] | None = None
    language: LanguageTag | None = None
    llm_provider_id: str | None = None


class OptimizationDetails(BaseModel):
    """Lengths in characters."""

    original_length: int
    optimized_length: int
    optimization_goal: str | None


class OptimizeResponse(BaseModel):
    """Better instructions (Markdown), what was changed, and their parts by name."""

    success: Literal[True] = True
    optimized_prompt: str
    analysis: dict[str, str]
    sections: dict[str, str]
    timestamp: str
    optimization_details: OptimizationDetails


class AbilitiesRequest(Payload):
    """Whose abilities; context and an own conversation make the answer fit what is at hand."""

    agent_id: str
    session_id: str | None = None
    context: Annotated[str, Field(max_length=8000)] | None = None
    language: LanguageTag | None = None


class AbilityItem(BaseModel):
    """Something an agent can do; `promptText` is ready to send."""

    id: str
    title: str
    description: str
    prompt_text: str = Field(alias="promptText")


class AbilitiesResponse(BaseModel):
    """Up to six abilities."""

    items: list[AbilityItem]


class TaskMetadata(BaseModel):
    """What a task is at: `""` while it waits, `model` while a model is asked, `done` at its end."""

    step: str


class TaskResponse(BaseModel):
    """A task in the background; times in epoch seconds. `result` is the data of the direct call, `error` a message."""

    task_id: str
    task_type: str
    status: str
    progress: int
    result: dict[str, Any] | None
    error: str | None
    metadata: TaskMetadata
    created_at: float
    updated_at: float
