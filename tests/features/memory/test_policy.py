"""What a note may be, and which notes a question is about (product.md 2.4)."""

import time

import pytest

from clary.features.memory.policy import clean_content, rank

NOTES = (
    "用户喜欢喝绿茶，不喝咖啡",
    "Prefers tea over coffee",
    "住在上海浦东",
    "Works on a Rust compiler; C++ before",
    "Discount code: 100%_OFF",
    "生日是五月三日",
)


def found(query: str) -> list[str]:
    return [NOTES[at] for at in rank(query, NOTES)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("咖啡", NOTES[0]),
        ("我想喝杯咖啡，有什么推荐吗？", NOTES[0]),
        ("上海有什么好玩的", NOTES[2]),
        ("海", NOTES[2]),
        ("What COFFEE should I order?", NOTES[1]),
        ("ｃｏｆｆｅｅ", NOTES[1]),
        ("compilers in Rust", NOTES[3]),
        ("comp", NOTES[3]),
        ("c++", NOTES[3]),
        ("100%", NOTES[4]),
        ("%_", NOTES[4]),
    ],
)
def test_a_question_finds_its_note_in_chinese_and_english(query: str, first: str) -> None:
    assert found(query)[0] == first


@pytest.mark.parametrize(
    "query", ["", "  ", "天气", "the and of", "'; DROP TABLE memory_notes; --", "%%", "*", "\ud800"]
)
def test_what_no_note_speaks_of_finds_nothing(query: str) -> None:
    assert found(query) == []


def test_rare_words_weigh_more_and_equals_keep_their_order() -> None:
    notes = ("likes apples", "likes pears", "likes plums and apples", "likes quinces")
    assert rank("who likes quinces?", notes) == [3, 0, 1, 2]
    assert rank("likes apples", notes) == [0, 2, 1, 3]
    assert rank("is", ("this is it", "it was")) == [0]


def test_a_thousand_long_notes_are_ranked_in_a_moment() -> None:
    notes = [f"{number} " + "喜欢喝茶 likes tea " * 120 for number in range(1000)]
    begun = time.monotonic()
    assert rank(("喜欢什么茶 " + "what tea " * 200)[:2000], notes)[0] == 0
    assert time.monotonic() - begun < 5


def test_a_note_is_one_to_two_thousand_characters_of_text() -> None:
    assert clean_content("  cafe\u0301\n ") == "caf\u00e9"
    assert clean_content("字" * 2000) == "字" * 2000
    for wrong in ("", " \n", "字" * 2001, "a\0b", "a\ud800"):
        with pytest.raises(ValueError, match="must"):
            clean_content(wrong)
