"""HTML: what a reader would see of a page, without its scripts and its navigation."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

from clary.adapters.parsers.confined.decoding import decoded
from clary.adapters.parsers.confined.drafting import TextDraft, cleaned, one_line
from clary.adapters.parsers.confined.html_nesting import OpenElements
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_SKIPPED_NAMES: Final = (
    "script style noscript template svg math iframe object embed canvas nav select datalist dialog audio video map"
)
_SKIPPED: Final = frozenset(_SKIPPED_NAMES.split())
_BLOCKS_NAMES: Final = (
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer "
    "form header hr html li main ol p pre section summary table ul option legend caption"
)
_BLOCKS: Final = frozenset(_BLOCKS_NAMES.split())
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_VOID_NAMES: Final = "area base br col embed hr img input link meta param source track wbr"
_VOID: Final = frozenset(_VOID_NAMES.split())
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,30})""", re.I)
_XML_ENCODING: Final = re.compile(rb"""<\?xml[^>]{0,100}encoding\s*=\s*["']([\w-]{2,30})""", re.I)
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_UNCLOSED: Final = re.compile(r"<(?=[A-Za-z/][^<>\"']*+<)|<(?=!-[^-])")
"""A tag that never ends; the parser would look for its end again and again."""
_LOOKED_AT: Final = 4096
_LONG_CELL: Final = 1000
_MAX_DEPTH: Final = 1000
_ALIASES: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "iso-8859-1": "cp1252",
}


def read_html(content: bytes, limits: Limits) -> ParsedDocument:
    """The page; its title is its first line, unless a heading says the same."""
    draft = TextDraft(limits)
    source, encoding = html_text(content)
    draft.metadata["encoding"] = encoding
    add_html(draft, source)
    return draft.finish()


def html_text(content: bytes, declared: str | None = None) -> tuple[str, str]:
    """The source as text.

    Raises:
        DocumentRefusedError: `unsupported`, if it is no text.
    """
    head = content[:_LOOKED_AT]
    said = _CHARSET.search(head) or _XML_ENCODING.search(head)
    names = [name.lower() for name in (said[1].decode("ascii", "replace") if said else "", declared or "")]
    found = decoded(content, *(_ALIASES.get(name, name) for name in names))
    if found is None:
        raise DocumentRefusedError("unsupported")
    return found.text, found.encoding


def add_page(draft: TextDraft, content: bytes, declared: str | None = None) -> None:
    """Adds the page that is the body of a mail; bytes that are no text add nothing, as in a plain body."""
    try:
        source, _ = html_text(content, declared)
    except DocumentRefusedError:
        return
    add_html(draft, source, has_title=False)


def add_html(draft: TextDraft, source: str, *, has_title: bool = True) -> None:
    """Adds what the page says. A page that is all navigation is taken whole rather than not at all."""
    before = draft.length
    for skipped in (_SKIPPED, _SKIPPED - {"nav"}):
        page = _Page(draft, skipped, has_title=has_title)
        page.feed(_UNCLOSED.sub("&lt;", source))
        page.close()
        page.finish()
        if draft.length > before:
            return


class _Page(HTMLParser):
    """Turns tags into blocks of a draft."""

    def __init__(self, draft: TextDraft, skipped: frozenset[str], *, has_title: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._draft = draft
        self._skipped_tags = skipped
        self._has_title = has_title
        self._text: list[str] = []
        self._open = OpenElements()
        self._heading: int | None = None
        self._is_title = False
        self._title: list[str] = []
        self._pre = 0
        self._tables: list[_HtmlTable] = []
        self._item = ""

    # ---- The parser's side

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.begin(tag, is_hidden=tag in self._skipped_tags or self._is_hidden(tag, dict(attrs)))
        if self._open.is_hidden:
            return
        if tag == "title":
            self._is_title = True
        elif tag == "br":
            self._text.append("\n")
        elif tag == "img":
            self._text.append(dict(attrs).get("alt") or "")
        elif tag in _HEADINGS:
            self.flush()
            self._heading = _HEADINGS[tag]
        elif tag in ("table", "tr", "td", "th"):
            self._table_tag(tag)
        elif tag in _BLOCKS:
            self.flush()
            self._item = "- " if tag == "li" else ""
            self._pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if not self._open.end(tag):
            return
        if tag == "title":
            self._is_title = False
        elif tag == "head":
            self._add_title()
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.flush()
            self._heading = None if tag in _HEADINGS else self._heading
            self._pre -= tag == "pre" and self._pre > 0
            if tag == "table" and self._tables:
                self._end_table()

    def handle_data(self, data: str) -> None:
        if self._is_title:
            self._title.append(data)
        elif not self._open.is_hidden:
            self._text.append(data if self._pre else data.replace("\n", " "))

    # ---- The draft's side

    def finish(self) -> None:
        """Ends the page: tables that nobody has ended as well."""
        self.flush()
        while self._tables:
            self._end_table()

    def flush(self) -> None:
        """Ends a block."""
        text = "".join(self._text)
        self._text.clear()
        if not text.strip():
            return
        self._add_title()
        text = cleaned(text) if self._pre else "\n".join(map(one_line, text.split("\n"))).strip()
        if self._tables:
            self._tables[-1].add(text)
        elif self._heading:
            self._draft.heading(self._heading, text)
        else:
            self._draft.paragraph(self._item + text)
            self._item = ""

    def _add_title(self) -> None:
        title = one_line("".join(self._title))
        if title and self._has_title:
            self._has_title = False
            self._draft.metadata.setdefault("title", title[:500])
            self._draft.paragraph(title)

    def _is_hidden(self, tag: str, attributes: dict[str, str | None]) -> bool:
        if tag in ("html", "body", "main"):
            return False
        return (
            attributes.get("role") == "navigation"
            or "hidden" in attributes
            or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))
        )

    def _table_tag(self, tag: str) -> None:
        self.flush()
        if tag == "table":
            if len(self._tables) < _MAX_DEPTH:
                self._tables.append(_HtmlTable())
        elif self._tables:
            self._tables[-1].begin(is_row=tag == "tr")

    def _end_table(self) -> None:
        table = self._tables.pop()
        if self._tables:
            self._tables[-1].add(" ".join(" ".join(row) for row in table.rows))
        elif table.is_layout():
            for row in table.rows:
                for cell in row:
                    self._draft.paragraph(cell)
        else:
            self._draft.table(table.rows)


class _HtmlTable:
    """Rows of cells as they come in."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []

    def begin(self, *, is_row: bool) -> None:
        if is_row or not self.rows:
            self.rows.append([])
        if not is_row:
            self.rows[-1].append("")

    def add(self, text: str) -> None:
        if not self.rows or not self.rows[-1]:
            self.begin(is_row=False)
        cell = self.rows[-1][-1]
        self.rows[-1][-1] = f"{cell}\n{text}" if cell else text

    def is_layout(self) -> bool:
        """Old pages put everything into tables; those have one column, or whole texts in a cell."""
        cells: Sequence[str] = [cell for row in self.rows for cell in row]
        return max(map(len, self.rows), default=0) < 2 or any(len(cell) > _LONG_CELL for cell in cells)
