"""Question files (product.md 5.8)."""

from pathlib import Path

import pytest
from anyio import fail_after

from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.features.knowledge.ports import DocumentRefusedError, QaFormatError, QaRow
from support import sample_compound as old
from support import sample_files as new
from support import sample_hostile as bad

pytestmark = pytest.mark.anyio

ROWS = [["问题", "答案", "来源"], ["怎么退货?", "七天内", "手册"], ["", "no question"], ["q2", "a2", "", "extra"]]
FOUND = [
    QaRow(2, "怎么退货?", "七天内", {"来源": "手册"}),
    QaRow(4, "q2", "a2", {"column_4": "extra"}),
]


async def rows_of(
    folder: Path, name: str, content: bytes | str, most_rows: int | None = None
) -> tuple[list[QaRow], int] | str | None:
    """Rows and how many were skipped, or why not."""
    path = folder / "original"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with fail_after(60):
        async with KnowledgeParser() as parser:
            try:
                return await parser.parse_qa(path, name=name, most_rows=most_rows)
            except QaFormatError as error:
                return error.reason
            except DocumentRefusedError as refused:
                return f"refused {refused.outcome}"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_delimited_files_give_their_rows(tmp_path: Path, delimiter: str, encoding: str) -> None:
    content = "\n".join(delimiter.join(row) for row in ROWS).encode(encoding)
    assert await rows_of(tmp_path, "a.csv", content) == (FOUND, 1)


async def test_workbooks_give_the_rows_of_their_first_sheet(tmp_path: Path) -> None:
    sheets = {"问答": ROWS, "other": [["not", "this"]]}
    assert await rows_of(tmp_path, "a.xlsx", new.xlsx(sheets)) == (FOUND, 1)
    assert await rows_of(tmp_path, "a.xls", old.xls(sheets)) == (FOUND, 1)


@pytest.mark.parametrize("head", ["Question,Answer", "问题,答案", "问,答", "Q,A", "QUESTION , answer", "q,A,tag"])
async def test_heads_are_no_rows(tmp_path: Path, head: str) -> None:
    assert await rows_of(tmp_path, "a.csv", f"{head}\n1,2\n") == ([QaRow(2, "1", "2", {})], 0)


async def test_cells_may_hold_lines_quotes_and_delimiters(tmp_path: Path) -> None:
    content = '"a ""b"", c","line one\nline two"\nx,y\n'
    assert await rows_of(tmp_path, "a.csv", content) == (
        [QaRow(1, 'a "b", c', "line one\nline two", {}), QaRow(2, "x", "y", {})],
        0,
    )


async def test_the_first_rows_are_enough_for_a_look(tmp_path: Path) -> None:
    content = "".join(f"q{n},a{n}\n" for n in range(50))
    found = await rows_of(tmp_path, "a.csv", content, most_rows=10)
    assert isinstance(found, tuple)
    assert len(found[0]) == 10


async def test_what_is_no_question_file_says_why(tmp_path: Path) -> None:
    assert await rows_of(tmp_path, "a.csv", "") == "no_rows"
    assert await rows_of(tmp_path, "a.csv", "question,answer\n") == "no_rows"
    assert await rows_of(tmp_path, "a.csv", "only one\ncolumn\n") == "one_column"
    assert await rows_of(tmp_path, "a.pdf", new.pdf(["a,b"])) is None
    assert await rows_of(tmp_path, "a.txt", "a,b\n") is None
    assert await rows_of(tmp_path, "a.csv", b"\0\1\2" * 100) is None
    assert await rows_of(tmp_path, "a.xlsx", new.docx(new.word_paragraph("x"))) is None
    assert await rows_of(tmp_path, "a.xlsx", bad.locked_office()) == "refused encrypted"
    assert await rows_of(tmp_path, "a.xlsx", bad.cut_in_half(new.xlsx({"a": ROWS}))) == "refused damaged"


async def test_rows_of_empty_cells_are_skipped_and_counted_but_blank_lines_are_no_rows(tmp_path: Path) -> None:
    content = ",\nq,a\n,\n\n  ,  \nq1,a1\n,,note\nq2,\n\n"
    assert await rows_of(tmp_path, "a.csv", content) == ([QaRow(6, "q1", "a1", {})], 5)
    assert await rows_of(tmp_path, "a.xlsx", new.xlsx({"a": [["q1", "a1"], ["", ""], ["q2", "a2"]]})) == (
        [QaRow(1, "q1", "a1", {}), QaRow(3, "q2", "a2", {})],
        0,
    )
