"""The box of tools (product.md 6.2)."""

import pytest

from clary.features.toolbox.service import LOOP_TOOLS, Toolbox, canonical_name
from clary.kit.text import Text
from clary.runtime.tools import ToolFailedError

pytestmark = pytest.mark.anyio

LOOP = (
    "tool_expand_tools",
    "questionnaire",
    "questionnaire_async",
    "sys_spawn_agent",
    "sys_delegate_task",
    "sys_finish_task",
    "list_mcp_resources",
    "read_mcp_resource",
    "get_mcp_prompt",
)
EFFECTS = {
    "file_read": "read",
    "file_write": "write",
    "file_update": "write",
    "apply_patch": "write",
    "list_dir": "read",
    "glob": "read",
    "grep": "read",
    "execute_shell_command": "external",
    "execute_python_code": "external",
    "execute_javascript_code": "external",
    "fetch_webpages": "read",
    "analyze_image": "read",
    "search_memory": "read",
    "save_memory": "write",
    "forget_memory": "write",
    "todo_write": "read",
    "todo_read": "read",
    "load_skill": "read",
    "load_workflow": "read",
    **dict.fromkeys(LOOP, "read"),
    "search_knowledge_base": "read",
    "search_web_page": "read",
    "search_image_from_web": "read",
    "list_tasks": "read",
    "get_task_details": "read",
    "add_task": "external",
    "update_task": "external",
    "enable_task": "external",
    "delete_task": "external",
    "complete_task": "external",
}
ORDER = tuple(EFFECTS)
REQUIRED = {
    "file_read": ["file_path"],
    "file_write": ["file_path", "content"],
    "file_update": ["file_path", "search_pattern", "replacement"],
    "apply_patch": ["patch"],
    "list_dir": [],
    "glob": ["pattern"],
    "grep": ["pattern"],
    "execute_shell_command": ["command"],
    "execute_python_code": ["code"],
    "execute_javascript_code": ["code"],
    "fetch_webpages": ["urls"],
    "analyze_image": ["image_path"],
    "search_memory": ["query"],
    "save_memory": ["content"],
    "forget_memory": ["id"],
    "todo_write": ["tasks"],
    "todo_read": [],
    "load_skill": ["skill_name"],
    "load_workflow": ["workflow_name"],
    "tool_expand_tools": ["tool_names"],
    "questionnaire": ["title", "questions"],
    "questionnaire_async": ["title", "questions"],
    "sys_spawn_agent": ["name", "description", "system_prompt"],
    "sys_delegate_task": ["tasks"],
    "sys_finish_task": ["status", "result"],
    "list_mcp_resources": [],
    "read_mcp_resource": ["server", "uri"],
    "get_mcp_prompt": ["server", "name"],
    "search_knowledge_base": ["query"],
    "search_web_page": ["query"],
    "search_image_from_web": ["query"],
    "list_tasks": [],
    "get_task_details": ["task_id"],
    "add_task": ["name", "description", "agent_id", "schedule"],
    "update_task": ["task_id"],
    "enable_task": ["task_id"],
    "delete_task": ["task_id"],
    "complete_task": ["task_id"],
}


def test_the_order_is_that_of_the_contract() -> None:
    assert Toolbox().names == ORDER
    assert [spec.name for spec in Toolbox().specs(reversed((*ORDER, "grep")), "zh")] == list(ORDER)


def test_effects_and_required_parameters_are_declared() -> None:
    specs = {spec.name: spec for spec in Toolbox().specs(ORDER, "en")}
    assert {name: spec.effect for name, spec in specs.items()} == EFFECTS
    assert {name: spec.parameters["required"] for name, spec in specs.items()} == REQUIRED
    assert {name for name, spec in specs.items() if spec.timeout_seconds is None} == {
        "execute_shell_command",
        "execute_python_code",
        "execute_javascript_code",
        "questionnaire",
        "questionnaire_async",
        "sys_delegate_task",
    }
    assert specs["file_update"].path_arguments == ("file_path",)


async def test_tools_of_the_loop_are_described_here_and_run_nowhere_else(bench) -> None:
    assert frozenset(LOOP) == LOOP_TOOLS
    assert not set(LOOP) & set(Toolbox().available(bench.sandbox))
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("sys_finish_task", status="success", result="done")
    assert failure.value.message == "该工具只能在会话中使用"


def test_what_a_host_lacks_is_said_in_words(bench) -> None:
    box = Toolbox(programs=())
    reasons = {name: box.unavailable_reason(name, bench.sandbox) for name in box.names}
    assert {name: reason.en for name, reason in reasons.items() if reason is not None} == {
        "execute_python_code": "No Python runtime is installed",
        "execute_javascript_code": "No JavaScript runtime is installed",
        "search_web_page": "No search service is configured",
        "search_image_from_web": "No search service is configured",
    }
    assert "execute_shell_command" in box.available(bench.sandbox)
    bench.sandbox.unavailable_reason = "no bwrap"
    assert "execute_shell_command" not in box.available(bench.sandbox)
    assert box.unavailable_reason("execute_python_code", bench.sandbox) == Text(
        "沙箱不可用", "The sandbox is not available"
    )


def test_every_text_exists_in_both_languages() -> None:
    box = Toolbox()
    for chinese, english in zip(box.specs(ORDER, "zh"), box.specs(ORDER, "en"), strict=True):
        assert chinese.description != english.description
        assert english.description.isascii()
        for name, parameter in english.parameters["properties"].items():
            assert parameter["type"]
            assert parameter["description"].isascii()
            assert parameter["description"] != chinese.parameters["properties"][name]["description"]
    assert box.specs(ORDER, "pt") == box.specs(ORDER, "en")


def test_unknown_names_and_aliases_of_tools_that_are_not_here_are_left_out() -> None:
    assert canonical_name("web_search") == "search_web_page"
    assert canonical_name("retrieve_on_zavixai_db") == "search_knowledge_base"
    assert Toolbox().specs(["nope", "sys_x"], "zh") == []
    assert [spec.name for spec in Toolbox().specs(["web_search"], "zh")] == ["search_web_page"]
    assert Toolbox().find("nope") is None
    with pytest.raises(ToolFailedError) as failure:
        Toolbox().get("nope", "en")
    assert (failure.value.error_type, failure.value.message) == ("TOOL_NOT_FOUND", "Unknown tool: nope")
