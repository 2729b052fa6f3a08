"""The words of texts."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.adapters.text_analysis import FoldingAnalyzer
from clary.adapters.text_analysis.folding import fold, fold_with_places

analyzer = FoldingAnalyzer()
ODD = st.sampled_from("電脑的記憶a’sÉ̈ﾃﾞ한ก \u200b-_")
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), ODD), max_size=80)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The engines were running", ["the", "engin", "were", "run"]),
        ("電腦", ["电", "脑", "电脑"]),
        ("花青素", ["花", "青", "素", "花青", "青素"]),
        ("ＡＢＣ１２３ v2", ["abc123", "v2"]),
        ("ﾃﾞｰﾀ", ["デ", "ー", "タ", "デー", "ータ"]),
        ("snake_case_name 100%", ["snake", "case", "name", "100"]),
        ("café Ångström йод", ["cafe", "angstrom", "иод"]),
        ("the farmer's soft\u00adware", ["the", "farmer", "softwar"]),
        ("한국", ["한", "국", "한국"]),
        ("हिन्दी", ["हिन्दी"]),
        ("\0\u200b🍁*\"'", []),
    ],
)
def test_words_are_folded_stemmed_and_cut(text: str, words: list[str]) -> None:
    assert analyzer.analyze(text) == words


@given(TEXTS)
@settings(deadline=None)
def test_words_are_plain_and_the_same_for_every_way_to_write_a_text(text: str) -> None:
    words = analyzer.analyze(text)

    assert all(word and not any(char.isspace() or char in "\"'\0" for char in word) for word in words)
    assert analyzer.analyze(unicodedata.normalize("NFD", text)) == analyzer.analyze(unicodedata.normalize("NFC", text))


@given(TEXTS)
@settings(deadline=None)
def test_places_of_folded_letters_are_in_the_text(text: str) -> None:
    folded, places = fold_with_places(text)

    assert len(places) == len(folded) + 1
    assert places == sorted(places)
    assert places[-1] == len(text)


@given(TEXTS)
@settings(deadline=None)
def test_located_words_lie_inside_the_text_and_do_not_overlap(text: str) -> None:
    spots = analyzer.locate(text, analyzer.analyze(text))

    assert all(0 <= start < end <= len(text) for start, end in spots)
    assert all(one[1] < two[0] for one, two in pairwise(spots))
    assert bool(spots) == bool(analyzer.analyze(text)) or fold(text) != fold_with_places(text)[0]


def test_words_are_located_in_what_was_written() -> None:
    text = "ﾃﾞｰﾀﾍﾞｰｽ的記憶體 and Engines"

    spots = analyzer.locate(text, analyzer.analyze("データベース 记忆体 engine"))

    assert [text[start:end] for start, end in spots] == ["ﾃﾞｰﾀﾍﾞｰｽ", "記憶體", "Engines"]


def test_threads_do_not_disturb_each_other() -> None:
    texts = [f"running{chr(97 + number % 26)} engines harbours {number}" for number in range(400)]
    alone = [analyzer.analyze(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(FoldingAnalyzer().analyze, texts)) == alone
