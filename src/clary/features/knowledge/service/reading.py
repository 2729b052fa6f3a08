"""From a file to passages: parsed, cut for every version of the index it goes into, analyzed. Knows no database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from clary.features.knowledge.policy.cutting import Cut, cut, document_of_rows
from clary.features.knowledge.policy.layout import layout_of
from clary.features.knowledge.policy.passages import NewPassage, title_of
from clary.features.knowledge.ports import (
    DocumentParser,
    DocumentRefusedError,
    OriginalFiles,
    Outcome,
    ParsedDocument,
    QaFormatError,
)
from clary.features.knowledge.repository.ingestions import Plan
from clary.features.knowledge.service.indexing import PassageIndexing

log = structlog.get_logger()

Report = Callable[[int], None]
"""Takes the percents that are done."""

PARSED: Final = 60
CUT: Final = 70
MADE: Final = 95


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be read. `key` None: its bytes were not kept."""

    doc_id: str
    name: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The file gives nothing, and never will."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Trouble:
    """It could not be read now."""

    kind: Literal["internal", "storage"]


@dataclass(frozen=True, slots=True)
class Read:
    """What a file gave, for the versions of a plan. `rows`: the passages of a QA file, which no plan changes.

    `title` is searched with each passage.
    """

    document: ParsedDocument
    rows: tuple[Cut, ...]
    plan: Plan
    title: str = ""
    passages: dict[int, list[NewPassage]] = field(default_factory=dict[int, list[NewPassage]])

    @property
    def layout(self) -> dict[str, Any]:
        """What is kept beside the text."""
        return layout_of(self.document, self.rows)


Ending = Read | Refused | Trouble


class DocumentReading:
    """Reads one document after the other."""

    def __init__(self, *, files: OriginalFiles, parser: DocumentParser, indexing: PassageIndexing) -> None:
        self._files = files
        self._parser = parser
        self._indexing = indexing

    async def read(self, source: Source, plan: Plan, report: Report) -> Ending:
        """What becomes of a document. Faults of ours are told as trouble, so that they are tried again."""
        if source.key is None:
            return Refused("too_large")
        try:
            path = await self._files.open_local(source.key)
        except OSError as error:
            log.warning("original_file_unreadable", doc_id=source.doc_id, errno=error.errno)
            return Trouble("storage")
        try:
            if plan.type == "qa":
                rows, skipped = await self._parser.parse_qa(path, name=source.name)
                document, cuts = document_of_rows(rows)
                title = ""
                document.metadata["skipped_rows"] = skipped
            else:
                document, cuts = await self._parser.parse(path, name=source.name), []
                title = title_of(source.name)
        except DocumentRefusedError as refusal:
            return Refused(refusal.outcome)
        except QaFormatError as problem:
            return Refused("unsupported" if problem.reason is None else "damaged")
        finally:
            await self._files.release(path)
        report(PARSED)
        return await self.pass_on(source.doc_id, Read(document, tuple(cuts), plan, title), plan, report)

    async def pass_on(self, doc_id: str, found: Read, plan: Plan, report: Report) -> Ending:
        """Cuts what was parsed, for the versions of a plan."""
        made: dict[int, list[NewPassage]] = {}
        cuts_of: dict[tuple[int, int], list[NewPassage]] = {}
        for version in plan.versions:
            size = (version.target_chars, version.overlap_chars)
            if size not in cuts_of:
                cuts = list(found.rows) or await asyncio.to_thread(
                    cut, found.document, target_chars=size[0], overlap_chars=size[1]
                )
                report(CUT)
                cuts_of[size] = await self._indexing.make(doc_id, cuts, title=found.title)
            made[version.version] = cuts_of[size]
        report(MADE)
        if not any(made.values()):
            return Refused("empty")
        return Read(found.document, found.rows, plan, found.title, made)
