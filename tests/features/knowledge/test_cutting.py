"""How documents become passages (product.md 5.5, 5.8)."""

import itertools
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clary.features.knowledge.policy.cutting import Cut, cut, document_of_rows
from clary.features.knowledge.policy.layout import cut_again, document_from, layout_of
from clary.features.knowledge.ports import Heading, ParsedDocument, QaRow, Span, Table

SENTENCES = (
    "今天天气很好。",
    "我们去公园散步！",
    "The quick brown fox jumps. ",
    "Is 3.14 close enough? ",
    "\n",
    "\n\n",
    "a" * 90,
)
ODD = ("", " ", "\t", "é", "🙂", "......", "))))", "| a | b |\n", "，", "；", "Dr. ", "e.g. ")
TEXTS = st.lists(st.sampled_from(SENTENCES + ODD), max_size=120).map("".join)


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    """Any text with any pages, parts, headings and tables on it."""
    text = draw(TEXTS)
    places = st.integers(0, len(text))
    marks = sorted(draw(st.sets(places, max_size=8)))
    pages = tuple(Span(str(n), *pair) for n, pair in enumerate(itertools.pairwise(marks), 1))
    starts = sorted(draw(st.sets(places, max_size=8)))
    headings = tuple(Heading(draw(st.integers(1, 6)), f"H{n}", start) for n, start in enumerate(starts))
    ends = sorted(draw(st.sets(places, min_size=3, max_size=3))) if len(text) > 3 else []
    parts = (Span("a.pdf", ends[0], ends[2]),) if ends else ()
    tables = (Table(*ends),) if ends and draw(st.booleans()) else ()
    return ParsedDocument(text, pages, headings, parts, tables)


@settings(max_examples=300, deadline=None)
@given(documents(), st.integers(200, 400), st.integers(0, 500))
def test_passages_cover_the_text_within_their_bounds(document: ParsedDocument, target: int, overlap: int) -> None:
    cuts = cut(document, target_chars=target, overlap_chars=overlap)
    covered = bytearray(len(document.text))
    for passage in cuts:
        assert passage.text == document.text[passage.start : passage.end]
        assert passage.text == passage.text.strip() != ""
        assert len(passage.text) <= 2 * target
        covered[passage.start : passage.end] = b"\1" * len(passage.text)
        pages = [page for page in document.pages if page.start < page.end and page.start <= passage.start < page.end]
        assert passage.page == (int(pages[0].name) if pages else None)
        assert not pages or passage.end <= pages[0].end
    assert [c for c, seen in zip(document.text, covered, strict=True) if not seen and not c.isspace()] == []
    assert [passage.start for passage in cuts] == sorted(passage.start for passage in cuts)
    assert cut(document, target_chars=target, overlap_chars=overlap) == cuts
    assert cut_again(document.text, layout_of(document), target_chars=target, overlap_chars=overlap) == cuts


def test_sections_keep_their_path_and_bare_headings_open_the_next() -> None:
    text = "# 手册\n\n## 安装\n\n运行安装程序。\n\n## 使用\n\n打开。\n\n# 附录\n"
    headings = tuple(
        Heading(level, title, text.index(f"# {title}") - level + 1)
        for level, title in ((1, "手册"), (2, "安装"), (2, "使用"), (1, "附录"))
    )
    cuts = cut(ParsedDocument(text, headings=headings), target_chars=800, overlap_chars=100)
    assert [(c.text, c.heading_path, c.context) for c in cuts] == [
        ("# 手册\n\n## 安装\n\n运行安装程序。", ("手册", "安装"), "手册 > 安装"),
        ("## 使用\n\n打开。", ("手册", "使用"), "手册 > 使用"),
        ("# 附录", ("附录",), "附录"),
    ]


