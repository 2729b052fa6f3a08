"""Leading tags are read and removed; everything else stays text."""

import pytest

from clary.features.chat.control_tags import ControlTags, split_control_tags


@pytest.mark.parametrize(
    ("text", "tags", "rest"),
    [
        ("hello", ControlTags(), "hello"),
        ("<enable_plan>true</enable_plan>go", ControlTags(enable_plan=True), "go"),
        (
            "<Enable_Deep_Thinking>FALSE</Enable_Deep_Thinking> \n<ENABLE_PLAN>false</ENABLE_PLAN> go",
            ControlTags(enable_plan=False, deep_thinking=False),
            "go",
        ),
        (
            "<enable_plan>true</enable_plan><enable_plan>false</enable_plan>x",
            ControlTags(enable_plan=False),
            "x",
        ),
        ("<thinking_level>xhigh</thinking_level>x", ControlTags(thinking_level="xhigh"), "x"),
        ("<skill>a</skill><skill>b b</skill> do", ControlTags(skills=("a", "b b")), "do"),
        ("<enable_plan>maybe</enable_plan>x", ControlTags(), "<enable_plan>maybe</enable_plan>x"),
        ("go <enable_plan>true</enable_plan>", ControlTags(), "go <enable_plan>true</enable_plan>"),
        ("<enable_plan>true</enable_deep_thinking>x", ControlTags(), "<enable_plan>true</enable_deep_thinking>x"),
        (
            "<enable_plan>true</enable_plan><thinking_level>loud</thinking_level>x",
            ControlTags(enable_plan=True),
            "<thinking_level>loud</thinking_level>x",
        ),
    ],
)
def test_leading_tags_take_effect_and_vanish_and_malformed_ones_are_text(
    text: str, tags: ControlTags, rest: str
) -> None:
    assert split_control_tags(text) == (tags, rest)


def test_a_long_run_of_almost_tags_is_read_in_linear_time() -> None:
    text = "<enable_plan>true" * 50_000
    assert split_control_tags(text) == (ControlTags(), text)
