"""How well a base answers its question set (contract product 5.9)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clary.features.knowledge.ports import FoundPassage

FALL = 0.05
TOP_K = 10
"""Results looked at when nobody says how many."""


class Score(NamedTuple):
    """`rank`: the place of the first expected result, from 1; None: it was missed."""

    question_id: str
    question: str
    rank: int | None


def rank_of(expected: Sequence[Mapping[str, Any]], results: Sequence[FoundPassage]) -> int | None:
    """The place of the first result that is expected; None: none is."""
    return next((place for place, result in enumerate(results, 1) if _is_expected(expected, result)), None)


def recall_of(scores: Sequence[Score]) -> float | None:
    """The share of questions that were found."""
    return None if not scores else sum(each.rank is not None for each in scores) / len(scores)


def mrr_of(scores: Sequence[Score]) -> float | None:
    """The mean of one through the place."""
    return None if not scores else sum(1 / each.rank for each in scores if each.rank) / len(scores)


def has_fallen(recall: float | None, previous: float | None) -> bool:
    """Whether a version finds clearly less than the one before."""
    return recall is not None and previous is not None and previous - recall > FALL + 1e-9


def _is_expected(expected: Sequence[Mapping[str, Any]], result: FoundPassage) -> bool:
    return any(_fits(each, result) for each in expected)


def _fits(wish: Mapping[str, Any], result: FoundPassage) -> bool:
    if not any(wish.get(key) for key in ("doc_id", "doc_name", "contains")):
        return False
    if wish.get("doc_id") and wish["doc_id"] != result.doc_id:
        return False
    if wish.get("doc_name") and wish["doc_name"] != result.doc_name:
        return False
    return not wish.get("contains") or wish["contains"] in result.text
