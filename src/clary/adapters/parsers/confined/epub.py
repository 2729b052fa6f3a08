"""EPUB books: chapters in reading order."""

from typing import Final
from urllib.parse import unquote

from clary.adapters.parsers.confined.archives import Archive, resolved, tag_of
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.html_page import add_html, html_text
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_PAGES: Final = ("application/xhtml+xml", "text/html")


def read_epub(content: bytes, limits: Limits) -> ParsedDocument:
    """The chapters. A book has no pages; its headings say where one is."""
    archive = Archive(content, limits)
    package = next((e.get("full-path", "") for e in archive.tree(_CONTAINER).iter() if tag_of(e) == "rootfile"), "")
    tree = archive.tree(package)
    folder = package.rpartition("/")[0]
    items = {
        item.get("id", ""): resolved(folder, unquote(item.get("href", "")))
        for item in tree.iter()
        if tag_of(item) == "item" and item.get("media-type") in _PAGES and "nav" not in item.get("properties", "")
    }
    order = [items[e.get("idref", "")] for e in tree.iter() if tag_of(e) == "itemref" and e.get("idref") in items]
    if _is_locked(archive, order):
        raise DocumentRefusedError("encrypted")
    draft = TextDraft(limits)
    title = next((element.text or "" for element in tree.iter() if tag_of(element) == "title"), "")
    draft.paragraph(title)
    before = draft.length
    for path in dict.fromkeys(order):
        if path in archive.names:
            add_html(draft, html_text(archive.read(path))[0], has_title=False)
    if draft.length == before:
        raise DocumentRefusedError("empty" if order else "damaged")
    return draft.finish()


def _is_locked(archive: Archive, chapters: list[str]) -> bool:
    """Fonts may be scrambled in an open book."""
    if _ENCRYPTION not in archive.names:
        return False
    locked = {unquote(e.get("URI", "")) for e in archive.tree(_ENCRYPTION).iter() if tag_of(e) == "CipherReference"}
    return any(chapter in locked for chapter in chapters)
