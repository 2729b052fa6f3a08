"""load_skill, load_workflow: they change what the conversation has before it, nothing else."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.kit.text import Text, cut
from clary.runtime.tools import ToolContext
from clary.runtime.toolset import words

_LOADED: Final = Text("技能 '{name}' 已加载", "Skill '{name}' loaded")
_NO_SKILL: Final = "Error: Skill '{name}' not found. Available skills: {names}"
_STARTED: Final = Text(
    "工作流 '{name}' 已加载，共 {count} 步，已写入任务清单，请按顺序执行",
    "Workflow '{name}' loaded; its {count} steps are the task list, follow them in order",
)
_NO_WORKFLOW: Final = "Error: Workflow '{name}' not found. Available workflows: {names}"


class LoadSkillTool(DefinedTool):
    """Brings a skill before the model; the loop puts its text there (stream-runtime.md 9.9)."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="load_skill",
        description=Text("按名称加载一个技能的完整说明。", "Loads the whole text of a skill by its name."),
        parameters=(
            Parameter("skill_name", {"type": "string", "minLength": 1}, Text("技能名称", "Its name"), required=True),
        ),
        effect="read",
        parallel_safe=False,
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`. An unknown name is told in the words of stream-runtime.md 9.9, which are the result."""
        name = str(arguments["skill_name"]).strip()
        if context.skills is None or await context.skills.read(name) is None:
            known = context.skills.names if context.skills is not None else ()
            return _NO_SKILL.replace("{names}", ", ".join(known)).replace("{name}", cut(name, 100))
        return words(_LOADED.fill(name=name), context.language)


class LoadWorkflowTool(DefinedTool):
    """Turns the steps of a workflow into the task list."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="load_workflow",
        description=Text(
            "按名称加载一个工作流，其步骤成为任务清单。",
            "Loads a workflow by its name; its steps become the task list.",
        ),
        parameters=(
            Parameter(
                "workflow_name", {"type": "string", "minLength": 1}, Text("工作流名称", "Its name"), required=True
            ),
        ),
        effect="read",
        parallel_safe=False,
    )

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`."""
        name = str(arguments["workflow_name"]).strip()
        steps = context.workflows.get(name)
        if steps is None:
            return _NO_WORKFLOW.replace("{names}", ", ".join(context.workflows)).replace("{name}", cut(name, 100))
        await context.todos.upsert(tasks_of_workflow(name, steps))
        return words(_STARTED.fill(name=name, count=len(steps)), context.language)


def tasks_of_workflow(name: str, steps: Sequence[str]) -> list[dict[str, Any]]:
    """The task list that a workflow becomes."""
    return [{"id": f"{name}-{at}", "content": step, "status": "pending"} for at, step in enumerate(steps, 1)]
