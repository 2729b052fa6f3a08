"""What documents of each kind become for knowledge bases (product.md 5.5)."""

from pathlib import Path

import pytest
from anyio import fail_after

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.knowledge import KnowledgeParser
from clary.features.knowledge.policy.cutting import cut
from clary.features.knowledge.ports import DocumentRefusedError, Heading, ParsedDocument, Span
from support import sample_compound as old
from support import sample_files as new
from support import sample_hostile as bad

pytestmark = pytest.mark.anyio

ROWS = [["名称", "Value"], ["苹果", "1|2"], ["pear", 3.5]]
TABLE = "| 名称 | Value |\n| --- | --- |\n| 苹果 | 1\\|2 |\n| pear | 3.5 |"


async def parsed(folder: Path, name: str, content: bytes | str, limits: Limits | None = None) -> ParsedDocument:
    """A document out of a file."""
    path = folder / "original"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with fail_after(100):
        async with KnowledgeParser(limits) as parser:
            return await parser.parse(path, name=name)


async def refused(folder: Path, name: str, content: bytes | str, limits: Limits | None = None) -> str:
    """Why a file gives no text."""
    with pytest.raises(DocumentRefusedError) as caught:
        await parsed(folder, name, content, limits)
    return caught.value.outcome


def tables_of(document: ParsedDocument) -> list[tuple[str, str]]:
    """Header and whole of each table."""
    return [(document.text[t.start : t.header_end], document.text[t.start : t.end].rstrip()) for t in document.tables]


async def test_word_files_give_headings_tables_and_notes(tmp_path: Path) -> None:
    notes = f'<w:footnotes xmlns:w="{new._WORD}"><w:footnote>{new.word_paragraph("脚注")}</w:footnote></w:footnotes>'
    hidden = "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    content = new.docx(
        new.word_paragraph("手册", "Heading1"),
        new.word_paragraph("安装", "2"),
        new.word_paragraph("运行 it."),
        new.word_table(ROWS),
        hidden,
        extra={"word/footnotes.xml": notes},
    )
    document = await parsed(tmp_path, "a.docx", content)
    assert document.text == f"手册\n\n安装\n\n运行 it.\n\n{TABLE}\n\nkept\n\n脚注"
    assert document.headings == (Heading(1, "手册", 0), Heading(2, "安装", 4))
    assert tables_of(document) == [("| 名称 | Value |\n| --- | --- |\n", TABLE)]


async def test_slides_are_pages_with_their_titles(tmp_path: Path) -> None:
    slides = [("标题", "内容"), ("", "no title\nmore"), ("Three", "end")]
    document = await parsed(tmp_path, "a.pptx", new.pptx(slides, notes="备注"))
    assert document.text == "标题\n\n内容\n\n备注\n\nno title\nmore\n\nThree\n\nend"
    assert [document.text[page.start : page.end].split("\n")[0] for page in document.pages] == [
        "标题",
        "no title",
        "Three",
    ]
    assert [heading.title for heading in document.headings] == ["标题", "no title", "Three"]
    for name, content in (
        ("a.odp", new.odp(slides)),
        ("a.ppt", old.ppt([("标题", "内容"), ("二", "x"), ("Three", "end")])),
    ):
        document = await parsed(tmp_path, name, content)
        assert [page.name for page in document.pages] == ["1", "2", "3"]
        assert document.headings[2].title == "Three"


async def test_sheets_are_pages_and_parts_with_values_as_people_see_them(tmp_path: Path) -> None:
    document = await parsed(
        tmp_path,
        "a.xlsx",
        new.xlsx({"数据": [["名称", "日期", "n"], ["苹果", 45000.5, 0.1]], "Sheet2": [["a"], ["b"]]}),
    )
    assert document.text == (
        "数据\n\n| 名称 | 日期 | n |\n| --- | --- | --- |\n| 苹果 | 2023-03-15 12:00:00 | 0.1 |\n\n"
        "Sheet2\n\n| a |\n| --- |\n| b |"
    )
    assert [span.name for span in document.parts] == ["数据", "Sheet2"]
    assert [span.name for span in document.pages] == ["1", "2"]
    for name, content in (
        ("a.xls", old.xls({"数据": ROWS, "Two": [["x"]]})),
        ("a.ods", new.ods({"数据": ROWS, "Two": [["x"]]})),
    ):
        document = await parsed(tmp_path, name, content)
        assert document.text.startswith(f"数据\n\n{TABLE}\n\nTwo\n\n| x |")
        assert [span.name for span in document.parts] == ["数据", "Two"]


