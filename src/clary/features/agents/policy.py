"""Pure decisions about agents: defaults, what a saved configuration becomes, versions."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clary.features.agents.ports import AgentAccess, AgentSnapshot

BUILT_IN_ID = "default_agent"
BUILT_IN_NAME = "Clary Assistant"
DEFAULT_MODE = "simple"
FIXED_WORDS = ("list", "create", "template", "tasks", "abilities", "auto-generate", "system-prompt", "workspace")
"""Path words that are never agent ids (product.md 3.2)."""

KEPT_VERSIONS = 50
MOST_AUTO_SUB_AGENTS = 20

PROTECTED_CONTEXT = frozenset(
    {
        "user_id",
        "session_id",
        "private_workspace",
        "file_permission",
        "current_time",
        "extra_mcp_config",
        "custom_sub_agents",
        "external_paths",
        "parent_session_id",
        "use_claw_mode",
    }
)
"""Keys that the server sets, or that are never saved (stream-runtime.md 3.5)."""

EXTRA_DEFAULTS: dict[str, Any] = {
    "thinkingLevel": None,
    "fast_llm_provider_id": None,
    "moreSuggest": False,
    "subAgentSelectionMode": "manual",
    "is_default": False,
    "contextBudgetConfig": None,
    "toolApprovalMode": "auto",
    "commandPolicy": {},
    "egressAllowList": [],
    "budget": None,
}
"""Group X of product.md 3.1."""

LISTS = ("availableTools", "availableSubAgentIds", "availableSkills", "availableKnowledgeBases", "egressAllowList")
MEMORY_TYPES = ("session", "user")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """What the operator allows."""

    max_agents_per_user: int = 500
    default_loop_count: int = 50
    max_loop_count: int = 200


BUDGET_MEMBERS = ("tokens_per_run", "cost_per_run", "tokens_per_day", "cost_per_day", "currency")
"""What `budget` of an agent holds."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning about one value (product.md 3.1 `warnings`)."""

    field: str
    value: Any
    reason: str


def is_agent_id(text: str) -> bool:
    """Whether a text could be an id at all; others are like unknown ones."""
    return bool(_ID.fullmatch(text)) and text not in FIXED_WORDS


def merged(
    stored: Mapping[str, Any] | None, replaced: Mapping[str, Any], sent_extras: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration after a save: group R from the request, group X from the request, the row or the default."""
    extras = {name: (stored or EXTRA_DEFAULTS).get(name, default) for name, default in EXTRA_DEFAULTS.items()}
    for name, value in sent_extras.items():
        extras[name] = EXTRA_DEFAULTS[name] if value is None else value
    return {**replaced, **extras}


def normalised(configuration: Mapping[str, Any], limits: AgentLimits) -> tuple[dict[str, Any], list[Remark]]:
    """The configuration as it is saved, and what was dropped or clamped on the way."""
    saved, remarks = dict(configuration), list[Remark]()
    for name in LISTS:
        saved[name] = list(dict.fromkeys(saved[name]))
    saved["systemPrefix"] = saved["systemPrefix"] or None
    saved["systemContext"] = {}
    for key, value in configuration["systemContext"].items():
        if key in PROTECTED_CONTEXT:
            remarks.append(Remark("systemContext", key, "protected"))
        else:
            saved["systemContext"][key] = value
    if saved["memoryType"] not in MEMORY_TYPES:
        saved["memoryType"] = "session"
    asked = saved["maxLoopCount"]
    saved["maxLoopCount"] = min(asked, limits.max_loop_count) if asked and asked > 0 else limits.default_loop_count
    if asked and asked > limits.max_loop_count:
        remarks.append(Remark("maxLoopCount", asked, "clamped"))
    for name in ("llm_provider_id", "fast_llm_provider_id"):
        saved[name] = saved[name] or None
    return saved, remarks


def without(values: Iterable[str], dropped: Iterable[str]) -> list[str]:
    """The values in order, without some."""
    gone = frozenset(dropped)
    return [value for value in values if value not in gone]


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of the fields that differ, sorted.

    No mode and `simple` are the same to whoever reads the agent (product.md 3.1), and to its runs as well unless
    `multiAgent` is set (stream-runtime.md 3.2): only then one in place of the other is a change.
    """
    if not (before["multiAgent"] or after["multiAgent"]):
        before, after = shown(before), shown(after)
    return sorted(name for name in after if before.get(name) != after[name])


def may_save(if_match: str | None, version: int) -> bool:
    """Whether a save meant for the version in an `If-Match` header still meets it; without the header always."""
    if if_match is None:
        return True
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")]
    return "*" in tags or str(version) in tags


def is_task_id(text: str) -> bool:
    """Whether a text could be the id of a task at all."""
    return bool(_ID.fullmatch(text))


def version_number(text: str) -> int | None:
    """The number of a version as a path names it; anything else is no version."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else None


def built_in_configuration(limits: AgentLimits) -> dict[str, Any]:
    """`default_agent`: everything at its default, so no tools of its own."""
    return {
        "name": BUILT_IN_NAME,
        "systemPrefix": None,
        "systemContext": {},
        "availableWorkflows": {},
        "availableTools": [],
        "availableSubAgentIds": [],
        "availableSkills": [],
        "availableKnowledgeBases": [],
        "memoryType": "session",
        "maxLoopCount": limits.default_loop_count,
        "deepThinking": None,
        "llm_provider_id": None,
        "enableMultimodal": False,
        "multiAgent": False,
        "agentMode": None,
        "description": "",
        **EXTRA_DEFAULTS,
    }


def shown(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A saved configuration as people see it: an agent without a mode is `simple` to them (product.md 3.1).

    In a run it is not the same: without a mode, `multiAgent` decides (stream-runtime.md 3.2).
    """
    mode = configuration["agentMode"]
    return {**configuration, "agentMode": DEFAULT_MODE if mode is None else mode}


def snapshot_of(
    configuration: Mapping[str, Any], *, agent_id: str, owner_id: str, access: AgentAccess, version: int
) -> AgentSnapshot:
    """A saved configuration as a run uses it."""
    return AgentSnapshot(
        agent_id=agent_id,
        owner_id=owner_id,
        access=access,
        version=version,
        name=configuration["name"],
        description=configuration["description"],
        system_prefix=configuration["systemPrefix"],
        system_context=configuration["systemContext"],
        workflows=configuration["availableWorkflows"],
        tools=tuple(configuration["availableTools"]),
        sub_agent_ids=tuple(configuration["availableSubAgentIds"]),
        sub_agent_selection=configuration["subAgentSelectionMode"],
        skills=tuple(configuration["availableSkills"]),
        knowledge_base_ids=tuple(configuration["availableKnowledgeBases"]),
        memory_type=configuration["memoryType"],
        max_loop_count=configuration["maxLoopCount"],
        deep_thinking=configuration["deepThinking"],
        thinking_level=configuration["thinkingLevel"],
        provider_id=configuration["llm_provider_id"],
        fast_provider_id=configuration["fast_llm_provider_id"],
        enable_multimodal=configuration["enableMultimodal"],
        more_suggest=configuration["moreSuggest"],
        multi_agent=configuration["multiAgent"],
        agent_mode=configuration["agentMode"],
        context_budget=configuration["contextBudgetConfig"],
        tool_approval_mode=configuration["toolApprovalMode"],
        denied_commands=tuple(configuration["commandPolicy"].get("deny", ())),
        egress_allow_list=tuple(configuration["egressAllowList"]),
        budget=configuration["budget"],
    )
