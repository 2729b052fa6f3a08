"""Pure decisions about MCP servers: names, definitions, retries, forms."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.features.interventions.service import form_of
from clary.features.mcp_servers.policy import (
    OwnedTool,
    definitions_hash,
    is_name,
    prefixed,
    shown_description,
    shown_schema,
    wire_names,
    without_hidden,
)
from clary.features.mcp_servers.service.asking import content_of, questions_of

Json = dict[str, Any]


@pytest.mark.parametrize("name", ["a", "工具", "हिन्दी", "a b-c_d.e", "Add", "x" * 64])
def test_letters_of_any_script_name_a_server(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".a", "add", "list", "oauth", "a/b", "a\nb", "a\u202eb", "x" * 65, "a%", "😀"])
def test_other_characters_and_reserved_words_do_not(name: str) -> None:
    assert not is_name(name)


@given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=90)), max_size=20))
def test_wire_names_are_unlike_fit_for_every_provider_and_stable(pairs: list[tuple[str, str]]) -> None:
    tools = [OwnedTool(server, tool) for server, tool in dict.fromkeys(pairs)]
    found = wire_names(tools, frozenset({"own"}))
    assert found == wire_names(tools, frozenset({"own"}))
    assert len(set(found)) == len(found)
    assert all(len(name) <= 64 and name and name.replace("_", "a").replace("-", "a").isalnum() for name in found)
    assert not {"own", "file_read", "sys_finish_task"} & set(found)


def test_two_long_names_that_begin_alike_stay_two() -> None:
    assert prefixed("s" * 60, "tool_one") != prefixed("s" * 60, "tool_two")


def test_only_what_a_server_says_counts_and_not_its_order() -> None:
    one, two = {"name": "a", "description": "x"}, {"name": "b", "description": "y"}
    whole = definitions_hash({"tools": [one, two], "instructions": "i"})
    assert whole == definitions_hash({"instructions": "i", "tools": [two, dict(reversed(one.items()))]})
    assert whole != definitions_hash({"tools": [one, two], "instructions": "j"})


def test_a_description_is_cut_and_cleaned_everywhere_a_model_reads_it() -> None:
    hidden = "a\u200bb\u202ec\U000e0041d"
    assert without_hidden(hidden) == "abcd"
    assert len(shown_description("x" * 5000)) == 2000
    schema = {"properties": {"p": {"description": hidden, "enum": [hidden]}}, "title": hidden}
    assert shown_schema(schema) == {"properties": {"p": {"description": "abcd", "enum": [hidden]}}, "title": "abcd"}


FORM = {
    "properties": {
        "name": {"type": "string", "title": "Name"},
        "count": {"type": "integer"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "many": {"type": "array", "items": {"enum": ["x", "y"]}},
        "sure": {"type": "boolean", "default": True},
    },
    "required": ["name"],
}


def test_a_form_becomes_questions_and_its_answers_get_their_types() -> None:
    questions = questions_of(FORM)
    assert questions is not None
    assert [(each["id"], each["type"], each["title"]) for each in questions] == [
        ("name", "text", "Name"),
        ("count", "text", "count"),
        ("kind", "single_choice", "kind"),
        ("many", "multiple_choice", "many"),
        ("sure", "single_choice", "sure"),
    ]
    answers = {"name": "n", "count": "3", "kind": "a", "many": ["x"], "sure": "false"}
    assert content_of(FORM, answers) == {"name": "n", "count": 3, "kind": "a", "many": ["x"], "sure": False}
    assert content_of(FORM, {"count": "3"}) is None
    assert [each.get("default") for each in questions] == [None, None, None, None, "true"]


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ({"type": "boolean", "default": False}, "false"),
        ({"type": "boolean", "default": "maybe"}, None),
        ({"type": "string", "enum": ["a", "b"], "default": "c"}, None),
        ({"enum": [True, False], "default": True}, "true"),
        ({"type": "integer", "default": 3}, "3"),
        ({"type": "string", "default": "x" * 1001}, None),
        ({"type": "string", "default": {"a": 1}}, None),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "default": ["y"]}, ["y"]),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "default": ["z"]}, None),
    ],
)
def test_a_default_is_an_answer_to_its_question_or_left_out(field: Json, default: Any) -> None:
    questions = questions_of({"properties": {"x": field}})
    assert questions is not None
    assert questions[0].get("default") == default
    # What is left is a form that may be put.
    form_of({"title": "t", "questions": questions})


@pytest.mark.parametrize(
    "field",
    [
        {"password": {"type": "string"}},
        {"x": {"type": "string", "title": "Your API key"}},
        {"apiToken": {"type": "string"}},
        {"x": {"type": "string", "description": "请输入密码"}},
        {"x": {"type": "string", "format": "uri"}},
        {"x": {"type": "object"}},
        {},
        {f"f{number}": {"type": "string"} for number in range(21)},
    ],
)
def test_secrets_addresses_and_what_nobody_could_answer_are_declined(field: Json) -> None:
    assert questions_of({"properties": field}) is None
