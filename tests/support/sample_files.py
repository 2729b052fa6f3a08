"""Small files of every format, written by hand so that tests know each byte. `text` is what a person would see."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Final
from xml.sax.saxutils import escape

Rows = Sequence[Sequence[str | float]]
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE: Final = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAW: Final = "http://schemas.openxmlformats.org/drawingml/2006/main"
_OASIS: Final = "urn:oasis:names:tc:opendocument:xmlns"


def zipped(entries: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    """A ZIP file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            how = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=how)
    return file.getvalue()


def _types(**parts: str) -> str:
    overrides = "".join(
        f'<Override PartName="/{name.replace("__", "/")}.xml" ContentType="application/vnd.openxmlformats-'
        f'officedocument.{kind}+xml"/>'
        for name, kind in parts.items()
    )
    return (
        f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>'
    )


def _relations(*targets: tuple[str, str]) -> str:
    entries = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'{_HEAD}<Relationships xmlns="{space}">{entries}</Relationships>'


def word_paragraph(text: str, style: str = "") -> str:
    """A paragraph of Word."""
    mark = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{mark}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def word_table(rows: Rows) -> str:
    """A table of Word."""
    lines = (
        "<w:tr>" + "".join(f"<w:tc>{word_paragraph(str(cell))}</w:tc>" for cell in row) + "</w:tr>" for row in rows
    )
    return f"<w:tbl>{''.join(lines)}</w:tbl>"


def docx(*blocks: str, before: str = "", extra: Mapping[str, str | bytes] | None = None) -> bytes:
    """A Word file of blocks of XML; `Heading1` and `2` are styles, `2` in Chinese."""
    body = "".join(blocks)
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in (("Heading1", "heading 1"), ("2", "标题 2"))
    )
    return zipped(
        {
            "[Content_Types].xml": _types(word__document="wordprocessingml.document.main"),
            "_rels/.rels": _relations(("officeDocument", "word/document.xml")),
            "word/styles.xml": f'{_HEAD}<w:styles xmlns:w="{_WORD}">{styles}</w:styles>',
            "word/document.xml": f'{_HEAD}{before}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>',
            **(extra or {}),
        }
    )


def pptx(slides: Sequence[tuple[str, str]], *, notes: str = "") -> bytes:
    """A PowerPoint file: title and text of each slide, and notes on the first."""
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": _types(ppt__presentation="presentationml.presentation.main"),
        "_rels/.rels": _relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/_rels/presentation.xml.rels": _relations(
            *(("slide", f"slides/slide{n}.xml") for n in range(1, len(slides) + 1))
        ),
        "ppt/presentation.xml": f'{_HEAD}<p:presentation xmlns:p="{_SLIDE}" xmlns:r="{_OFFICE}"><p:sldIdLst>'
        + "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in range(1, len(slides) + 1))
        + "</p:sldIdLst></p:presentation>",
    }
    for number, (title, text) in enumerate(slides, 1):
        files[f"ppt/slides/slide{number}.xml"] = _shapes("sld", ("body", text), ("title", title))
    if notes:
        files["ppt/slides/_rels/slide1.xml.rels"] = _relations(("notesSlide", "../notesSlides/notesSlide1.xml"))
        files["ppt/notesSlides/notesSlide1.xml"] = _shapes("notes", ("body", notes))
    return zipped(files)


def _shapes(root: str, *shapes: tuple[str, str]) -> str:
    body = "".join(
        f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r>'
        f"<a:t>{escape(text)}</a:t></a:r></a:p></p:txBody></p:sp>"
        for kind, text in shapes
    )
    tree = f"<p:cSld><p:spTree>{body}</p:spTree></p:cSld>"
    return f'{_HEAD}<p:{root} xmlns:p="{_SLIDE}" xmlns:a="{_DRAW}">{tree}</p:{root}>'


