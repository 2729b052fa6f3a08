"""Tools that only a run has: what they are called and take.

Its loop carries them out itself (stream-runtime.md 9.5, 9.7, 9.12), or its MCP servers do (product.md 8.6). They have
no behaviour here: whoever runs one of them outside a run is told so.
"""

from typing import Any, Final

from clary.features.toolbox.definition import Parameter, ToolDefinition
from clary.kit.text import Text
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import Language, words

MAX_WAIT_SECONDS: Final = 86_400
MAX_DELEGATED: Final = 10

NEEDS_RUN: Final = Text("该工具只能在会话中使用", "This tool works only inside a conversation")

_TITLE: Final = Parameter("title", {"type": "string", "minLength": 1}, Text("问卷标题", "Its title"), required=True)
_QUESTIONS: Final = Parameter(
    "questions",
    {
        "type": "array",
        "minItems": 1,
        "maxItems": 50,
        "items": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "minLength": 1},
                "type": {"type": "string", "enum": ["single_choice", "multiple_choice", "text"]},
                "title": {"type": "string", "minLength": 1},
                "options": {
                    "type": "array",
                    "maxItems": 100,
                    "items": {
                        "type": "object",
                        "properties": {"label": {"type": "string"}, "value": {"type": "string"}},
                        "required": ["label", "value"],
                    },
                },
                "default": {"type": ["string", "array", "null"], "items": {"type": "string"}},
                "placeholder": {"type": "string"},
                "max_length": {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1000},
            },
            "required": ["id", "type", "title"],
        },
    },
    Text(
        "问题：id、类型 type、题目 title；选择题给出 options（label、value）；可给默认值 default",
        "Questions: id, type, title; options (label, value) for choices; default where there is one",
    ),
    required=True,
)
_WAIT_TIME: Final = Parameter(
    "wait_time",
    {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 300},
    Text("等待回答的秒数，0 表示不限", "Seconds to wait for the answer; 0 means without an end"),
)
_SERVER: Final = Text("MCP 服务器名称", "Name of the MCP server")
_KIND: Final = Parameter(
    "questionnaire_kind",
    {
        "type": "string",
        "enum": ["general", "plan_information", "plan_confirmation"],
        "default": "general",
    },
    Text("问卷用途", "What it is for"),
)

