"""Arguments in, failures and results out (stream-runtime.md 4.5, 9.5)."""

import contextlib
import json
import time
from typing import Any

import pytest

from clary.kit.json_text import dumps_text
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import ToolFailedError
from clary.runtime.toolset import (
    MAX_RESULT_TOKENS,
    cap_result,
    check_arguments,
    error_content,
    estimate_tokens,
    parse_arguments,
    wire_content,
)

SAVED = "/workspace/.clary/results/call_1.txt"


def spec(required: list[str] | None = None, **properties: Any) -> ToolSpec:
    """A tool with these parameters."""
    return ToolSpec("tool", "", {"type": "object", "properties": properties, "required": required or []})


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [
        ("", {}),
        ("  ", {}),
        ("{}", {}),
        ('{"a": 1, "b": [1, 2]}', {"a": 1, "b": [1, 2]}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": "one\ntwo\t3\x01"}', {"a": "one\ntwo\t3\x01"}),
        ('{"a": {"b": [1', {"a": {"b": [1]}}),
        ('{"a": [1, 2}', {"a": [1, 2]}),
        ('{"a": "x"', {"a": "x"}),
        ('{"a": 1,', {"a": 1}),
        ('{"a": 1}}', {"a": 1}),
        ('{"a": "},]\\"\n"', {"a": '},]"\n'}),
    ],
)
def test_arguments_are_read_with_one_repair(raw: str, arguments: dict[str, Any]) -> None:
    assert parse_arguments(raw) == arguments


@pytest.mark.parametrize(
    "raw",
    [
        "[1]",
        "null",
        '"text"',
        "rm -rf /",
        '{"a": ',
        '{"content": "half a file',
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        '{"a":' * 5000,
        "{" * 100_000,
        '{"a": 1e999}',
    ],
)
def test_unreadable_arguments_never_reach_a_tool(raw: str) -> None:
    started = time.monotonic()
    with pytest.raises(ToolFailedError) as failure:
        check_arguments(spec(), raw)
    assert failure.value.error_type == "INVALID_JSON"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("raw", "provided"),
    [
        ('{"a": "\\u0000"}', ["a"]),
        ('{"a": 1, "b\\u0000": 2}', ["a"]),
        ('{"a": 99999999999999999999}', ["a"]),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", ["a"]),
    ],
)
def test_json_that_no_tool_can_take_is_no_broken_json(raw: str, provided: list[str]) -> None:
    with pytest.raises(ToolFailedError) as failure:
        check_arguments(spec(["c"]), raw)
    assert (failure.value.error_type, failure.value.extra) == (
        "INVALID_ARGUMENTS",
        {"required_params": ["c"], "provided_params": provided},
    )


def test_missing_arguments_are_named() -> None:
    tool = spec(["a", "b"], a={"type": "string"}, b={"type": "string"}, c={"type": "string"})
    with pytest.raises(ToolFailedError) as failure:
        check_arguments(tool, '{"c": "x", "a": "y"}', "en")
    assert error_content(failure.value, "tool") == {
        "error": True,
        "error_type": "INVALID_ARGUMENTS",
        "message": "Missing required parameters: b",
        "tool_name": "tool",
        "required_params": ["a", "b"],
        "provided_params": ["c", "a"],
    }


@pytest.mark.parametrize(
    ("schema", "value", "taken"),
    [
        ({"type": "integer"}, "30", 30),
        ({"type": "integer"}, " -5 ", -5),
        ({"type": "integer"}, 30.0, 30),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "boolean"}, "True", True),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": ["integer", "null"]}, None, None),
        ({"type": "array"}, '["x"]', ["x"]),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"type": "string"}, "30", "30"),
        ({"type": ["string", "integer"]}, "30", "30"),
        ({}, "30", "30"),
        ({"anyOf": [{"type": "string"}]}, "30", "30"),
    ],
)
def test_harmless_slips_are_mended(schema: dict[str, Any], value: Any, taken: Any) -> None:
    assert check_arguments(spec(a=schema), json.dumps({"a": value})) == {"a": taken}