async def test_pdf_pages_keep_their_places_and_outlines_are_headings(tmp_path: Path) -> None:
    content = new.pdf(["Hello (world)\n第一页中文内容", "Second page\n第二页"], titles=["Hello (world)", "第二页"])
    document = await parsed(tmp_path, "a.pdf", content)
    assert document.text == "Hello (world)\n第一页中文内容\n\nSecond page\n第二页"
    assert document.pages == (Span("1", 0, 23), Span("2", 23, 38))
    assert document.headings == (Heading(1, "Hello (world)", 0), Heading(1, "第二页", 35))


async def test_old_word_files_give_their_text_and_no_codes(tmp_path: Path) -> None:
    content = old.doc(
        [
            "标题：年度报告\r第一段中文。\r",
            b'English caf\xe9 \x13 HYPERLINK "http://x" \x14link\x15 after\r',
            "姓名\x07年龄\x07\x07张三\x0730\x07\x07结尾\x02。\r",
        ],
        first_property=b"\x01\x04\x00abcd",
    )
    document = await parsed(tmp_path, "a.doc", content)
    assert document.text == (
        "标题：年度报告\n\n第一段中文。\n\nEnglish café link after\n\n"
        "| 姓名 | 年龄 |\n| --- | --- |\n| 张三 | 30 |\n\n结尾。"
    )
    assert await refused(tmp_path, "a.doc", old.doc(["x\r"], flags=0x100)) == "encrypted"
    assert (await parsed(tmp_path, "a.doc", old.word_95("第一段。\r第二段。"))).text == "第一段。\n\n第二段。"


async def test_pages_of_the_web_lose_scripts_and_navigation(tmp_path: Path) -> None:
    page = (
        "<!DOCTYPE html><html><head><meta charset='gb2312'><title>页面</title><style>x{}</style></head><body>"
        "<nav>menu</nav><h2>大标题</h2><p>a <b>b</b> c&amp;d<script>evil()</script></p><ul><li>one<li>two</ul>"
        "<table><tr><th>A<th>B<tr><td>1<td>2</table><pre>x\n  y</pre><div hidden>hid</div></body></html>"
    )
    document = await parsed(tmp_path, "a.html", page.encode("gbk"))
    assert document.text == (
        "页面\n\n大标题\n\na b c&d\n\n- one\n\n- two\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\nx\n  y"
    )
    assert document.headings == (Heading(2, "大标题", 4),)
    assert document.metadata == {"encoding": "gb18030", "title": "页面"}
    assert (await parsed(tmp_path, "a.html", "<html><nav>only a menu</nav></html>")).text == "only a menu"


async def test_mails_hold_their_attachments_as_parts_and_list_those_without_text(tmp_path: Path) -> None:
    deepest = new.eml("deepest", "too deep", {"not.txt": b"reached"})
    inner = new.eml("inner", "inner body", {"deep.txt": "深处".encode(), "deepest.eml": deepest})
    mail = new.eml(
        "主题", "正文\n", {"a.docx": new.docx(new.word_paragraph("附件文字")), "x.exe": b"MZ\0\0", "fwd.eml": inner}
    )
    document = await parsed(tmp_path, "a.eml", bytes(mail))
    parts = {span.name: document.text[span.start : span.end].strip() for span in document.parts}
    assert document.text.startswith("主题\n\nSubject: 主题\nFrom: 张三 <zhang@example.com>\nTo: li@example.com\n")
    assert list(parts) == ["a.docx", "fwd.eml", "fwd.eml/deep.txt", "fwd.eml/deepest.eml"]
    assert parts["a.docx"] == "a.docx\n\n附件文字"
    assert parts["fwd.eml/deep.txt"] == "deep.txt\n\n深处"
    assert "too deep" in parts["fwd.eml/deepest.eml"]
    assert "reached" not in document.text
    assert document.metadata["attachments"] == [
        {"name": "x.exe", "outcome": "unsupported"},
        {"name": "not.txt", "outcome": "too_large"},
    ]
    many = new.eml("many", "body", {f"{n}.txt": b"text" for n in range(60)})
    document = await parsed(tmp_path, "a.eml", bytes(many))
    assert len(document.parts) == 50
    assert [entry["name"] for entry in document.metadata["attachments"]] == [f"{n}.txt" for n in range(50, 60)]


