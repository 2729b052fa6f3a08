"""The box of tools (product.md 6.2)."""

import pytest

from clary.features.toolbox.service import Toolbox, canonical_name
from clary.runtime.tools import ToolFailedError

ORDER = (
    "file_read",
    "file_write",
    "file_update",
    "list_dir",
    "grep",
    "execute_shell_command",
    "todo_write",
    "todo_read",
)


def test_the_order_is_that_of_the_contract() -> None:
    assert Toolbox().names == ORDER
    assert [spec.name for spec in Toolbox().specs(reversed((*ORDER, "grep")), "zh")] == list(ORDER)


def test_effects_and_required_parameters_are_declared() -> None:
    specs = {spec.name: spec for spec in Toolbox().specs(ORDER, "en")}
    effects = {name: spec.effect for name, spec in specs.items()}
    assert effects == {
        "file_read": "read",
        "file_write": "write",
        "file_update": "write",
        "list_dir": "read",
        "grep": "read",
        "execute_shell_command": "external",
        "todo_write": "read",
        "todo_read": "read",
    }
    assert {name: spec.parameters["required"] for name, spec in specs.items()} == {
        "file_read": ["file_path"],
        "file_write": ["file_path", "content"],
        "file_update": ["file_path", "search_pattern", "replacement"],
        "list_dir": [],
        "grep": ["pattern"],
        "execute_shell_command": ["command"],
        "todo_write": ["tasks"],
        "todo_read": [],
    }
    assert specs["execute_shell_command"].timeout_seconds is None
    assert specs["file_update"].path_arguments == ("file_path",)


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
    assert Toolbox().specs(["web_search", "nope", "sys_x"], "zh") == []
    assert Toolbox().find("nope") is None
    with pytest.raises(ToolFailedError) as failure:
        Toolbox().get("nope", "en")
    assert (failure.value.error_type, failure.value.message) == ("TOOL_NOT_FOUND", "Unknown tool: nope")