def test_null_for_an_optional_parameter_means_absent() -> None:
    tool = spec(["a"], a={"type": "string"}, b={"type": "integer"})
    assert check_arguments(tool, '{"a": "x", "b": null}') == {"a": "x"}
    with pytest.raises(ToolFailedError):
        check_arguments(tool, '{"a": null}')


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, "deep"),
        ({"type": "integer"}, "1.5"),
        ({"type": "integer"}, True),
        ({"type": "string"}, {"a": 1}),
        ({"type": "integer", "maximum": 5}, 6),
        ({"type": "array"}, '{"a": 1}'),
        ({"type": "string", "pattern": "^a+$"}, "b"),
        ({"type": "array", "items": {"type": "string"}}, ["x", 1]),
    ],
)
def test_wrong_arguments_are_refused_by_name(schema: dict[str, Any], value: Any) -> None:
    with pytest.raises(ToolFailedError) as failure:
        check_arguments(spec(wanted=schema), json.dumps({"wanted": value}))
    assert failure.value.error_type == "INVALID_ARGUMENTS"
    assert "wanted" in failure.value.message
    assert failure.value.extra == {"required_params": [], "provided_params": ["wanted"]}


@pytest.mark.parametrize(
    ("schema", "value", "zh", "en"),
    [
        ({"type": "string"}, {"a": 1}, "应为类型 string", "should be of type string"),
        ({"type": ["integer", "null"]}, "x", "应为类型 integer, null", "should be of type integer, null"),
        ({"enum": ["a", 2]}, "b", '应为以下之一: "a", 2', 'should be one of "a", 2'),
        ({"type": "integer", "maximum": 5}, 6, "不能大于 5", "should be at most 5"),
        ({"type": "string", "pattern": "^a+$"}, "b", "应符合 ^a+$", "should match ^a+$"),
        ({"not": {}}, "b", "不符合要求", "does not meet the schema"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_run(schema: dict[str, Any], value: Any, zh: str, en: str) -> None:
    told: list[str] = []
    for language in ("zh", "en"):
        with pytest.raises(ToolFailedError) as failure:
            check_arguments(spec(a=schema), json.dumps({"a": value}), language)
        told.append(failure.value.message)
    assert told == [f"参数 a 无效: {zh}", f"Parameter a is invalid: {en}"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "#/nowhere"},
        {"type": "banana"},
        {"type": 5},
        {"pattern": "(?=x)"},
        {"properties": "x"},
        {"enum": 5},
        {"minimum": "x"},
        {"uniqueItems": "x"},
    ],
)
def test_a_broken_foreign_schema_stops_nothing(schema: dict[str, Any]) -> None:
    tool = ToolSpec("tool", "", {"type": "object", "properties": {"a": schema}})
    assert check_arguments(tool, '{"a": "x"}') == {"a": "x"}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
        {"properties": {"b": {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}}},
    ],
)
def test_a_pattern_bomb_in_a_schema_does_not_hang(schema: dict[str, Any]) -> None:
    long = "a" * 60 + "!"
    started = time.monotonic()
    with contextlib.suppress(ToolFailedError):
        check_arguments(
            ToolSpec("tool", "", {"type": "object", **schema}), json.dumps({"a": long, "b": {long: 1}, long: 1})
        )
    assert time.monotonic() - started < 2


def test_a_short_schema_that_would_be_checked_for_ever_refuses_the_call_instead() -> None:
    """Each definition asks twice for the next: forty of them for 2 ** 40 checks."""
    doubling = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    tool = ToolSpec("tool", "", {"$ref": "#/$defs/a0", "$defs": {**doubling, "a40": {"type": "object"}}})
    started = time.monotonic()
    with pytest.raises(ToolFailedError) as refused:
        check_arguments(tool, "{}")
    assert (refused.value.error_type, time.monotonic() - started < 2) == ("INVALID_ARGUMENTS", True)


def test_a_multiple_of_nothing_stops_nothing() -> None:
    assert check_arguments(spec(a={"type": "integer", "multipleOf": 0}), '{"a": 5}') == {"a": 5}


