"""PDF, by PDFium: text page by page, titles of its outline as headings."""

import re
import unicodedata
from typing import Any, Final

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
from pypdfium2 import raw  # pyright: ignore[reportMissingTypeStubs]

from clary.adapters.parsers.confined.drafting import TextDraft, cleaned, one_line
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_LIBRARY: Final[Any] = pypdfium2
_HYPHEN: Final = re.compile("[\x02\ufffe\xad](?:\r?\n)?")
_RADICALS: Final = re.compile("[\u2e80-\u2fdf]")
_MAX_TITLES: Final = 5_000


def read_pdf(content: bytes, limits: Limits) -> ParsedDocument:
    """The text of every page.

    Raises:
        DocumentRefusedError
    """
    draft = TextDraft(limits)
    try:
        with _LIBRARY.PdfDocument(content) as document:
            if len(document) > limits.max_pages:
                raise DocumentRefusedError("too_large")
            starts = [_add_page(draft, document, index) for index in range(len(document))]
            titles = _titles(document)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        encrypted = code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
        raise DocumentRefusedError("encrypted" if encrypted else "damaged") from None
    _mark_titles(draft, starts, titles)
    return draft.finish()


def _add_page(draft: TextDraft, document: Any, index: int) -> tuple[int, str]:
    try:
        page = document[index]
        try:
            text_page = page.get_textpage()
            text = text_page.get_text_range()
            text_page.close()
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        # One page that cannot be read does not take the others with it.
        text = ""
    text = _RADICALS.sub(_folded, cleaned(_HYPHEN.sub("", text))).strip()
    with draft.page(index + 1):
        start = draft.raw(text + "\n\n") if text else draft.length
    return start, text


def _folded(radical: re.Match[str]) -> str:
    """Fonts spell some characters by the radical that looks the same; nobody searches for that."""
    return unicodedata.normalize("NFKC", radical[0])


def _titles(document: Any) -> list[tuple[int, str, int]]:
    """Level, title and page of the outline's entries."""
    titles: list[tuple[int, str, int]] = []
    try:
        for entry in document.get_toc(max_depth=6):
            target = entry.get_dest()
            page = target.get_index() if target is not None else None
            if page is not None:
                titles.append((entry.level + 1, one_line(entry.get_title()), page))
            if len(titles) >= _MAX_TITLES:
                break
    except (pypdfium2.PdfiumError, ValueError):
        return []
    return titles


def _mark_titles(draft: TextDraft, pages: list[tuple[int, str]], titles: list[tuple[int, str, int]]) -> None:
    """Where a title stands as a line of its page, in order."""
    after = 0
    for level, title, index in titles:
        if not title or not 0 <= index < len(pages):
            continue
        start, text = pages[index]
        words = r"\s+".join(map(re.escape, title.split()))
        found = re.search(rf"(?m)^[^\S\n]*{words}", text[max(0, after - start) :])
        if found:
            after = max(start, after) + found.start()
            draft.mark_heading(level, title, after)
            after += 1
