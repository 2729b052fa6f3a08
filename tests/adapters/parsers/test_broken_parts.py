"""What is wrong in one place of a file costs that place, not the file (product.md 5.5)."""

import io
import struct
import zipfile
from collections.abc import Callable
from functools import partial

import pytest

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.mail import read_eml
from clary.adapters.parsers.confined.outlook import read_msg
from clary.adapters.parsers.confined.reading import read
from clary.features.knowledge.ports import ParsedDocument
from support import sample_compound as old
from support import sample_files as new

GOOD, BAD = b"what the good one says", b"broken"
FILES = {"bad.docx": BAD, "good.txt": GOOD}
MAILS = [
    pytest.param(read_eml, bytes(new.eml("subject", "the body", FILES)), id="eml"),
    pytest.param(read_msg, old.msg("subject", "the body", FILES), id="msg"),
]
SHEET: new.Rows = [["seal", "walrus"]]
NUMBERS = ["²", "①", "９", "𝟙", "٣", "-1", "1" * 5000, "0" * 5000, "4294967296", "½", ""]


class UnforeseenError(Exception):
    """Of a library nobody has read."""


def stumbling(fault: Exception, content: bytes, name: str, limits: Limits, depth: int) -> ParsedDocument:
    """A reader that breaks at one file."""
    if content == BAD:
        raise fault
    return read(content, name, limits, depth)


