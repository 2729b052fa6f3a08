"""Scores of words that are remembered, and added up."""

import numpy as np

from clary.adapters.search_index.scores import SCALE, WORD_COST, KnownScores, Scored, best, new_edition, read_scores
from clary.features.knowledge.ports import Hit


def scored(*pairs: tuple[int, int]) -> Scored:
    """Passages with whole scores."""
    numbers, scores = zip(*pairs, strict=True)
    return Scored(np.array(numbers, np.int64), np.array(scores, np.int64) * SCALE)


def test_scores_are_added_and_ties_go_by_number() -> None:
    parts = [scored((1, 3), (2, 5), (9, 1)), scored((2, 1), (4, 6)), read_scores("")]
    assert best(parts, limit=9, among=None) == [Hit(2, 6.0), Hit(4, 6.0), Hit(1, 3.0), Hit(9, 1.0)]
    assert best(parts, limit=2, among=None) == [Hit(2, 6.0), Hit(4, 6.0)]
    assert best(parts, limit=1, among=None) == [Hit(2, 6.0)]
    assert best(parts, limit=9, among=[9, 4, 77]) == [Hit(4, 6.0), Hit(9, 1.0)]
    assert best(parts, limit=9, among=[77]) == []


def test_what_nobody_asked_for_longest_is_forgotten_first() -> None:
    known, first, second = KnownScores(most=4 + 2 * WORD_COST), new_edition(), new_edition()
    a, b, c = scored((1, 1), (2, 1)), scored((1, 2)), scored((3, 1), (4, 1))
    known.put(first, {"a": a, "b": b})
    known.put(first, {"b": b})
    assert known.get(first, ["a", "b", "c"]) == {"a": a, "b": b}
    assert known.get(second, ["a"]) == {}
    known.get(first, ["a"])
    known.put(second, {"a": c})
    assert (known.get(first, ["a", "b"]), known.get(second, ["a"])) == ({"a": a}, {"a": c})
    known.put(second, {"wide": scored(*((n, 1) for n in range(200)))})
    assert (known.get(first, ["a"]), known.get(second, ["a", "wide"])) == ({}, {})


def test_words_that_stand_nowhere_take_room_too() -> None:
    known, edition = KnownScores(most=10 * WORD_COST), new_edition()
    known.put(edition, {f"w{n}": read_scores("") for n in range(100)})
    assert sorted(known.get(edition, [f"w{n}" for n in range(100)])) == [f"w{n}" for n in range(90, 100)]
