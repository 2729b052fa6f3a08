"""Numbers of the passages that models were given, and the markers in answers that name them (product.md 5.10)."""

import re
from collections.abc import Sequence
from typing import Final

from clary.db.database import Database
from clary.features.conversations.policy import ANSWER_TYPES, CitedPassage, NewMessage, text_of
from clary.features.conversations.repository.citations import CitationRepository

_MARKER: Final = re.compile(r"\[([1-9]\d{0,8})\]", re.ASCII)
_FENCE: Final = re.compile(r" {0,3}(?:> ?)*(?:[-*+] +|\d{1,9}[.)] +)* *(`{3,}|~{3,})([^\n]*)")
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
    """A Markdown text without fenced code blocks and code spans. A fence without an end reaches to the end."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        marks = found.group(1) if found else ""
        rest = found.group(2) if found else ""
        if fence:
            if marks.startswith(fence) and not rest.strip():
                fence = ""
        elif marks and not (marks[0] == "`" and "`" in rest):
            fence = marks
            # A block parts what is around it, so that no span reaches over it.
            kept.append("")
        else:
            kept.append(line)
    return "\n\n".join(_without_spans(part) for part in re.split(r"\n[ \t]*\n", "\n".join(kept)))


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