def xlsx(sheets: Mapping[str, Rows]) -> bytes:
    """An Excel file; texts are shared, numbers in a row called `date` have a style of dates."""
    strings: list[str] = []
    files: dict[str, str | bytes] = {}
    for number, rows in enumerate(sheets.values(), 1):
        lines = "".join(
            f'<row r="{r}">' + "".join(_cell(r, c, cell, strings) for c, cell in enumerate(row)) + "</row>"
            for r, row in enumerate(rows, 1)
        )
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f'{_HEAD}<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>'
        )
    names = "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1))
    names = f"<sheets>{names}</sheets>"
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    items = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
    return zipped(
        {
            "[Content_Types].xml": _types(xl__workbook="spreadsheetml.sheet.main"),
            "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}">{names}</workbook>',
            "xl/_rels/workbook.xml.rels": _relations(
                *(("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1))
            ),
            "xl/sharedStrings.xml": f'{_HEAD}<sst xmlns="{_SHEET}">{items}</sst>',
            "xl/styles.xml": f'{_HEAD}<styleSheet xmlns="{_SHEET}">{styles}</styleSheet>',
            **files,
        }
    )


def _cell(row: int, column: int, value: str | float, strings: list[str]) -> str:
    place = f"{chr(65 + column)}{row}"
    if isinstance(value, str):
        if not value:
            return ""
        strings.append(value)
        return f'<c r="{place}" t="s"><v>{len(strings) - 1}</v></c>'
    style = ' s="1"' if isinstance(value, float) and value > 40_000 else ""
    return f'<c r="{place}"{style}><v>{value!r}</v></c>'


def _open(kind: str, body: str, extra: Mapping[str, str | bytes] | None = None) -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="{_OASIS}:{name if name != "draw" else "drawing"}:1.0"'
        for name in ("office", "text", "table", "draw", "presentation")
    )
    mime = f"application/vnd.oasis.opendocument.{kind}"
    body = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    content = f"<office:document-content {spaces}>{body}</office:document-content>"
    return zipped({"mimetype": mime, "content.xml": _HEAD + content, **(extra or {})}, stored=["mimetype"])


def _open_table(name: str, rows: Rows) -> str:
    lines = (
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{escape(str(cell))}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    return f'<table:table table:name="{escape(name)}">{"".join(lines)}</table:table>'


def odt(title: str, text: str, rows: Rows, extra: Mapping[str, str | bytes] | None = None) -> bytes:
    """A text with a heading and a table."""
    return _open(
        "text",
        f'<text:h text:outline-level="1">{escape(title)}</text:h><text:p>{escape(text)}</text:p>'
        + _open_table("t", rows),
        extra,
    )


def ods(sheets: Mapping[str, Rows]) -> bytes:
    """Sheets."""
    return _open("spreadsheet", "".join(_open_table(name, rows) for name, rows in sheets.items()))


def odp(slides: Sequence[tuple[str, str]]) -> bytes:
    """Slides with title and text."""
    return _open(
        "presentation",
        "".join(
            f'<draw:page draw:name="p"><draw:frame presentation:class="title"><draw:text-box><text:p>{escape(title)}'
            f"</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box><text:p>{escape(text)}</text:p>"
            "</draw:text-box></draw:frame></draw:page>"
            for title, text in slides
        ),
    )


def epub(title: str, chapters: Sequence[tuple[str, str]], extra: Mapping[str, str | bytes] | None = None) -> bytes:
    """A book of chapters."""
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    spine = f"<manifest>{items}</manifest><spine>{order}</spine>"
    root = '<rootfile full-path="OEBPS/book.opf"/>'
    before = f"{_HEAD}<!DOCTYPE html><html><head><title>x</title></head>"
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": f"<container><rootfiles>{root}</rootfiles></container>",
            "OEBPS/book.opf": f"<package><metadata><title>{escape(title)}</title></metadata>{spine}</package>",
            **{
                f"OEBPS/c{n}.xhtml": f"{before}<body><h1>{escape(head)}</h1><p>{escape(text)}</p></body></html>"
                for n, (head, text) in enumerate(chapters)
            },
            **(extra or {}),
        },
        stored=["mimetype"],
    )


