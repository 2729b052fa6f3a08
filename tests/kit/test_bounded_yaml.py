"""YAML of strangers: plain values, bounded."""

import time

import pytest

from clary.kit.bounded_yaml import BoundedYamlError, load_mapping

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


def test_untagged_values_are_texts_as_they_stand() -> None:
    assert load_mapping("a: 1\nb: yes\nc: 2020-01-01\nd: [1, ~]\ne: {f: null}") == {
        "a": "1",
        "b": "yes",
        "c": "2020-01-01",
        "d": ["1", "~"],
        "e": {"f": "null"},
    }


def test_a_few_aliases_are_followed() -> None:
    assert load_mapping("a: &x [1]\nb: *x") == {"a": ["1"], "b": ["1"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "- a",
        "a: 1\n---\nb: 2",
        "a: 1\na: 2",
        "a: !!python/object/apply:os.system [id]",
        "a: !custom x",
        "[1]: 2",
        "a: &a [*a]",
        "a: " + "[" * 20 + "]" * 20,
        "a: " + "[" * 20_000,
        "a: '" + "x" * 70_000 + "'",
        "a: *missing",
        "a: \ud800",
        "a: {{",
        BOMB,
    ],
)
def test_anything_else_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(BoundedYamlError):
        load_mapping(text)
    assert time.monotonic() - began < 2
