"""What a request resolves to: agent, providers, prompt, tools; everything fixed for the whole run (9.1)."""

from dataclasses import dataclass
from typing import Any

from clary.db.session import Session
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import AgentResolver
from clary.features.chat.config import RunConfig
from clary.features.chat.control_tags import ControlTags
from clary.features.chat.payloads import ChatRequest, StreamRequest
from clary.features.llm_providers.service import ProviderResolver
from clary.features.permissions.service import Identity
from clary.features.toolbox.service import Toolbox, canonical_name
from clary.kit.text import current_locale
from clary.runtime.prompt import prompt_language
from clary.runtime.prompts import persona

PROTECTED_KEYS = frozenset({"user_id", "session_id", "private_workspace", "file_permission", "current_time"})
DROPPED_KEYS = frozenset({"external_paths", "parent_session_id", "use_claw_mode"})
MOVED_KEYS = frozenset({"extra_mcp_config", "custom_sub_agents"})
DEFAULT_ANSWER_LANGUAGE = "zh-CN(简体中文)"
ALWAYS_WITH_TOOLS = ("todo_write", "todo_read")


@dataclass(frozen=True, slots=True)
class ContextShares:
    """Server defaults of stream-runtime.md 9.8."""

    history_ratio: float = 0.2
    active_ratio: float = 0.3
    max_new_message_ratio: float = 0.5
    recent_turns: int = 0
    compression_threshold: float = 0.8


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """Server defaults of the rounds cap."""

    default: int = 50
    largest: int = 200


@dataclass(frozen=True, slots=True)
class Resolved:
    """The snapshot, and what was left out."""

    config: RunConfig
    agent: AgentSnapshot
    agent_mode: str
    warnings: list[dict[str, str]]
    saved_context: dict[str, Any]


class RunResolver:
    """See the module."""

    def __init__(
        self,
        *,
        agents: AgentResolver,
        providers: ProviderResolver,
        toolbox: Toolbox,
        shares: ContextShares,
        limits: LoopLimits,
    ) -> None:
        self._agents = agents
        self._providers = providers
        self._toolbox = toolbox
        self._shares = shares
        self._limits = limits

    async def resolve_agent(self, db: Session, *, identity: Identity, agent_id: str | None) -> AgentSnapshot:
        """The agent of a request.

        Raises:
            AgentNotFoundError
        """
        return await self._agents.resolve_for_run(db, identity=identity, agent_id=agent_id)

    async def resolve(
        self,
        db: Session,
        *,
        identity: Identity,
        agent: AgentSnapshot,
        request: ChatRequest,
        tags: ControlTags,
        system_texts: tuple[str, ...],
        session_id: str,
        saved_context: dict[str, Any],
        interrupt_note: str | None,
    ) -> Resolved:
        """The configuration of a run: request over agent over server.

        Raises:
            NamedProviderNotFoundError, ProviderMissingError
        """
        overrides = request if isinstance(request, StreamRequest) else StreamRequest(messages=[])
        warnings: list[dict[str, str]] = []
        provider = await self._providers.resolve(
            db,
            user_id=identity.user_id,
            requested_id=request.provider_id,
            agent_provider_id=agent.provider_id,
            agent_owner_id=agent.owner_id,
        )
        fast = provider
        if request.fast_provider_id or agent.fast_provider_id:
            fast = await self._providers.resolve(
                db,
                user_id=identity.user_id,
                requested_id=request.fast_provider_id,
                agent_provider_id=agent.fast_provider_id,
                agent_owner_id=agent.owner_id,
            )
        context, saved = _merged_context(request.system_context, dict(agent.system_context), saved_context, warnings)
        answer_language = str(context.pop("response_language", None) or DEFAULT_ANSWER_LANGUAGE)
        language = prompt_language(answer_language)
        config = RunConfig(
            agent_id=agent.agent_id,
            agent_name=overrides.agent_name or agent.name,
            persona=overrides.system_prefix or agent.system_prefix or persona(language),
            tools=self._tools(overrides.available_tools or list(agent.tools), warnings),
            max_loop_count=self._loop_count(overrides.max_loop_count, agent.max_loop_count),
            deep_thinking=_first(overrides.deep_thinking, tags.deep_thinking, agent.deep_thinking),
            thinking_level=tags.thinking_level or agent.thinking_level,
            provider=provider,
            fast_provider=fast,
            request_texts=system_texts,
            context_values={
                "user_id": identity.user_id,
                "session_id": session_id,
                "private_workspace": "/workspace",
                "file_permission": "read and write inside /workspace",
                **context,
            },
            answer_language=answer_language,
            locale=current_locale.get(),
            tool_progress=request.stream_options.tool_progress,
            tool_call_deltas=request.stream_options.tool_call_deltas,
            accepts_images=agent.enable_multimodal and provider.supports_multimodal,
            interrupt_note=interrupt_note,
            budget=self._budget(agent, provider.max_model_len, provider.max_tokens),
        )
        return Resolved(config, agent, _mode(agent), warnings, saved)

    def _tools(self, wanted: list[str], warnings: list[dict[str, str]]) -> tuple[str, ...]:
        """Known tools of the allow-list in its order; task list tools come with any of them."""
        names: list[str] = []
        for name in wanted if wanted != ["none"] else []:
            known = canonical_name(name)
            if self._toolbox.find(known) is None:
                warnings.append({"field": "available_tools", "value": name[:128], "reason": "unknown"})
            elif known not in names:
                names.append(known)
        if names:
            names += [name for name in ALWAYS_WITH_TOOLS if name not in names]
        return tuple(names)

    def _loop_count(self, requested: int | None, saved: int) -> int:
        wanted = requested if requested is not None and requested > 0 else saved
        return min(wanted if wanted > 0 else self._limits.default, self._limits.largest)

    def _budget(self, agent: AgentSnapshot, max_model_len: int, max_tokens: int) -> dict[str, Any]:
        saved = dict(agent.context_budget or {})
        shares = {
            name: saved.get(name) if saved.get(name) is not None else getattr(self._shares, name)
            for name in ContextShares.__slots__
        }
        return {"max_model_len": saved.get("max_model_len") or max_model_len, "max_tokens": max_tokens, **shares}


def _mode(agent: AgentSnapshot) -> str:
    return agent.agent_mode if agent.agent_mode in ("simple", "multi", "fibre", "team") else "simple"


def _first(*values: bool | None) -> bool | None:
    return next((value for value in values if value is not None), None)


def _merged_context(
    requested: dict[str, Any], of_agent: dict[str, Any], saved: dict[str, Any], warnings: list[dict[str, str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the prompt shows, what the session keeps): request over agent over saved (3.5)."""
    allowed: dict[str, Any] = {}
    for key, value in requested.items():
        if key in DROPPED_KEYS or key in PROTECTED_KEYS or key in MOVED_KEYS:
            warnings.append({"field": "system_context", "value": key, "reason": "protected"})
        else:
            allowed[key] = value
    agent_values = {key: value for key, value in of_agent.items() if key not in PROTECTED_KEYS | DROPPED_KEYS}
    return {**saved, **agent_values, **allowed}, {**saved, **allowed}