async def test_outlook_messages_are_mails(tmp_path: Path) -> None:
    content = old.msg("主题", "正文", {"a.txt": "附件".encode(), "c.exe": b"MZ\0\0"}, "内部正文".encode())
    document = await parsed(tmp_path, "a.msg", content)
    assert document.text.startswith("主题\n\nSubject: 主题\nFrom: 张三 <zhang@example.com>\nTo: 李四\n\n正文")
    assert [span.name for span in document.parts] == ["inner", "a.txt"]
    assert "内部正文" in document.text
    assert document.metadata["attachments"] == [{"name": "c.exe", "outcome": "unsupported"}]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("你好，世界。", "gb18030"),
        ("测试", "gb18030"),
        ("退货流程", "gbk"),
        ("您好，請問如何付款？", "big5"),
        ("測試檔案", "big5"),
        ("これはテストです。", "shift_jis"),
        ("Le café est fermé à midi.", "latin-1"),
        ("说明", "utf-16"),
        ("plain text, 中文", "utf-16-le"),
        ("混合 mixed 文本。" * 9000, "gb18030"),
    ],
)
async def test_encodings_are_found_in_short_texts_too(tmp_path: Path, text: str, encoding: str) -> None:
    assert (await parsed(tmp_path, "a.txt", text.encode(encoding))).text == text


async def test_letters_in_json_are_themselves(tmp_path: Path) -> None:
    content = r'{"a": "\u4f60\u597d \ud83d\ude42 \u0022 \\u4f60"}'
    assert (await parsed(tmp_path, "a.json", content)).text == r'{"a": "你好 🙂 \u0022 \\u4f60"}'


async def test_markdown_knows_what_is_code(tmp_path: Path) -> None:
    text = "---\ntitle: x\n---\n# One #\n\n```\n# no heading\n```\n\nTwo\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    document = await parsed(tmp_path, "a.md", text)
    assert document.text == text.rstrip()
    assert document.headings == (Heading(1, "One", 17), Heading(2, "Two", text.index("Two")))
    assert tables_of(document) == [("| a | b |\n|---|---|\n", "| a | b |\n|---|---|\n| 1 | 2 |")]


async def test_limits_make_a_file_too_large(tmp_path: Path) -> None:
    assert await refused(tmp_path, "a.txt", "x" * 20_000, Limits(max_chars=10_000)) == "too_large"
    assert await refused(tmp_path, "a.pdf", new.pdf(["a", "b", "c"]), Limits(max_pages=2)) == "too_large"
    assert await refused(tmp_path, "a.docx", bad.zip_bomb(20)) == "too_large"
    slow = new.pdf(["word " * 2000] * 400)
    assert await refused(tmp_path, "a.pdf", slow, Limits(seconds=0.01)) == "too_large"
    assert await refused(tmp_path, "a.pdf", bad.pdf_bomb(300)) == "too_large"


async def test_a_long_table_repeats_its_header_within_reach_of_every_row(tmp_path: Path) -> None:
    rows = "\n".join(f"specimen{number},moor {number},collected by a volunteer" for number in range(200))
    document = await parsed(tmp_path, "t.csv", f"specimen,habitat,collector\n{rows}\n")
    pieces = cut(document, target_chars=800, overlap_chars=100)
    assert len(document.tables) > 5
    assert all("habitat" in piece.text for piece in pieces)
    assert all(piece.text == document.text[piece.start : piece.end] for piece in pieces)


async def test_pictures_in_rich_text_are_no_words(tmp_path: Path) -> None:
    picture = r"{\pict\pngblip\picw1\pich1 89504e470d0a1a0a0000000d49484452}"
    pair = r"{\*\shppict" + picture + r"}{\nonshppict" + picture + "}"
    assert await refused(tmp_path, "a.rtf", r"{\rtf1\ansi" + picture + "}") == "empty"
    assert await refused(tmp_path, "a.rtf", r"{\rtf1\ansi" + pair + "}") == "empty"
    mixed = await parsed(tmp_path, "a.rtf", r"{\rtf1\ansi hello\par " + pair + r" [Image: image]\par end\par}")
    assert mixed.text == "hello\n\n[Image: image]\n\nend"