@pytest.mark.parametrize("required", [5, "abc", {"a": 1}, [1, None, "a"]])
def test_nonsense_about_what_is_required_stops_nothing(required: Any) -> None:
    tool = ToolSpec("tool", "", {"type": "object", "properties": {}, "required": required})
    assert check_arguments(tool, '{"a": null}') == {"a": None}


def test_many_items_that_must_differ_are_compared_in_time() -> None:
    schema = {"type": "array", "uniqueItems": True}
    items = [{"n": n} for n in range(5000)]
    assert check_arguments(spec(a=schema), json.dumps({"a": items})) == {"a": items}
    with pytest.raises(ToolFailedError):
        check_arguments(spec(a=schema), json.dumps({"a": [*items, {"n": 1}]}))


def test_tokens_are_estimated_by_script() -> None:
    assert [estimate_tokens(text) for text in ("", "abcd", "abcde", "中文", "中文ab", "한국", "かな")] == [
        0,
        1,
        2,
        2,
        3,
        2,
        2,
    ]


def test_a_result_within_bounds_is_untouched() -> None:
    assert cap_result({"a": "x"}, 100, SAVED) == ({"a": "x"}, None)
    assert cap_result("text", 100, SAVED) == ("text", None)


@pytest.mark.parametrize("letter", ["x", "中", "x中", '"\\\n'])
def test_long_fields_are_cut_in_the_middle(letter: str) -> None:
    content = "BEGIN" + letter * 100_000 + "END"
    result = {"status": "success", "content": content, "total_lines": 3, "file_path": "/workspace/a.txt"}
    capped, whole = cap_result(result, MAX_RESULT_TOKENS, SAVED, "en")
    assert isinstance(capped, dict)
    assert whole is not None
    assert json.loads(whole) == result
    assert {**capped, "content": ""} == {**result, "content": ""}
    assert capped["content"].startswith("BEGIN")
    assert capped["content"].endswith("END")
    assert SAVED in capped["content"]
    size = estimate_tokens(dumps_text(capped))
    assert MAX_RESULT_TOKENS * 0.7 < size <= MAX_RESULT_TOKENS


def test_long_text_is_cut_in_the_middle() -> None:
    capped, whole = cap_result("a" * 1_000_000, 1000, SAVED)
    assert isinstance(capped, str)
    assert len(whole or "") == 1_000_000
    assert SAVED in capped
    assert estimate_tokens(capped) <= 1000


def test_long_lists_are_shortened_and_odd_shapes_still_fit() -> None:
    lists = cap_result({"files": [f"/workspace/{n}" for n in range(50_000)]}, 1000, SAVED)
    assert isinstance(lists.result, dict)
    assert SAVED in lists.result["note"]
    assert lists.result["files"][0] == "/workspace/0"
    odd = cap_result({f"key{n}": n for n in range(50_000)}, 1000, SAVED)
    assert isinstance(odd.result, dict)
    assert SAVED in odd.result["content"]
    for capped in (lists, odd):
        assert estimate_tokens(dumps_text(capped.result)) <= 1000


def test_a_million_characters_are_capped_quickly() -> None:
    started = time.monotonic()
    cap_result({"stdout": "中x" * 10_000_000, "stderr": "e" * 1_000_000}, MAX_RESULT_TOKENS, SAVED)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("plain", "plain"),
        ("[1, 2]", "[1, 2]"),
        ("3", "3"),
        ("{broken", "{broken"),
        ("", ""),
        ('{"a": "{\\"b\\": 1}"}', {"a": '{"b": 1}'}),
        ('  {"results": "x"}', {"results": "x"}),
        ('{"results": [1, null, {"content": 5}]}', {"results": [1, None, {"content": 5}]}),
    ],
)
def test_only_an_outer_object_becomes_an_object(text: str, content: Any) -> None:
    assert wire_content(text) == content


def test_hits_are_cut_on_the_wire() -> None:
    long = "中" * 1001
    hit = {"snippet": long, "description": "x" * 1000, "content": long, "title": long}
    cut = "中" * 1000 + "...[TRUNCATED]"
    assert wire_content(json.dumps({"results": [hit], "content": long})) == {
        "results": [{"snippet": cut, "description": "x" * 1000, "content": cut, "title": long}],
        "content": long,
    }
