"""Numbers of the passages that models were given, and the markers in answers that name them (product.md 5.10)."""

import re
from collections.abc import Sequence
from typing import Final

from clary.db.database import Database
from clary.features.conversations.policy import ANSWER_TYPES, CitedPassage, NewMessage, text_of
from clary.features.conversations.repository.citations import CitationRepository

_MARKER: Final = re.compile(r"\[([1-9]\d{0,8})\]", re.ASCII)
_FENCE: Final = re.compile(r" {0,3}(?:> ?)*(?:[-*+] +|\d{1,9}[.)] +)* *(`{3,}|~{3,})([^\n]*)")
_QUOTES: Final = re.compile(r"(?: {0,3}> ?)*+")
_ITEM: Final = re.compile(r" *(?:[-*+]|\d{1,9}[.)])(?: {1,4}(?=\S)|(?= |$))")
_HEADING: Final = re.compile(r" *#{1,6}(?: |$)")
_CODE_INDENT: Final = 4
_TICKS: Final = re.compile(r"`+")
MAX_TITLE: Final = 255


class SourceBook:
    """Gives numbers: unique in a person's conversation and those of its children; a passage keeps its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def number(self, root_id: int, passages: Sequence[CitedPassage]) -> list[int] | None:
        """One number per passage, in order; None when the conversation is gone.

        Durable before anybody sees them: what a crash leaves behind is not given again to another passage.
        """
        async with self._database.write() as db:
            citations = CitationRepository(db)
            if not await citations.lock(root_id):
                return None
            refs = await citations.find_refs(root_id, passages)
            last = await citations.largest_ref(root_id)
            for each in passages:
                key = (each.doc_segment_id, each.start, each.end)
                if key not in refs:
                    last += 1
                    refs[key] = last
                    citations.add_source(root_id, last, each._replace(title=each.title[:MAX_TITLE]))
        return [refs[each.doc_segment_id, each.start, each.end] for each in passages]


def cited_numbers(message: NewMessage) -> list[int]:
    """The numbers that an answer cites, in order of appearance; messages that are no answers cite nothing."""
    if message.type not in ANSWER_TYPES or message.role != "assistant" or message.error_info is not None:
        return []
    text = text_of(message.content)
    if "[" not in text or message.metadata.get("superseded"):
        return []
    return [int(found) for found in _MARKER.findall(without_code(text))]


def without_code(text: str) -> str:
    """A Markdown text without code blocks and code spans. A fence without an end reaches to the end."""
    kept: list[str] = []
    fence = ""
    indents = _Indents()
    for line in text.split("\n"):
        if not fence and indents.is_code(line):
            kept.append("")
            continue
        found = _FENCE.match(line)
        marks = found.group(1) if found else ""
        rest = found.group(2) if found else ""
        if fence:
            if marks.startswith(fence) and not rest.strip():
                fence = ""
                indents.end_paragraph()
        elif marks and not (marks[0] == "`" and "`" in rest):
            fence = marks
            # A block parts what is around it, so that no span reaches over it.
            kept.append("")
        else:
            kept.append(line)
    return "\n\n".join(_without_spans(part) for part in re.split(r"\n[ \t]*\n", "\n".join(kept)))


class _Indents:
    """Tells indented code from what belongs to an item of a list; asked for every line outside of fences, in order."""

    def __init__(self) -> None:
        self._items: list[int] = []
        self._quotes = 0
        self._is_in_paragraph = False

    def end_paragraph(self) -> None:
        """A block has ended: what is indented next is no more of it."""
        self._is_in_paragraph = False

    def is_code(self, line: str) -> bool:
        """Whether a line is one of an indented code block; one within a paragraph never is."""
        marks = _QUOTES.match(line)
        quotes = marks[0].count(">") if marks else 0
        rest = line[marks.end() if marks else 0 :].expandtabs(_CODE_INDENT)
        if quotes > self._quotes or (quotes < self._quotes and not self._is_in_paragraph):
            self._items.clear()
            self._is_in_paragraph, self._quotes = False, quotes
        if not rest.strip():
            self._is_in_paragraph = False
            return False
        indent = len(rest) - len(rest.lstrip(" "))
        item = _ITEM.match(rest)
        while self._items and indent < self._items[-1] and (item or not self._is_in_paragraph):
            self._items.pop()
        is_deep = indent >= (self._items[-1] if self._items else 0) + _CODE_INDENT
        if is_deep and not self._is_in_paragraph:
            return True
        if item and not is_deep:
            self._items.append(max(item.end(), indent + 2))
        self._is_in_paragraph = _HEADING.match(rest) is None
        return False


def _without_spans(paragraph: str) -> str:
    """A paragraph without code spans: as many backticks as open one close it."""
    pieces: list[str] = []
    at = 0
    runs = list(_TICKS.finditer(paragraph))
    for index, run in enumerate(runs):
        if run.start() < at:
            continue
        closing = next((each for each in runs[index + 1 :] if len(each.group()) == len(run.group())), None)
        if closing is not None:
            pieces += [paragraph[at : run.start()], " "]
            at = closing.end()
    return "".join([*pieces, paragraph[at:]])