DEFINITIONS: Final = (
    ToolDefinition(
        name="tool_expand_tools",
        description=Text(
            "加载只列出名称的工具的参数说明，之后即可调用。",
            "Loads the parameters of tools that are listed by name only; they can be called afterwards.",
        ),
        parameters=(
            Parameter(
                "tool_names",
                {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "string"}},
                Text("工具名称", "Names of tools"),
                required=True,
            ),
        ),
        effect="read",
        parallel_safe=False,
    ),
    ToolDefinition(
        name="questionnaire",
        description=Text(
            "向用户提问并等待回答；仅在缺少必要信息或需要确认时使用。",
            "Asks the person questions and waits for the answers; only where something is needed or must be confirmed.",
        ),
        parameters=(_TITLE, _QUESTIONS, _WAIT_TIME, _KIND),
        effect="read",
        parallel_safe=False,
        timeout_seconds=None,
    ),
    ToolDefinition(
        name="questionnaire_async",
        description=Text(
            "向用户提问后结束本次运行；回答会作为下一条用户消息到来。",
            "Asks the person questions and ends this run; the answer comes as their next message.",
        ),
        parameters=(_TITLE, _QUESTIONS, _WAIT_TIME, _KIND),
        effect="read",
        parallel_safe=False,
        timeout_seconds=None,
    ),
    ToolDefinition(
        name="sys_spawn_agent",
        description=Text(
            "创建一个临时子 Agent，只在本次运行中存在；返回其 id，之后可用 sys_delegate_task 交给它任务。",
            "Makes a sub-agent for this run only and gives its id, to hand it tasks by sys_delegate_task.",
        ),
        parameters=(
            Parameter("name", {"type": "string", "minLength": 1}, Text("名称", "Its name"), required=True),
            Parameter("description", {"type": "string", "minLength": 1}, Text("职责", "What it does"), required=True),
            Parameter(
                "system_prompt",
                {"type": "string", "minLength": 1},
                Text("系统提示词", "Its instructions"),
                required=True,
            ),
        ),
        effect="read",
        parallel_safe=False,
    ),
    ToolDefinition(
        name="sys_delegate_task",
        description=Text(
            "把任务交给子 Agent 并行执行，等待全部结果。",
            "Hands tasks to sub-agents, which work at the same time, and waits for all results.",
        ),
        parameters=(
            Parameter(
                "tasks",
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_DELEGATED,
                    "items": {
                        "type": "object",
                        "properties": {
                            "agent_id": {"type": "string", "minLength": 1},
                            "task_name": {"type": "string", "minLength": 1},
                            "original_task": {"type": "string"},
                            "content": {"type": "string", "minLength": 1},
                            "session_id": {"type": ["string", "null"]},
                        },
                        "required": ["agent_id", "task_name", "original_task", "content"],
                    },
                },
                Text(
                    "任务：agent_id、task_name、原始任务 original_task、content；session_id 用于继续之前的子会话",
                    "Tasks: agent_id, task_name, original_task, content; session_id goes on with an earlier one",
                ),
                required=True,
            ),
        ),
        effect="read",
        parallel_safe=False,
        timeout_seconds=None,
    ),
    ToolDefinition(
        name="sys_finish_task",
        description=Text("报告被交办的任务已结束。", "Reports that the task one was handed is over."),
        parameters=(
            Parameter(
                "status",
                {"type": "string", "enum": ["success", "failed"]},
                Text("结果状态", "How it went"),
                required=True,
            ),
            Parameter("result", {"type": "string"}, Text("结果内容", "What came of it"), required=True),
        ),
        effect="read",
        parallel_safe=False,
    ),
    ToolDefinition(
        name="list_mcp_resources",
        description=Text(
            "列出本次运行的 MCP 服务器提供的资源；可只列一个服务器的。",
            "Lists the resources that MCP servers of this run offer, of one server or of all.",
        ),
        parameters=(Parameter("server", {"type": "string"}, _SERVER),),
        effect="read",
    ),
    ToolDefinition(
        name="read_mcp_resource",
        description=Text("读取 MCP 服务器的一个资源。", "Reads a resource of an MCP server of this run."),
        parameters=(
            Parameter("server", {"type": "string"}, _SERVER, required=True),
            Parameter("uri", {"type": "string"}, Text("列出的资源地址", "Address as listed"), required=True),
        ),
        effect="read",
    ),
    ToolDefinition(
        name="get_mcp_prompt",
        description=Text("获取 MCP 服务器的一个提示词。", "Gets a prompt of an MCP server of this run."),
        parameters=(
            Parameter("server", {"type": "string"}, _SERVER, required=True),
            Parameter("name", {"type": "string"}, Text("提示词名称", "Its name"), required=True),
            Parameter(
                "arguments",
                {"type": "object", "additionalProperties": {"type": "string"}},
                Text("提示词参数", "Its arguments"),
            ),
        ),
        effect="read",
    ),
)

MCP_READING: Final = frozenset({"list_mcp_resources", "read_mcp_resource", "get_mcp_prompt"})
"""Those that a run has only with MCP servers that have something to read (product.md 8.6)."""


class LoopTool:
    """A tool that only the loop can carry out."""

    def __init__(self, definition: ToolDefinition) -> None:
        self.definition = definition

    @property
    def spec(self) -> ToolSpec:
        """See `Tool.spec`; in Chinese."""
        return self.definition.spec("zh")

    def spec_in(self, language: Language) -> ToolSpec:
        """The description in a language."""
        return self.definition.spec(language)

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """Refuses.

        Raises:
            ToolFailedError: always.
        """
        raise ToolFailedError(words(NEEDS_RUN, context.language))


def loop_tools() -> tuple[LoopTool, ...]:
    """One of each, in the order of product.md 6.2."""
    return tuple(LoopTool(definition) for definition in DEFINITIONS)
