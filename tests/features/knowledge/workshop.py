"""Workers on a database of their own, with a parser that waits where a test wants it to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import select, update

from clary.adapters.original_files import FolderOfOriginals
from clary.adapters.text_analysis import FoldingAnalyzer
from clary.db.database import Database
from clary.features.knowledge.policy.documents import FileKey
from clary.features.knowledge.ports import DocumentRefusedError, Outcome, ParsedDocument, QaRow
from clary.features.knowledge.service import (
    ClaimDesk,
    DocumentReading,
    DocumentService,
    EndingWriter,
    FilesUnderWay,
    IngestionSignals,
    IngestionWorker,
    KnowledgeAccess,
    KnowledgeRemoval,
    LeaseKeeper,
    PassageIndexing,
    WorkerSettings,
)
from clary.features.knowledge.tables import KnowledgeDocumentRow, KnowledgeTaskRow
from clary.kit.ids import new_hex
from features.knowledge.stacks import PATIENCE, add_base, passages_of
from support.house import SteppedClock


class Gate:
    """Says when somebody has come so far, and lets them on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        """Waits to be let on."""
        self.reached.set()
        await self.opened.wait()


class PlainParser:
    """Text files as they are. `before` and `after` the reading of a name there may be a gate; `log` is the order."""

    def __init__(self) -> None:
        self.before: dict[str, Gate] = {}
        self.after: dict[str, Gate] = {}
        self.faults: dict[str, list[Exception]] = {}
        self.log: list[str] = []

    async def parse(self, path: Path, *, name: str) -> ParsedDocument:
        """See `DocumentParser`."""
        self.log.append(name)
        if name in self.before:
            await self.before[name].pass_through()
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        text = path.read_text()
        if name in self.after:
            await self.after[name].pass_through()
        return ParsedDocument(text)

    async def parse_qa(self, path: Path, *, name: str, most_rows: int | None = None) -> tuple[list[QaRow], int]:
        """See `DocumentParser`."""
        pairs = [line.partition(",") for line in path.read_text().splitlines()]
        rows = [QaRow(n, question, answer, {}) for n, (question, _, answer) in enumerate(pairs, 1)]
        return rows[:most_rows], 0


def refused(outcome: Outcome) -> DocumentRefusedError:
    """What a parser says of a file that gives nothing."""
    return DocumentRefusedError(outcome)


class Workshop:
    """One process: its workers, its files, its store; several share a database."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        clock: SteppedClock | None = None,
        parser: PlainParser | None = None,
        workers: int = 1,
        process_id: str = "this",
        sole_process: bool = True,
        lease_seconds: float = 60.0,
    ) -> None:
        self.database = database
        self.clock = clock or SteppedClock()
        self.parser = parser or PlainParser()
        self.files = FolderOfOriginals(folder / "store")
        self.under_way = FilesUnderWay()
        self.signals = IngestionSignals()
        self.removal = KnowledgeRemoval(
            database=database,
            files=self.files,
            under_way=self.under_way,
            signals=self.signals,
            clock=self.clock,
            sole_process=sole_process,
        )
        self.documents = DocumentService(
            database=database,
            # Nobody asks for anything here.
            access=cast("KnowledgeAccess", None),
            files=self.files,
            removal=self.removal,
            signals=self.signals,
            clock=self.clock,
        )
        self.wanted_vectors: list[str] = []
        self.desk = ClaimDesk(clock=self.clock, process_id=process_id, lease_seconds=lease_seconds)
        self.writer = EndingWriter(self.clock)
        self.worker = IngestionWorker(
            database=database,
            desk=self.desk,
            keeper=LeaseKeeper(
                database=database,
                desk=self.desk,
                signals=self.signals,
                process_id=process_id,
                lease_seconds=lease_seconds,
            ),
            reading=DocumentReading(files=self.files, parser=self.parser, indexing=PassageIndexing(FoldingAnalyzer())),
            writer=self.writer,
            removal=self.removal,
            signals=self.signals,
            settings=WorkerSettings(process_id, workers, sole_process),
            on_vectors=self.wanted_vectors.append,
        )

    async def base(self, owner_id: str = "alice", **more: object) -> str:
        """A new base."""
        return await add_base(self.database, owner_id, **more)  # pyright: ignore[reportArgumentType]

    async def put(
        self, kdb_id: str, name: str, text: str, *, owner_id: str = "alice", replaces_id: str | None = None
    ) -> str:
        """A document that waits; returns its id."""
        doc_id = new_hex(32)
        key = str(FileKey(kdb_id, doc_id, int(self.clock.epoch())))
        await self.files.put(key, _once(text.encode()), max_bytes=10**9)
        self.clock.move(milliseconds=1)
        async with self.database.write() as db:
            task = KnowledgeTaskRow(id=new_hex(32), kdb_id=kdb_id, created_at=self.clock.now())
            db.add(task)
            await db.flush()
            db.add(_row(self.clock, kdb_id, doc_id, task.id, name, key, owner_id, replaces_id))
            self.signals.announce_work(db)
        return doc_id

    async def row(self, doc_id: str) -> KnowledgeDocumentRow | None:
        """A document as it is now."""
        async with self.database.read() as db:
            return await db.scalar(select(KnowledgeDocumentRow).where(KnowledgeDocumentRow.id == doc_id))

    async def change(self, doc_id: str, **values: object) -> None:
        """Changes a document behind the workers' backs."""
        async with self.database.write() as db:
            await db.execute(update(KnowledgeDocumentRow).where(KnowledgeDocumentRow.id == doc_id).values(**values))

    async def until(self, doc_id: str, *statuses: int) -> KnowledgeDocumentRow:
        """Waits until a document has one of these statuses."""
        async with asyncio.timeout(PATIENCE):
            while (row := await self.row(doc_id)) is None or row.status not in statuses:
                await asyncio.sleep(0.01)
        return row

    async def texts(self, kdb_id: str, version: int = 1) -> dict[str, list[str]]:
        """Name → texts of passages."""
        return await passages_of(self.database, kdb_id, version)

    async def stored(self) -> list[str]:
        """All keys of the store."""
        return sorted([key async for key in self.files.list_keys()])


@asynccontextmanager
async def working(workshop: Workshop) -> AsyncIterator[Workshop]:
    """The workers, started and stopped."""
    await workshop.worker.start()
    try:
        yield workshop
    finally:
        await workshop.worker.stop()


async def all_done(workshop: Workshop, doc_ids: Sequence[str]) -> list[KnowledgeDocumentRow]:
    """Waits until all of them have ended."""
    return [await workshop.until(doc_id, 2, 3) for doc_id in doc_ids]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _row(
    clock: SteppedClock,
    kdb_id: str,
    doc_id: str,
    task_id: str,
    name: str,
    key: str,
    owner_id: str,
    replaces_id: str | None,
) -> KnowledgeDocumentRow:
    return KnowledgeDocumentRow(
        id=doc_id,
        kdb_id=kdb_id,
        owner_id=owner_id,
        task_id=task_id,
        place=0,
        name=name,
        extension="txt",
        size=1,
        file_key=key,
        replaces_id=replaces_id,
        status=0,
        progress=0,
        attempts=0,
        losses=0,
        generation=0,
        due_at=0.0,
        text_ready=False,
        passages=0,
        vectors="none",
        details={},
        created_at=clock.now(),
        updated_at=clock.now(),
    )