@pytest.mark.parametrize(("reader", "mail"), MAILS)
@pytest.mark.parametrize(
    "fault",
    [
        *(
            ValueError(),
            KeyError(),
            zipfile.BadZipFile(),
            struct.error(),
            RecursionError(),
            AssertionError(),
            OSError(),
        ),
        UnforeseenError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_an_attachment_that_breaks_its_reader_costs_the_mail_nothing(
    reader: Callable[..., ParsedDocument], mail: bytes, fault: Exception
) -> None:
    document = reader(mail, Limits(), 0, partial(stumbling, fault))

    assert document.metadata["attachments"] == [{"name": "bad.docx", "outcome": "damaged"}]
    assert [span.name for span in document.parts] == ["good.txt"]
    assert "the body" in document.text
    assert GOOD.decode() in document.text


@pytest.mark.parametrize(("reader", "mail"), MAILS)
def test_a_mail_whose_attachment_takes_all_memory_is_given_up(
    reader: Callable[..., ParsedDocument], mail: bytes
) -> None:
    with pytest.raises(MemoryError):
        reader(mail, Limits(), 0, partial(stumbling, MemoryError()))


def test_what_is_wrong_within_an_inner_message_is_listed_beside_the_rest() -> None:
    content = old.msg("subject", "body", {"b.exe": b"MZ\0\0"}, b"inner body", {"a.exe": b"MZ\0\0", "bad.docx": BAD})

    document = read_msg(content, Limits(), 0, partial(stumbling, ValueError()))

    assert document.metadata["attachments"] == [
        {"name": "a.exe", "outcome": "unsupported"},
        {"name": "bad.docx", "outcome": "damaged"},
        {"name": "b.exe", "outcome": "unsupported"},
    ]


def test_a_forwarded_mail_that_cannot_be_written_again_costs_the_mail_nothing() -> None:
    forwarded = b'Content-Type: message/rfc822; name="fwd.eml"\n\nContent-Type: multipart/mixed\n\nfoo \xff\n'
    parts = (b"Content-Type: text/plain\n\nthe body\n", forwarded, b"Content-Type: text/plain\n\nthe end\n")
    head = b'Subject: subject\nContent-Type: multipart/mixed; boundary="b"\n\n'
    content = head + b"".join(b"--b\n" + part for part in parts) + b"--b--\n"

    document = read(content, "a.eml", Limits())

    assert document.metadata["attachments"] == [{"name": "fwd.eml", "outcome": "damaged"}]
    assert "the body" in document.text
    assert "the end" in document.text


def mail_of(body: bytes, kind: str, more: str = "") -> bytes:
    """A mail with this body as it is, and a file."""
    head = 'Subject: subject\nFrom: a@b.example\nContent-Type: multipart/mixed; boundary="b"\n\n'
    parts = (f"Content-Type: {kind}\n{more}\n".encode() + body, b'Content-Type: text/plain; name="a.txt"\n\nkept')
    return head.encode() + b"".join(b"--b\n" + part + b"\n" for part in parts) + b"--b--\n"


@pytest.mark.parametrize("kind", ["text/plain; charset=iso-2022-jp", "text/html; charset=iso-2022-jp"])
def test_a_mail_of_seven_bits_gives_its_text(kind: str) -> None:
    body = "会議は十時です" if "plain" in kind else "<html><meta charset='utf-8'><p>会議は十時です</p></html>"

    assert "\n\n会議は十時です\n" in read(mail_of(body.encode("iso-2022-jp"), kind), "a.eml", Limits()).text


def test_a_page_of_seven_bits_gives_its_text() -> None:
    page = "<html><head><meta charset='iso-2022-jp'></head><body>会議は十時です</body></html>"

    assert read(page.encode("iso-2022-jp"), "a.html", Limits()).text == "会議は十時です"


@pytest.mark.parametrize("kind", ["text/plain; charset=rot13", "text/html; charset=base64"])
def test_a_charset_that_is_none_costs_nothing(kind: str) -> None:
    document = read(mail_of("<p>naïve café</p>".encode("cp1252"), kind), "a.eml", Limits())

    assert "naïve café" in document.text


def test_a_body_that_is_no_text_costs_the_rest_of_the_mail_nothing() -> None:
    document = read(mail_of(bytes(range(256)) * 20, "text/html"), "a.eml", Limits())

    assert "Subject: subject" in document.text
    assert [span.name for span in document.parts] == ["a.txt"]
    content = old.msg("subject", "", {"good.txt": GOOD}, page=b"\0\1\2\3" * 50)
    document = read(content, "a.msg", Limits())
    assert "Subject: subject" in document.text
    assert [span.name for span in document.parts] == ["good.txt"]


def changed(archive: bytes, old_text: str, new_text: str) -> bytes:
    """The same archive with another text in its files."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    assert any(old_text.encode() in content for content in entries.values())
    replaced = {name: content.replace(old_text.encode(), new_text.encode()) for name, content in entries.items()}
    return new.zipped(replaced, stored=["mimetype"])


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:10])
def test_what_is_no_number_where_one_should_be_costs_no_text(number: str) -> None:
    outline = '<w:pPr><w:outlineLvl w:val="LEVEL"/></w:pPr>'
    styled = changed(
        new.docx(new.word_paragraph("walrus", "2")), '<w:name w:val="标题 2"/>', f'<w:name w:val="x"/>{outline}'
    )
    named = changed(new.docx(new.word_paragraph("walrus", "2")), "标题 2", "标题 LEVEL")
    text = new.odt("walrus", "heron SPACE", [["seal"]])
    files = {
        "a.docx": changed(styled, "LEVEL", number),
        "b.docx": changed(named, "LEVEL", number),
        "a.odt": changed(text, 'outline-level="1"', f'outline-level="{number}"'),
        "b.odt": changed(text, "SPACE", f'walrus<text:s text:c="{number}"/>'),
        "c.odt": changed(text, "<table:table-cell>", f'<table:table-cell table:number-columns-repeated="{number}">'),
        "a.xlsx": changed(new.xlsx({"one": [["walrus", 1.0]]}), '<row r="1">', f'<row r="{number}">'),
        "b.xlsx": changed(new.xlsx({"one": SHEET}), "<v>0</v>", f"<v>{number}</v>"),
    }

    texts = {name: read(content, name, Limits()).text for name, content in files.items()}

    assert {name: "walrus" in found for name, found in texts.items()} == dict.fromkeys(files, True)
