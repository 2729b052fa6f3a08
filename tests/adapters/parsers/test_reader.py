"""Text out of documents, and what hostile ones come to (product.md 6.2, A23)."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from anyio import fail_after

from clary.adapters.parsers import reader as module
from clary.adapters.parsers.kinds import kind_of
from clary.adapters.parsers.reader import DocumentReader
from clary.features.toolbox.ports import DocumentError, DocumentText

pytestmark = pytest.mark.anyio

CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
BODY = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>{}'
    "</w:t></w:r></w:p></w:body></w:document>"
)


def word(text: str, prefix: str = "") -> bytes:
    """A small Word file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", prefix + BODY.format(text))
    return file.getvalue()


def pdf(text: str) -> bytes:
    """A PDF of one page."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n%b\nendobj\n" % (n, part) for n, part in enumerate(parts, 1))
    return body + b"trailer << /Root 1 0 R /Size 6 >>\n%%EOF"


async def read(content: bytes, kind: str) -> DocumentText | str:
    """The text, or why there is none."""
    with fail_after(60):
        try:
            return await DocumentReader().read(content, kind)
        except DocumentError as error:
            return error.message.en


async def test_documents_of_each_kind_give_their_text() -> None:
    assert await read(pdf("Hello pages"), "pdf") == DocumentText("", "Hello pages")
    assert await read(word("Hello 中文"), "docx") == DocumentText("", "Hello 中文")
    page = "<html><head><title>T: 题</title><script>x()</script></head><body><h1>Hi</h1><p>a <a href='/b'>b</a></body>"
    assert await read(page.encode(), "html") == DocumentText("T: 题", "# Hi\n\na [b](/b)")
    assert await read(b"<hr><p>no head</p>", "html") == DocumentText("", "---\n\nno head")
    assert await read(b"{\\rtf1 rich}", "rtf") == DocumentText("", "rich")


async def test_what_is_damaged_encrypted_or_a_bomb_says_so() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 300_000_000)
    laughs = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 20}'>" for n in range(10)
    )
    canary = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
    assert await read(b"%PDF-1.7 nothing", "pdf") == "The file is damaged or of another format"
    assert await read(b"nothing", "docx") == "The file is damaged or of another format"
    assert await read(b"\xd0\xcf\x11\xe0 encrypted package", "xlsx") == "The file is encrypted"
    assert await read(file.getvalue(), "docx") == "The file holds too much"
    assert await read(b"x", "banana") == "This format is not supported"
    assert "ha" * 1000 not in str(await read(word("&k;", laughs + "]>"), "docx"))
    assert "root:" not in str(await read(word("&e;", canary), "docx"))


CHILD = """
import json, os, resource, socket, sys
sys.path.insert(0, {folder!r})
import child
child._lock_in()
facts = {{"environment": sorted(os.environ), "cwd": os.getcwd()}}
for name in ("DATA", "CPU", "FSIZE"):
    facts[name] = resource.getrlimit(getattr(resource, "RLIMIT_" + name))[0]
try:
    socket.create_connection(("127.0.0.1", {port}), 2)
    facts["network"] = True
except OSError:
    facts["network"] = False
print(json.dumps({{"title": "", "text": json.dumps(facts)}}))
"""


async def test_a_child_has_bounds_and_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARY_SECRET_KEY", "canary")
    script = tmp_path / "script.py"
    script.write_text(CHILD.format(folder=str(Path(module.__file__).parent), port=9))
    monkeypatch.setattr(module, "_CHILD", str(script))
    facts = await read(b"", "html")
    assert isinstance(facts, DocumentText)
    assert '"environment": ["LC_CTYPE"]' in facts.text or '"environment": []' in facts.text
    assert '"DATA": 536870912, "CPU": 30, "FSIZE": 0, "network": false' in facts.text


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("while True: pass", "Reading the file took too long"),
        ("import os, time\nif os.fork() == 0: time.sleep(600)\ntime.sleep(600)", "Reading the file took too long"),
        ("import os; os.abort()", "The file is damaged or of another format"),
        ("print('not json')", "The file is damaged or of another format"),
        ("while True: print('x' * 100000)", "The file is damaged or of another format"),
    ],
)
async def test_a_child_that_misbehaves_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    path = tmp_path / "misbehaving.py"
    path.write_text(script)
    monkeypatch.setattr(module, "_CHILD", str(path))
    with fail_after(30), pytest.raises(DocumentError) as failure:
        await DocumentReader(seconds=2).read(b"x" * 1_000_000, "html")
    assert failure.value.message.en == told
    assert not any(str(path) in line for line in command_lines())


def command_lines() -> list[str]:
    """Of all processes."""
    found: list[str] = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(Path("/proc", pid, "cmdline").read_text(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("中文".encode("gb18030"), "gb18030", "中文"),
        (
            "今天天气很好，我们一起去公园散步，看看花草树木。".encode("gb18030"),
            None,
            "今天天气很好，我们一起去公园散步，看看花草树木。",
        ),
        ("é".encode(), "no-such", "é"),
        ("\ufeffé".encode(), None, "é"),
        ("日本".encode("utf-16"), None, "日本"),
        (b"", None, ""),
        (b"plain", "idna", "plain"),
    ],
)
async def test_text_of_any_charset_is_read(content: bytes, charset: str | None, text: str) -> None:
    assert await DocumentReader().decode(content, charset) == text


def test_kinds_are_known_by_name_and_by_type() -> None:
    names = ("a.PDF", "dir.docx/x", "x.htm", "noending", "a.doc", "x.xlsm")
    assert [kind_of(name=name) for name in names] == ["pdf", None, "html", None, None, "xlsx"]
    assert [kind_of(content_type=each) for each in ("application/pdf", "TEXT/HTML", "image/png", "")] == [
        "pdf",
        "html",
        None,
        None,
    ]