def pdf(
    pages: Sequence[str], *, titles: Sequence[str] = (), encrypt: str = "", catalog: str = "", count: int | None = None
) -> bytes:
    """A PDF with a line of text per line; Chinese in a font that is not embedded. `titles` make an outline."""
    parts: list[bytes] = [b"", b""]
    kids: list[int] = []

    def add(part: bytes) -> int:
        parts.append(part)
        return len(parts)

    latin = add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    wide = add(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [<<"
        b" /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe)"
        b" /Ordering (GB1) /Supplement 2 >>"
        b" /FontDescriptor << /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox"
        b" [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >> >>] >>"
    )
    for page in pages:
        lines = [
            f"/F1 12 Tf ({line.translate(_PDF_SIGNS)}) Tj 0 -16 Td"
            if line.isascii()
            else f"/F2 12 Tf <{line.encode('utf-16-be').hex()}> Tj 0 -16 Td"
            for line in page.split("\n")
        ]
        stream = f"BT 72 760 Td {' '.join(lines)} ET".encode()
        content = add(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
        kids.append(
            add(
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font <<"
                b" /F1 %d 0 R /F2 %d 0 R >> >> >>" % (content, latin, wide)
            )
        )
    outline = b""
    if titles:
        first = len(parts) + 2
        for n, title in enumerate(titles):
            following = f"/Next {first + n} 0 R" if n + 1 < len(titles) else ""
            target = f"/Parent {first - 1 + len(titles)} 0 R /Dest [{kids[n]} 0 R /Fit] {following}"
            add(f"<< /Title <feff{title.encode('utf-16-be').hex()}> {target} >>".encode())
        root = add(f"<< /Type /Outlines /First {first - 1} 0 R /Last {first - 2 + len(titles)} 0 R >>".encode())
        outline = b"/Outlines %d 0 R" % root
    references = b" ".join(b"%d 0 R" % kid for kid in kids)
    parts[0] = b"<< /Type /Catalog /Pages 2 0 R %b %b >>" % (outline, catalog.encode())
    parts[1] = b"<< /Type /Pages /Kids [%b] /Count %d >>" % (references, len(kids) if count is None else count)
    return pdf_of(parts, trailer=encrypt)


_PDF_SIGNS: Final = str.maketrans({"(": r"\(", ")": r"\)", "\\": r"\\"})


def scan(png: bytes) -> bytes:
    """A PDF of one page that holds nothing but a grey picture without interlacing."""
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    start = png.index(b"IDAT") + 4
    data = png[start : start + int.from_bytes(png[start - 8 : start - 4], "big")]
    paint = b"q 612 0 0 792 0 0 cm /I Do Q"
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /XObject << /I 5 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%b\nendstream" % (len(paint), paint),
            b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
            b" /Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns %d >> /Length %d >>\nstream\n%b\nendstream"
            % (width, height, width, len(data), data),
        ]
    )


def pdf_of(parts: Sequence[bytes], *, trailer: str = "") -> bytes:
    """A PDF of numbered objects; the first is the catalog."""
    pieces, places = [b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"], list[int]()
    length = len(pieces[0])
    for number, part in enumerate(parts, 1):
        places.append(length)
        pieces.append(b"%d 0 obj\n%b\nendobj\n" % (number, part))
        length += len(pieces[-1])
    body = b"".join(pieces)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1) + b"".join(b"%010d 00000 n \n" % p for p in places)
    return (
        body
        + table
        + f"trailer << /Root 1 0 R /Size {len(parts) + 1} {trailer} >>\nstartxref\n{len(body)}\n%%EOF".encode()
    )


def rtf(*paragraphs: str) -> bytes:
    """Rich text; what is not ASCII as Unicode escapes."""
    lines = ("".join(c if c.isascii() else rf"\u{ord(c)}?" for c in text) for text in paragraphs)
    return (r"{\rtf1\ansi\ansicpg936{\fonttbl{\f0 Arial;}}" + r"\par ".join(lines) + r"\par}").encode()


def eml(
    subject: str, body: str, attachments: Mapping[str, bytes | EmailMessage] | None = None, page: str = ""
) -> EmailMessage:
    """A mail."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "张三 <zhang@example.com>", "li@example.com"
    mail["Date"] = "Mon, 02 Nov 2026 10:00:00 +0800"
    mail["Message-ID"] = "<1@example.com>"
    mail.set_content(body)
    if page:
        mail.add_alternative(page, subtype="html")
    for name, content in (attachments or {}).items():
        if isinstance(content, EmailMessage):
            mail.add_attachment(content, filename=name)
        else:
            mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail
