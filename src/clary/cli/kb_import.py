"""What `clary kb` does on the services: a folder goes in piece by piece, a question set is run."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from clary.cli.terminal import fail, progress_bars
from clary.errors import LimitExceededError, NotFoundError, ProblemError
from clary.features.knowledge.errors import KdbNotFoundError
from clary.features.knowledge.service import NewBase, base_of
from clary.features.permissions.service import Identity
from clary.kit.file_names import clean_name
from clary.kit.text import current_locale
from clary.wiring.knowledge_terminal import person, working_beside
from clary.wiring.services import Services

CHUNK_BYTES: Final = 256 * 1024
BATCH_FILES: Final = 50
BATCH_BYTES: Final = 64 * 1024 * 1024
PAGE: Final = 200
LOOK_SECONDS: Final = 0.2
FAILED: Final = 3


class LocalFile(NamedTuple):
    """A file of the folder. `name`: of the document."""

    path: Path
    name: str
    size: int


@dataclass(slots=True)
class Imported:
    """How an import went. `waiting`: documents that nobody has read yet. `refused`: names with reasons."""

    taken: int = 0
    skipped: int = 0
    waiting: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class LocalPart:
    """A field or a file of a form, as uploads read it."""

    def __init__(self, name: str, value: str = "", file: LocalFile | None = None) -> None:
        self.name = name
        self.filename = None if file is None else file.name
        self._value = value
        self._file = file

    async def text(self) -> str | None:
        """The value of a field."""
        return self._value

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, read as it is wanted."""
        if self._file is None:
            return
        with await asyncio.to_thread(self._file.path.open, "rb") as content:
            while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
                yield chunk


class LocalForm:
    """Files of a folder in the shape of an upload; one of them is read at a time."""

    def __init__(self, kdb_id: str, files: Sequence[LocalFile], *, replaces: bool) -> None:
        self._parts = [
            LocalPart("kdb_id", kdb_id),
            LocalPart("override", "true" if replaces else "false"),
            *(LocalPart("files", file=file) for file in files),
        ]

    async def parts(self) -> AsyncIterator[LocalPart]:
        """Every part in order."""
        for part in self._parts:
            yield part


async def find_base(services: Services, identity: Identity, named: str, *, kind: str | None = None) -> str:
    """The id of a base that somebody can read, by its id or name; `kind`: made as such when there is none.

    Raises:
        KdbNotFoundError, NameEmptyError, typer.Exit: several have this name, or none may.
    """
    wanted = None if kind is None else _wanted(named, kind)
    named = named if wanted is None else wanted.name
    async with services.database.read() as db:
        by_id = await services.knowledge.access.find_many(db, identity=identity, kdb_ids=[named])
        if by_id:
            return by_id[0].id
        found, _ = await services.knowledge.bases.list_bases(
            db, identity=identity, name=named, type="", offset=0, limit=1000
        )
    ids = [each["id"] for each in found if each["name"] == named]
    if len(ids) == 1:
        return ids[0]
    if ids:
        fail(f"{len(ids)} bases are called so: name one by its id ({', '.join(ids)})")
    if wanted is None:
        raise KdbNotFoundError
    return await services.knowledge.bases.add(identity=identity, wanted=wanted)


def _wanted(name: str, kind: str) -> NewBase:
    try:
        return base_of(name, kind)
    except ValueError:
        fail("a base has a name of at most 128 characters on one line, and a type of letters, digits, - and _")


async def take_in(
    services: Services, *, folder: Path, base: str, account: str, replaces: bool, kind: str | None, wait: bool
) -> Imported:
    """Imports a folder; see `clary kb import`."""
    current_locale.set("en-US")
    identity = await person(services, account)
    try:
        kdb_id = await find_base(services, identity, base, kind=kind)
        folder_import = FolderImport(services, identity, kdb_id, replaces=replaces)
        async with AsyncExitStack() as beside:
            if wait:
                await beside.enter_async_context(working_beside(services))
            return await folder_import.run(folder, wait=wait)
    finally:
        await services.knowledge.stop()


class FolderImport:
    """One import. Of the files only names and sizes are in memory, and one piece of one of them."""

    def __init__(self, services: Services, identity: Identity, kdb_id: str, *, replaces: bool) -> None:
        self._services = services
        self._identity = identity
        self._kdb_id = kdb_id
        self._replaces = replaces
        self._done = Imported()
        self._tasks: list[str] = []

    async def run(self, folder: Path, *, wait: bool) -> Imported:
        """Sends what is not there yet, then waits until all of it is read."""
        there, refused = await self._known()
        if self._replaces:
            there.clear()
        files = await asyncio.to_thread(lambda: list(files_in(folder)))
        wanted = [file for file in files if (file.name, file.size) not in there]
        self._done.skipped = len(files) - len(wanted)
        for doc_id in [doc_id for file in wanted for doc_id in refused.pop(file.name, ())]:
            await self._services.knowledge.documents.documents.delete(identity=self._identity, doc_id=doc_id)
        with progress_bars() as progress:
            bar = progress.add_task("uploading", total=len(wanted))
            for batch in batches(wanted):
                await self._send(batch)
                progress.advance(bar, len(batch))
            if wait:
                await self._wait(progress, progress.add_task("reading", total=None))
        await self._count(wait=wait)
        return self._done

    async def _known(self) -> tuple[set[tuple[str, int]], dict[str, list[str]]]:
        """(names and sizes of the documents that are there and not refused, refused ones by name).

        A refused file is sent again: it may be another one of the same size, or the server may read more by now.
        """
        known: set[tuple[str, int]] = set()
        refused: dict[str, list[str]] = {}
        async with self._services.database.read() as db:
            offset, total = 0, 1
            while offset < total:
                page = await self._services.knowledge.documents.documents.list_documents(
                    db,
                    identity=self._identity,
                    kdb_id=self._kdb_id,
                    name=None,
                    statuses=(0, 1, 2, FAILED),
                    task_id=None,
                    offset=offset,
                    limit=PAGE,
                )
                for each in page.documents:
                    if each["status"] == FAILED:
                        refused.setdefault(each["doc_name"], []).append(each["id"])
                    else:
                        known.add((each["doc_name"], each["size"]))
                offset, total = offset + PAGE, page.total
        return known, refused

    async def _send(self, batch: Sequence[LocalFile]) -> None:
        """One upload; where it is refused for one of its files, the others are sent without it."""
        form: Any = LocalForm(self._kdb_id, batch, replaces=self._replaces)
        try:
            stored = await self._services.knowledge.documents.uploads.receive(identity=self._identity, form=form)
        except (LimitExceededError, NotFoundError):
            raise
        except (ProblemError, OSError) as problem:
            if len(batch) > 1:
                for file in batch:
                    await self._send([file])
                return
            reason = problem.message.en if isinstance(problem, ProblemError) else "cannot be read"
            self._done.refused.append((batch[0].name, reason))
            return
        self._tasks.append(stored["taskId"])

    async def _wait(self, progress: Any, bar: Any) -> None:
        """Until no document of this import is open."""
        ended: dict[str, int] = {}
        open_tasks = list(self._tasks)
        while open_tasks:
            for task_id in list(open_tasks):
                counts = await self._counts(task_id)
                ended[task_id] = counts.success + counts.fail
                if not counts.processing + counts.pending:
                    open_tasks.remove(task_id)
                progress.update(bar, completed=sum(ended.values()))
            if open_tasks:
                await asyncio.sleep(LOOK_SECONDS)

    async def _counts(self, task_id: str) -> Any:
        async with self._services.database.read() as db:
            counts, _ = await self._services.knowledge.documents.documents.count_task(
                db, identity=self._identity, kdb_id=self._kdb_id, task_id=task_id
            )
        return counts

    async def _count(self, *, wait: bool) -> None:
        for task_id in self._tasks:
            counts = await self._counts(task_id)
            self._done.taken += counts.success
            self._done.waiting += counts.processing + counts.pending
            if counts.fail:
                await self._tell_refused(task_id)

    async def _tell_refused(self, task_id: str) -> None:
        async with self._services.database.read() as db:
            page = await self._services.knowledge.documents.documents.list_documents(
                db,
                identity=self._identity,
                kdb_id=self._kdb_id,
                name=None,
                statuses=(FAILED,),
                task_id=task_id,
                offset=0,
                limit=PAGE,
            )
        self._done.refused += [
            (each["doc_name"], each["outcome_message"] or each["error_kind"] or "") for each in page.documents
        ]


def files_in(folder: Path) -> Iterator[LocalFile]:
    """Files of a folder and of those below it, in the order of their paths; hidden ones and links are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            # A document's name has no slashes.
            shown = clean_name(" - ".join(path.relative_to(folder).parts)) or "unnamed"
            yield LocalFile(path, shown, path.stat().st_size)


def batches(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    """The files in uploads of bounded number and size."""
    batch: list[LocalFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


async def run_questions(
    services: Services, *, base: str, account: str, items: list[Any] | None, top_k: int, mode: str | None
) -> dict[str, Any]:
    """The result of a question set of a base; `items` replace it first."""
    identity = await person(services, account)
    sets = services.knowledge.questions
    try:
        kdb_id = await find_base(services, identity, base)
        async with services.database.write() as db:
            if items is not None:
                await sets.put(db, identity=identity, kdb_id=kdb_id, items=items, replaces=True)
            evaluation_id, _ = await sets.run(db, identity=identity, kdb_id=kdb_id, top_k=top_k, mode=mode)
        with progress_bars() as progress:
            # How far it is nobody knows before its end: the bar says that it is at work.
            progress.add_task("asking", total=None)
            async with working_beside(services):
                return await _ended(services, identity, kdb_id, evaluation_id)
    finally:
        await services.knowledge.stop()


async def _ended(services: Services, identity: Identity, kdb_id: str, evaluation_id: str) -> dict[str, Any]:
    """The result of an evaluation, once there is one."""
    while True:
        async with services.database.read() as db:
            found, _ = await services.knowledge.questions.list_results(
                db, identity=identity, kdb_id=kdb_id, offset=0, limit=PAGE
            )
        result = next((each for each in found if each["evaluation_id"] == evaluation_id), None)
        if result is None:
            raise KdbNotFoundError
        if result["status"] in ("completed", "failed"):
            return result
        await asyncio.sleep(LOOK_SECONDS)
