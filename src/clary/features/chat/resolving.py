"""What a request resolves to: agent, providers, prompt, tools; everything fixed for the whole run (9.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clary.db.session import Session
from clary.features.agents.ports import AgentSnapshot
from clary.features.agents.service import AgentResolver
from clary.features.chat.config import Caller, Json, Member, RunConfig
from clary.features.chat.control_tags import ControlTags
from clary.features.chat.errors import ModelOverrideForbiddenError
from clary.features.chat.offering import known_names, offered_names
from clary.features.chat.overriding import (
    ContextShares,
    Warnings,
    context_budget,
    merged_context,
    mode_of,
    own_model,
    strictest,
    warn,
    with_model_override,
)
from clary.features.chat.payloads import ChatRequest
from clary.features.chat.payloads.overrides import InlineAgent, StreamRequest
from clary.features.chat.things import GivenThings, RunThings, WantedThings
from clary.features.llm_providers.errors import ProviderMissingError
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.permissions.service import Identity
from clary.features.toolbox.service import MCP_READING, Toolbox, canonical_name
from clary.features.usage.service import BudgetGate, PlannedCall
from clary.kit.ids import new_hex
from clary.kit.text import current_locale
from clary.runtime.prompt import prompt_language
from clary.runtime.prompts import persona
from clary.runtime.tools import Sandbox

DEFAULT_ANSWER_LANGUAGE = "zh-CN(简体中文)"


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """Server defaults of the rounds cap."""

    default: int = 50
    largest: int = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for, beside who asks whom. `said`: the words it answers, for what is recalled of notes."""

    request: ChatRequest
    session_id: str
    tags: ControlTags = field(default_factory=ControlTags)
    system_texts: tuple[str, ...] = ()
    saved_context: Json = field(default_factory=dict[str, Any])
    interrupt_note: str | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The snapshot, and what was left out."""

    config: RunConfig
    agent: AgentSnapshot
    agent_mode: str
    warnings: Warnings
    saved_context: Json


class RunResolver:
    """See the module."""

    def __init__(
        self,
        *,
        agents: AgentResolver,
        providers: ProviderResolver,
        toolbox: Toolbox,
        sandbox: Callable[[], Sandbox],
        things: RunThings,
        shares: ContextShares,
        limits: LoopLimits,
        money: Money,
        gate: BudgetGate,
    ) -> None:
        self._agents = agents
        self._providers = providers
        self._toolbox = toolbox
        self._sandbox = sandbox
        self._things = things
        self._shares = shares
        self._limits = limits
        self._money = money
        self._gate = gate

    async def resolve_agent(
        self, db: Session, identity: Identity, *, asked_for: str | None, held_with: str | None
    ) -> AgentSnapshot:
        """The agent a request names, else the one its conversation was held with, else the person's default.

        Raises:
            AgentNotFoundError
        """
        if not asked_for and held_with:
            return await self._agents.resolve_for_conversation(db, identity=identity, agent_id=held_with)
        return await self._agents.resolve_for_run(db, identity=identity, agent_id=asked_for)

    async def caller_now(self, db: Session, caller: Caller) -> Identity:
        """The caller of a run that is under way, with the groups they are in now."""
        return caller.identity(await self._things.groups_of(db, caller.user_id))

    async def resolve_member(self, db: Session, identity: Identity, member: Member) -> AgentSnapshot | None:
        """A saved agent that a run delegates to, if it may be used still."""
        return await self._things.find_member(db, caller=identity, member=member)

    async def resolve(self, db: Session, *, identity: Identity, agent: AgentSnapshot, asked: Asked) -> Resolved:
        """The configuration of a run: request over agent over server.

        Raises:
            NamedProviderNotFoundError, ProviderMissingError, ModelOverrideForbiddenError
        """
        request = asked.request
        wanted = request if isinstance(request, StreamRequest) else StreamRequest(messages=[])
        warnings: Warnings = []
        provider, fast = await self._provider_pair(db, identity, agent, wanted, request)
        provider = self._overridden(provider, wanted, identity, warnings)
        context, saved = merged_context(
            request.system_context, dict(agent.system_context), asked.saved_context, warnings
        )
        mode = mode_of(wanted.agent_mode, wanted.multi_agent, agent)
        members = await self._members(db, identity, agent, wanted, mode, warnings)
        things = await self._things.resolve(
            db, caller=identity, agent=agent, wanted=self._wanted_things(agent, wanted, asked.said), warnings=warnings
        )
        own_values = {
            "user_id": identity.user_id,
            "session_id": asked.session_id,
            "private_workspace": "/workspace",
            "file_permission": "read and write inside /workspace",
        }
        config = replace(
            self._config(agent, asked, wanted, provider, fast or provider, {**own_values, **context}, things),
            caller=Caller.of(identity),
            mode=mode,
            members=members,
        )
        self._warn_of_lost_tools(wanted.available_tools or agent.tools, config, warnings)
        return Resolved(config, agent, mode, warnings, saved)

    def _config(
        self,
        agent: AgentSnapshot,
        asked: Asked,
        wanted: StreamRequest,
        provider: ProviderSnapshot,
        fast: ProviderSnapshot,
        context: Json,
        things: GivenThings,
    ) -> RunConfig:
        """One field after the other (3.2); a table, so it may be long."""
        tags, options = asked.tags, asked.request.stream_options
        answer_language = str(context.pop("response_language", None) or DEFAULT_ANSWER_LANGUAGE)
        asked_length = wanted.llm_model_config.max_model_len if wanted.llm_model_config is not None else None
        return RunConfig(
            agent_id=agent.agent_id,
            agent_name=wanted.agent_name or agent.name,
            persona=wanted.system_prefix or agent.system_prefix or persona(prompt_language(answer_language)),
            tools=self._tools(wanted.available_tools or list(agent.tools), things.tool_names),
            max_loop_count=self._loop_count(wanted.max_loop_count, agent.max_loop_count),
            deep_thinking=_first(wanted.deep_thinking, tags.deep_thinking, agent.deep_thinking),
            thinking_level=tags.thinking_level or agent.thinking_level,
            provider=provider,
            fast_provider=fast,
            request_texts=asked.system_texts,
            context_values=context,
            answer_language=answer_language,
            locale=current_locale.get(),
            tool_progress=options.tool_progress,
            tool_call_deltas=options.tool_call_deltas,
            accepts_images=agent.enable_multimodal and provider.supports_multimodal,
            interrupt_note=asked.interrupt_note,
            budget=context_budget(agent, wanted.context_budget_config, provider, asked_length, self._shares),
            agent_owner_id=agent.owner_id,
            plan_gate=bool(tags.enable_plan),
            more_suggest=bool(_first(wanted.more_suggest, agent.more_suggest)),
            force_summary=bool(wanted.force_summary),
            memory_type="user" if _remembers(agent, wanted) else "session",
            skills=things.skills,
            tagged_skills=_tagged(tags, things),
            workflows=dict(wanted.available_workflows or {name: list(s) for name, s in agent.workflows.items()}),
            knowledge_bases=things.knowledge_bases,
            approval_mode=strictest(self._things.server_approval_mode, agent.tool_approval_mode, wanted.approval_mode),
            shows_approvals=options.approvals,
            denied_commands=(*agent.denied_commands, *wanted.denied_commands),
            mcp=things.mcp,
            recalled=things.recalled,
        )

    async def require_room(
        self, db: Session, resolved: Resolved, *, endpoint: str, session_id: str, run_id: str
    ) -> None:
        """Refuses what cannot even start; a model without a price is warned of where money counts (platform.md 14.3).

        Raises:
            BudgetExhaustedError, ModelUnpricedError
        """
        config = resolved.config
        provider = config.provider
        check = await self._gate.require_room(
            db,
            PlannedCall(
                user_id=config.caller.user_id,
                provider_id=provider.id,
                model=provider.model,
                price=self._money.unit_price(provider),
                request_source=endpoint,
                key_id=config.caller.key_id,
                client_id=config.caller.client_id,
                agent_id=config.agent_id,
                session_id=session_id,
                run_id=run_id,
                root_run_id=run_id,
            ),
        )
        if check.is_unpriced:
            warn(resolved.warnings, "provider_id", provider.model, "unpriced_model")

    async def _provider_pair(
        self, db: Session, identity: Identity, agent: AgentSnapshot, wanted: StreamRequest, request: ChatRequest
    ) -> tuple[ProviderSnapshot, ProviderSnapshot | None]:
        """The main model, and the small one where there is one of its own."""

        async def found(requested_id: str | None, of_agent: str | None) -> ProviderSnapshot:
            return await self._providers.resolve(
                db,
                user_id=identity.user_id,
                requested_id=requested_id,
                agent_provider_id=of_agent,
                agent_owner_id=agent.owner_id,
            )

        # Who brings a model along needs none that is stored; one that is named has to exist all the same.
        brought = None if request.provider_id else own_model(wanted.llm_model_config, identity.user_id)
        provider = brought or await found(request.provider_id, agent.provider_id)
        if not (request.fast_provider_id or agent.fast_provider_id):
            return provider, None
        try:
            return provider, await found(request.fast_provider_id, agent.fast_provider_id)
        except ProviderMissingError:
            return provider, None

    def _overridden(
        self, provider: ProviderSnapshot, wanted: StreamRequest, identity: Identity, warnings: Warnings
    ) -> ProviderSnapshot:
        override = wanted.llm_model_config
        if override is None:
            return provider
        for key in override.unknown:
            warn(warnings, "llm_model_config", key, "unknown")
        changes_model = bool(override.model) and not override.base_url and override.model != provider.model
        if changes_model and provider.owner_id != identity.user_id and not identity.is_admin:
            raise ModelOverrideForbiddenError
        return with_model_override(provider, override, identity.user_id)

    def _wanted_things(self, agent: AgentSnapshot, wanted: StreamRequest, said: str) -> WantedThings:
        return WantedThings(
            skills=tuple(known_names(wanted.available_skills or agent.skills)),
            foreign_tools=tuple(
                name
                for name in known_names(wanted.available_tools or agent.tools)
                if not name.startswith("sys_") and self._toolbox.find(name) is None
            ),
            knowledge_base_ids=tuple(known_names(wanted.available_knowledge_bases or agent.knowledge_base_ids)),
            servers={name: each.model_dump() for name, each in (wanted.extra_mcp_config or {}).items()},
            recalls_for=said if _remembers(agent, wanted) else "",
        )

    def _tools(self, wanted: Sequence[str], foreign: Sequence[str]) -> tuple[str, ...]:
        """Known tools of the allow-list in its order; names that mean none were warned of already."""
        built_in = [canonical_name(name) for name in known_names(wanted) if self._toolbox.find(name) is not None]
        own = (name for name in built_in if not name.startswith("sys_") and name not in MCP_READING)
        return tuple(dict.fromkeys([*own, *foreign]))

    def _warn_of_lost_tools(self, wanted: Sequence[str], config: RunConfig, warnings: Warnings) -> None:
        """Built-in names of the allow-list that come to nothing here; MCP servers have told of theirs."""
        offered, sandbox = frozenset(offered_names(config)), self._sandbox()
        for name in known_names(wanted):
            known = canonical_name(name)
            if self._toolbox.find(name) is None:
                if name.startswith("sys_"):
                    warn(warnings, "available_tools", name, "unknown")
            elif known not in offered or self._toolbox.unavailable_reason(known, sandbox) is not None:
                warn(warnings, "available_tools", name, "not_usable")

    async def _members(
        self,
        db: Session,
        identity: Identity,
        agent: AgentSnapshot,
        wanted: StreamRequest,
        mode: str,
        warnings: Warnings,
    ) -> tuple[Member, ...]:
        """Whom the run may delegate to: configured agents, and inline ones of the request."""
        asked = wanted.available_sub_agent_ids
        saved = await self._things.sub_agents(
            db, caller=identity, agent=agent, wanted_ids=known_names(asked) if asked else None
        )
        for agent_id in saved.not_usable:
            warn(warnings, "available_sub_agent_ids", agent_id, "not_usable")
        members = [
            Member(
                each.agent_id,
                each.name,
                each.description,
                listed_by=agent.owner_id if each.agent_id in agent.sub_agent_ids else "",
            )
            for each in saved.usable
        ]
        taken = {member.agent_id for member in members}
        for inline in wanted.custom_sub_agents or ():
            member = self._inline_member(inline, taken)
            taken.add(member.agent_id)
            members.append(member)
        if mode == "team" and not members:
            warn(warnings, "agent_mode", "team", "no_members")
        return tuple(members)

    def _inline_member(self, inline: InlineAgent, taken: set[str]) -> Member:
        agent_id = inline.agent_id if inline.agent_id and inline.agent_id not in taken else "agent_" + new_hex(8)
        details: dict[str, Any] = inline.model_dump(exclude={"name", "agent_id", "description"})
        return Member(agent_id, inline.name, inline.description, details)

    def _loop_count(self, requested: int | None, saved: int) -> int:
        wanted = requested if requested is not None and requested > 0 else saved
        return min(wanted if wanted > 0 else self._limits.default, self._limits.largest)


def _tagged(tags: ControlTags, things: GivenThings) -> tuple[str, ...]:
    """Skills that the message names and the run has; names of others mean nothing (12 A19)."""
    by_key = {skill.name.casefold(): skill.name for skill in things.skills}
    return tuple(dict.fromkeys(by_key[name.casefold()] for name in tags.skills if name.casefold() in by_key))


def _remembers(agent: AgentSnapshot, wanted: StreamRequest) -> bool:
    return (wanted.memory_type or agent.memory_type) == "user"


def _first(*values: bool | None) -> bool | None:
    return next((value for value in values if value is not None), None)
