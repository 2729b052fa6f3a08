"""What is read from a model's answer, and what is not taken for one (product.md 3.6)."""

from typing import Any

import pytest

from clary.features.agents.answers import (
    Ability,
    DraftedAgent,
    OptimizedPrompt,
    abilities,
    clean_name,
    drafted_agent,
    numbered_name,
    optimized_prompt,
    read_answer,
)

SMALL = '{"name": "N", "systemPrefix": "P"}'
DRAFT = DraftedAgent("N", "", "P", [], {})


def drafted(text: str) -> DraftedAgent | None:
    return read_answer(text, drafted_agent({"grep"}))


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        f"Here it is:\n```json\n{SMALL}\n```\nEnjoy {{it}}.",
        '{"name": "N", "systemPrefix": "P",}',
        '{"name": "N", "systemPrefix": "P", "availableTools": ["no"]',
        '{"name": " N\\n", "systemPrefix": "P", "availableTools": "grep", "availableWorkflows": ["x"]}',
    ],
)
def test_small_faults_of_form_are_forgiven(text: str) -> None:
    assert drafted(text) == DRAFT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would rather talk about the weather.",
        "[1, 2]",
        '{"name": "N"}',
        '{"name": "", "systemPrefix": "P"}',
        '{"name": "N", "systemPrefix": ["P"]}',
        '{"name": "N", "systemPrefix": "half',
        '{"name": "N", "systemPrefix": "P\\u0000"}',
        '{"name": "N", "systemPrefix": "' + "x" * 65537 + '"}',
        '{"a":' * 200,
    ],
)
def test_what_does_not_hold_name_and_instructions_is_no_draft(text: str) -> None:
    assert drafted(text) is None


def test_only_usable_tools_and_sound_workflows_are_kept() -> None:
    answer: dict[str, Any] = {
        "name": "N",
        "systemPrefix": "P",
        "description": "D" * 3000,
        "availableTools": ["rm", "grep", 1, "grep"],
        "availableWorkflows": {"w": ["one", "", 2, "two" * 1000], "": ["x"], "empty": [], "y" * 101: ["x"]},
    }
    read = drafted_agent({"grep"})(answer)
    assert read == DraftedAgent("N", "D" * 2000, "P", ["grep"], {"w": ["one", ("two" * 1000)[:2000]]})


def test_every_section_is_there_and_the_analysis_is_short() -> None:
    answer = {
        "optimized_prompt": " # Role ",
        "analysis": {f"k{number}": "x" * 600 for number in range(9)},
        "sections": {"role": "R", "skills": ["a", "b"], "other": "x"},
    }
    sections = dict.fromkeys(
        ("tool_guidance", "content_preference", "format_preference", "terminology", "constraints"), ""
    )
    assert optimized_prompt(answer) == OptimizedPrompt(
        "# Role", {f"k{number}": "x" * 500 for number in range(8)}, {"role": "R", "skills": "a\nb", **sections}
    )
    assert optimized_prompt({"optimized_prompt": ""}) is None


def test_six_abilities_at_most_and_none_is_no_answer() -> None:
    item = {"title": "T", "description": 1, "promptText": "P"}
    assert abilities({"items": [{"title": "T"}, "x", *[item] * 7]}) == [Ability("T", "", "P")] * 6
    for nothing in ({}, {"items": []}, {"items": "x"}, {"items": [{"promptText": "P"}]}):
        assert abilities(nothing) is None


def test_a_name_is_cleaned_and_numbered_within_its_length() -> None:
    assert clean_name(" a\tb\u0007  c ") == "a b c"
    assert len(clean_name("é" * 300)) == 100
    assert numbered_name("A", {"A", "A 2"}) == "A 3"
    long = "x" * 100
    assert numbered_name(long, {long}) == "x" * 98 + " 2"
