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
SEARCH_KNOWLEDGE: Final = "search_knowledge_base"
FINISH: Final = "sys_finish_task"
EXPAND: Final = "tool_expand_tools"
MIN_NAME: Final = 2
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
    if config.knowledge_bases:
        names.append(SEARCH_KNOWLEDGE)
    else:
        names = [name for name in names if name != SEARCH_KNOWLEDGE]
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


def named_workflow(text: str, names: Iterable[str]) -> str | None:
    """The workflow that a person names in a request, the longest name first (stream-runtime.md 9.9); None: none."""
    said = text.casefold()
    return next((name for name in sorted(names, key=len, reverse=True) if _is_named(name.casefold(), said)), None)


def _is_named(name: str, said: str) -> bool:
    """Whether a name stands in a text as words of its own; scripts without blanks have no such borders."""
    if len(name) < MIN_NAME:
        return False
    at = said.find(name)
    while at >= 0:
        before, after = said[at - 1 : at], said[at + len(name) :][:1]
        if not _joins(before, name[0]) and not _joins(name[-1], after):
            return True
        at = said.find(name, at + 1)
    return False


def _joins(left: str, right: str) -> bool:
    return (left + right).isascii() and left.isalnum() and right.isalnum()


def _size(spec: ToolSpec) -> int:
    return estimate_tokens(spec.description + json_text.dumps_text(spec.parameters))


def known_names(wanted: Iterable[str]) -> list[str]:
    """The list without repeats; a list whose only element is `none` means explicitly nothing."""
    names = list(dict.fromkeys(wanted))
    return [] if names == ["none"] else names
