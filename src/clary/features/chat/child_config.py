"""What a child run is given: its own configuration within its parent's rights (stream-runtime.md 9.7)."""

from collections.abc import Sequence
from dataclasses import replace

from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.chat.config import Json, Member, RunConfig
from clary.features.chat.overriding import MODES, Warnings, merged_context, strictest, warn
from clary.features.chat.payloads import ChatRequest
from clary.features.chat.resolving import Asked, Resolved, RunResolver
from clary.features.toolbox.service import canonical_name
from clary.runtime.plan import Mode
from clary.runtime.prompt import prompt_language
from clary.runtime.prompts import persona

OWN_VALUES = frozenset({"user_id", "session_id", "private_workspace", "file_permission"})


class ChildResolver:
    """See the module."""

    def __init__(self, runs: RunResolver) -> None:
        self._runs = runs

    async def resolve(
        self, db: Session, parent: RunConfig, member: Member, *, session_id: str, said: str
    ) -> tuple[RunConfig, Warnings]:
        """The configuration of a child, and what was left out. A saved agent keeps its mode, model, prompt and cap.

        `said`: the words of its task, for what is recalled of notes.

        Raises:
            AgentNotFoundError: the agent was deleted or withdrawn meanwhile.
        """
        if member.inline is None:
            found = await self._of_agent(db, parent, member, said)
            config, warnings = found.config, found.warnings
        else:
            config, warnings = _inline(parent, member, member.inline), _left_out(parent, member.inline)
        context = {**config.context_values, "session_id": session_id}
        child = replace(
            config,
            context_values=context,
            answer_language=parent.answer_language,
            locale=parent.locale,
            tool_progress=parent.tool_progress,
            tool_call_deltas=parent.tool_call_deltas,
            shows_approvals=parent.shows_approvals,
            approval_mode=strictest(parent.approval_mode, config.approval_mode),
            denied_commands=tuple(dict.fromkeys((*parent.denied_commands, *config.denied_commands))),
            caller=parent.caller,
            depth=parent.depth + 1,
            ancestors=(*parent.ancestors, parent.agent_id),
            plan_gate=False,
            more_suggest=False,
            force_summary=False,
            tagged_skills=(),
            interrupt_note=None,
        )
        return child, warnings

    async def _of_agent(self, db: Session, parent: RunConfig, member: Member, said: str) -> Resolved:
        identity = await self._runs.caller_now(db, parent.caller)
        agent = await self._runs.resolve_member(db, identity, member)
        if agent is None:
            raise AgentNotFoundError(member.agent_id)
        values = {key: value for key, value in parent.context_values.items() if key not in OWN_VALUES}
        values["response_language"] = parent.answer_language
        # Not validated: what agents and earlier runs add makes it larger than a request may be.
        request = ChatRequest.model_construct(messages=[], system_context=values)
        asked = Asked(request, session_id="", said=said)
        return await self._runs.resolve(db, identity=identity, agent=agent, asked=asked)


def _within(have: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    named = {canonical_name(name) for name in wanted}
    return tuple(name for name in have if name in named)


def _left_out(parent: RunConfig, details: Json) -> Warnings:
    """What an inline agent asks for and its parent does not have."""
    warnings: Warnings = []
    skills = {skill.name for skill in parent.skills}
    for name in details.get("available_tools") or ():
        if canonical_name(name) not in parent.tools and name != "none":
            warn(warnings, "available_tools", name, "not_usable")
    for name in details.get("available_skills") or ():
        if name not in skills and name != "none":
            warn(warnings, "available_skills", name, "not_usable")
    return warnings


def _inline(parent: RunConfig, member: Member, details: Json) -> RunConfig:
    """An agent of this run only: whatever it asks for lies within what its parent has."""
    wanted_tools = details.get("available_tools")
    wanted_skills = details.get("available_skills")
    wanted_mode = details.get("agent_mode")
    mode: Mode = wanted_mode if wanted_mode in MODES else "simple"
    language = prompt_language(parent.answer_language)
    return replace(
        parent,
        agent_id=member.agent_id,
        agent_name=member.name,
        persona=details.get("system_prompt") or persona(language),
        mode=mode,
        tools=parent.tools if wanted_tools is None else _within(parent.tools, wanted_tools),
        skills=parent.skills
        if wanted_skills is None
        else tuple(skill for skill in parent.skills if skill.name in wanted_skills),
        workflows=details.get("available_workflows") or parent.workflows,
        members=parent.members if mode in ("fibre", "team") else (),
        context_values=merged_context(details.get("system_context") or {}, {}, parent.context_values, [])[0],
        # Notes belong to saved agents: this one is forgotten with its run.
        memory_type="session",
        request_texts=(),
        recalled=(),
    )
