"""Linear-time patterns."""

import time

import pytest

from clary.kit.linear_regex import LinearPattern, PatternError


def test_a_bomb_takes_no_time() -> None:
    started = time.monotonic()
    assert LinearPattern("(a+)+b").search("a" * 100_000) is None
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{5000}", "x" * 2001, "\ud800"])
def test_what_is_not_known_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        LinearPattern(pattern)


def test_offsets_count_characters() -> None:
    found = LinearPattern("针+").search("中文🙂针针 x")
    assert found is not None
    assert (found.start(), found.end()) == (3, 5)


def test_large_programs_on_large_texts_are_not_affordable() -> None:
    assert not LinearPattern("(?:a|b)*a(?:[ab]{900})c").is_affordable(10_000_000)
    assert LinearPattern(r"(\w+)@(\w+)\.com").is_affordable(100_000)
