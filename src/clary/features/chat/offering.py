"""Which tools a run is given (stream-runtime.md 9.5, "offered"): pure decisions on names."""

from collections.abc import Iterable, Sequence
from typing import Final

from clary.features.chat.config import RunConfig
from clary.kit import json_text
from clary.runtime.messages import ToolSpec
from clary.runtime.toolset import estimate_tokens

WITH_ANY_TOOL: Final = ("todo_write", "todo_read")
WITH_SKILLS: Final = (
    "file_read",
    "file_write",
    "file_update",
    "execute_shell_command",
    "execute_python_code",
    "execute_javascript_code",
    "load_skill",
)
WITH_MEMORY: Final = ("search_memory", "save_memory", "forget_memory")
DELEGATION: Final[dict[str, tuple[str, ...]]] = {
    "fibre": ("sys_spawn_agent", "sys_delegate_task"),
    "team": ("sys_delegate_task",),
}
MAX_DEPTH: Final = 4
FINISH: Final = "sys_finish_task"
EXPAND: Final = "tool_expand_tools"
SHARE_OF_CONTEXT: Final = 0.25
KEEP_SCHEMAS: Final = frozenset(
    (*WITH_ANY_TOOL, *WITH_SKILLS, *DELEGATION["fibre"], FINISH, EXPAND, "questionnaire", "questionnaire_async")
)


def offered_names(config: RunConfig, *, max_depth: int = MAX_DEPTH) -> list[str]:
    """Names in order: the allow-list, then what comes with other things of the run."""
    names = [name for name in config.tools if not name.startswith("sys_")]
    if config.skills:
        names += WITH_SKILLS
    if config.workflows:
        names.append("load_workflow")
    if config.knowledge_base_ids:
        names.append("search_knowledge_base")
    if config.memory_type == "user":
        names += WITH_MEMORY
    if config.plan_gate:
        names.append("questionnaire")
    if config.depth < max_depth and (config.mode != "team" or config.members):
        names += DELEGATION.get(config.mode, ())
    if names:
        names += WITH_ANY_TOOL
    if config.is_child:
        names.append(FINISH)
    return list(dict.fromkeys(names))


def deferred(specs: Sequence[ToolSpec], max_model_len: int) -> frozenset[str]:
    """Tools that are only named at first because all schemas together would take too much of the context."""
    if sum(map(_size, specs)) <= max_model_len * SHARE_OF_CONTEXT:
        return frozenset()
    return frozenset(spec.name for spec in specs if spec.name not in KEEP_SCHEMAS)


def _size(spec: ToolSpec) -> int:
    return estimate_tokens(spec.description + json_text.dumps_text(spec.parameters))


def known_names(wanted: Iterable[str]) -> list[str]:
    """The list without repeats; a list whose only element is `none` means explicitly nothing."""
    names = list(dict.fromkeys(wanted))
    return [] if names == ["none"] else names