def test_sentences_stay_whole_and_neighbours_overlap() -> None:
    text = "".join(f"这是第{n:03}个句子，说明一些事情。" for n in range(100))
    cuts = cut(ParsedDocument(text), target_chars=200, overlap_chars=40)
    assert all(c.text.startswith("这是第") and c.text.endswith("。") for c in cuts)
    assert all(0 < before.end - after.start <= 40 for before, after in itertools.pairwise(cuts))
    english = " ".join(f"Sentence {n} of Dr. Smith says that 3.14 is near pi." for n in range(60))
    cuts = cut(ParsedDocument(english), target_chars=300, overlap_chars=0)
    assert all(c.text.startswith("Sentence") and c.text.endswith("pi.") for c in cuts)
    assert " ".join(c.text for c in cuts) == english


def test_tables_are_cut_between_rows_and_their_header_is_searched_with_each() -> None:
    header = "| Name | Wert |\n| --- | --- |\n"
    rows = "".join(f"| Zeile {n}. Punkt | {n} |\n" for n in range(80))
    before = "Before. \n\n"
    table = Table(len(before), len(before + header), len(before + header + rows))
    cuts = cut(ParsedDocument(before + header + rows, tables=(table,)), target_chars=300, overlap_chars=100)
    assert cuts[0].text.startswith("Before.")
    assert cuts[0].context == ""
    assert all(c.text.startswith("| Zeile") and c.text.endswith(" |") for c in cuts[1:])
    assert {c.context for c in cuts[1:]} == {header.strip()}
    assert "\n".join(c.text for c in cuts) == (before + header + rows).strip()


def test_text_without_any_blank_is_cut_hard() -> None:
    cuts = cut(ParsedDocument("x" * 5000), target_chars=200, overlap_chars=50)
    assert max(len(c.text) for c in cuts) <= 400
    assert min(len(c.text) for c in cuts) >= 100


def test_a_row_of_questions_is_one_passage_whatever_its_length() -> None:
    rows = [QaRow(2, "为什么?", "因为" * 3000, {"来源": "手册"}), QaRow(4, "q", "a", {})]
    document, cuts = document_of_rows(rows)
    assert document.text == f"Question: 为什么?\nAnswer: {'因为' * 3000}\n\nQuestion: q\nAnswer: a"
    assert [document.text[c.start : c.end] for c in cuts] == [c.text for c in cuts]
    assert cuts[0].details == {"来源": "手册", "question": "为什么?", "answer": "因为" * 3000, "row_index": 2}
    again = cut_again(document.text, layout_of(document, cuts), target_chars=200, overlap_chars=0)
    assert again == cuts
    assert document_from(document.text, layout_of(document, cuts)) == document


@pytest.mark.parametrize("length", [1_000_000])
@pytest.mark.parametrize("piece", ["# a\n", "|\n", "中文，句子；"])
def test_a_million_characters_take_linear_time(piece: str, length: int) -> None:
    assert seconds_to_cut(piece, length) < 12


@pytest.mark.parametrize("piece", ["a", "。", ".", ".)", " \n", "a. ", "é", "「」", "\n\n", "...... "])
def test_no_text_is_slow_to_cut(piece: str) -> None:
    assert seconds_to_cut(piece, 500_000) < 6


def seconds_to_cut(piece: str, length: int) -> float:
    """Processor time for a text made of one piece only, with as many marks on it as it can have."""
    text = piece * (length // len(piece))
    marks: dict[str, Any] = {}
    if piece == "# a\n":
        marks = {"headings": tuple(Heading(1 + n % 6, "a", 4 * n) for n in range(length // 4))}
    if piece == "|\n":
        marks = {"tables": tuple(Table(20 * n, 20 * n + 4, 20 * n + 18) for n in range(length // 20))}
    began = time.process_time()
    cuts: list[Cut] = cut(ParsedDocument(text, **marks), target_chars=800, overlap_chars=100)
    assert all(len(c.text) <= 1600 for c in cuts)
    return time.process_time() - began
