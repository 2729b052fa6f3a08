"""How a request changes what the agent says, field by field (stream-runtime.md 3.2, 3.5): pure decisions."""

from dataclasses import dataclass, replace
from typing import Any

from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import ContextBudgetBody
from clary.features.chat.config import ApprovalMode, Json
from clary.features.chat.payloads.overrides import ModelOverride
from clary.features.llm_providers.ports import DEFAULT_MAX_MODEL_LEN, DEFAULT_MAX_TOKENS, ProviderSnapshot
from clary.runtime.plan import Mode

PROTECTED_KEYS = frozenset({"user_id", "session_id", "private_workspace", "file_permission", "current_time"})
DROPPED_KEYS = frozenset({"external_paths", "parent_session_id", "use_claw_mode"})
MOVED_KEYS = frozenset({"extra_mcp_config", "custom_sub_agents"})
STRICTNESS: tuple[ApprovalMode, ...] = ("auto", "risky", "always")
MODES: tuple[Mode, ...] = ("simple", "multi", "fibre", "team")
INLINE_PROVIDER_ID = "inline"

Warnings = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class ContextShares:
    """Server defaults of stream-runtime.md 9.8."""

    history_ratio: float = 0.2
    active_ratio: float = 0.3
    max_new_message_ratio: float = 0.5
    recent_turns: int = 0
    compression_threshold: float = 0.8


def warn(warnings: Warnings, field: str, value: object, reason: str) -> None:
    """Notes something that has no effect."""
    warnings.append({"field": field, "value": str(value)[:128], "reason": reason})


def mode_of(requested: str | None, requested_multi: bool | None, agent: AgentSnapshot) -> Mode:
    """`simple` for everything that is no mode, but `fibre` when `multi_agent` is true."""
    wanted = requested or agent.agent_mode
    if wanted in MODES:
        return wanted
    multi = requested_multi if requested_multi is not None else agent.multi_agent
    return "fibre" if multi else "simple"


def strictest(*modes: ApprovalMode | None) -> ApprovalMode:
    """The strictest of the policies that say something."""
    found: ApprovalMode = "auto"
    for mode in modes:
        if mode is not None and STRICTNESS.index(mode) > STRICTNESS.index(found):
            found = mode
    return found


def merged_context(requested: Json, of_agent: Json, saved: Json, warnings: Warnings) -> tuple[Json, Json]:
    """(what the prompt shows, what the session keeps): request over agent over saved (3.5)."""
    allowed: Json = {}
    for key, value in requested.items():
        if key in DROPPED_KEYS or key in PROTECTED_KEYS:
            warn(warnings, "system_context", key, "protected")
        elif key not in MOVED_KEYS:
            allowed[key] = value
    agent_values = {key: value for key, value in of_agent.items() if key not in PROTECTED_KEYS | DROPPED_KEYS}
    return {**saved, **agent_values, **allowed}, {**saved, **allowed}


def with_model_override(provider: ProviderSnapshot, wanted: ModelOverride | None, caller_id: str) -> ProviderSnapshot:
    """The provider of a run with what the request says of the model.

    With an own base URL and key nothing of the stored provider is used: neither its key nor its prices.
    """
    if wanted is None:
        return provider
    own = own_model(wanted, caller_id, provider.model)
    if own is not None:
        return own
    named = ("model", "max_tokens", "temperature", "top_p", "presence_penalty", "max_model_len")
    changes = {name: getattr(wanted, name) for name in named if getattr(wanted, name) not in (None, "")}
    return replace(provider, **changes)


def own_model(wanted: ModelOverride | None, caller_id: str, model: str = "") -> ProviderSnapshot | None:
    """The provider that a request brings along itself, if it does; `model` stands in where it names none."""
    if wanted is None or not (wanted.base_url and wanted.api_key and (wanted.model or model)):
        return None
    return ProviderSnapshot(
        id=INLINE_PROVIDER_ID,
        kind="openai",
        owner_id=caller_id,
        name="",
        base_url=wanted.base_url,
        api_key=wanted.api_key,
        model=wanted.model or model,
        max_tokens=wanted.max_tokens or DEFAULT_MAX_TOKENS,
        max_model_len=wanted.max_model_len or DEFAULT_MAX_MODEL_LEN,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        presence_penalty=wanted.presence_penalty,
    )


def context_budget(
    agent: AgentSnapshot,
    wanted: ContextBudgetBody | None,
    provider: ProviderSnapshot,
    asked_length: int | None,
    shares: ContextShares,
) -> Json:
    """Length and shares of the context: request over agent over server; the length also over the provider (9.8)."""
    saved: dict[str, Any] = {key: value for key, value in (agent.context_budget or {}).items() if value is not None}
    asked = wanted.model_dump(exclude_none=True) if wanted is not None else {}
    chosen = {**saved, **asked}
    return {
        "max_model_len": asked_length or chosen.get("max_model_len") or provider.max_model_len,
        "max_tokens": provider.max_tokens,
        **{name: chosen.get(name, getattr(shares, name)) for name in ContextShares.__slots__},
    }
