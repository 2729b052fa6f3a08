"""A house with people who fill knowledge bases, and short words for what they do."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import delete, select

from clary.db.database import Database
from clary.features.knowledge.tables import (
    KnowledgeBaseRow,
    KnowledgeDocumentRow,
    KnowledgeIndexRow,
    KnowledgePassageRow,
)
from clary.kit.ids import new_hex
from support.house import ADMIN_PASSWORD, PASSWORD, START, House, bearer, house_in, login

Json = dict[str, Any]
Files = Mapping[str, bytes | str] | Sequence[tuple[str, bytes | str]]
PREFIX = "/api/knowledge-base/doc"
UNKNOWN = "0" * 32
PATIENCE = 60.0


async def add_base(
    database: Database, owner_id: str, *, kind: str = "document", target_chars: int = 800, mode: str = "none"
) -> str:
    """A base with one version of its index; returns its id."""
    kdb_id = new_hex(32)
    async with database.write() as db:
        db.add(
            KnowledgeBaseRow(
                id=kdb_id,
                owner_id=owner_id,
                name="base",
                type=kind,
                intro="",
                index_name=f"kdb_{kdb_id}",
                settings={},
                index_version=1,
                change_number=0,
                warning=None,
                queried_at=None,
                created_at=START,
                updated_at=START,
            )
        )
        await db.flush()
        await add_version(db, kdb_id, 1, state="ready", target_chars=target_chars, mode=mode)
    return kdb_id


async def add_version(
    db: Any, kdb_id: str, version: int, *, state: str, target_chars: int = 800, mode: str = "none"
) -> None:
    """One more version of a base's index."""
    db.add(
        KnowledgeIndexRow(
            kdb_id=kdb_id,
            version=version,
            state=state,
            progress=0,
            embedding={"mode": mode, "model": None, "dims": None},
            chunk={"target_chars": target_chars, "overlap_chars": 0},
            task_id=None,
            error=None,
            created_at=START,
        )
    )
    await db.flush()


async def passages_of(database: Database, kdb_id: str, version: int = 1) -> dict[str, list[str]]:
    """Name of the document → texts of its passages in order, for one version."""
    query = (
        select(KnowledgeDocumentRow.name, KnowledgePassageRow.text)
        .join(KnowledgeDocumentRow, KnowledgeDocumentRow.id == KnowledgePassageRow.doc_id)
        .where(KnowledgePassageRow.kdb_id == kdb_id, KnowledgePassageRow.version == version)
        .order_by(KnowledgeDocumentRow.created_at, KnowledgePassageRow.place)
    )
    found: dict[str, list[str]] = {}
    async with database.read() as db:
        for name, text in await db.execute(query):
            found.setdefault(name, []).append(text)
    return found


class Stacks:
    """Short words for what people do with documents."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self._stack = stack
        self._clients: dict[str, httpx2.AsyncClient] = {}

    @property
    def database(self) -> Database:
        """The house's."""
        return self.house.services.database

    async def as_(self, name: str) -> httpx2.AsyncClient:
        """Somebody signed in; made when new."""
        if name not in self._clients:
            if name != "admin":
                await self.house.make_user(name)
            async with self.house.browser() as browser:
                tokens = await login(browser, name, ADMIN_PASSWORD if name == "admin" else PASSWORD)
            self._clients[name] = await self._stack.enter_async_context(self.house.browser(**bearer(tokens)))
        return self._clients[name]

    async def base(self, name: str, **more: Any) -> str:
        """A new base of somebody."""
        session = (await (await self.as_(name)).get("/api/auth/session")).json()
        return await add_base(self.database, session["data"]["user"]["userid"], **more)

    async def call(self, name: str, method: str, path: str, **more: Any) -> Json:
        """The envelope of a call below the prefix."""
        return (await (await self.as_(name)).request(method, PREFIX + path, **more)).json()

    async def data(self, name: str, method: str, path: str, **more: Any) -> Any:
        """The data of a call that works."""
        envelope = await self.call(name, method, path, **more)
        assert envelope["code"] == 200, envelope
        return envelope["data"]

    async def send(self, name: str, kdb_id: str, files: Files, **form: str) -> Json:
        """The envelope of an upload."""
        pairs = list(files.items()) if isinstance(files, Mapping) else list(files)
        parts = [("files", (title, _bytes(content), "application/octet-stream")) for title, content in pairs]
        return await self.call(name, "POST", "/add_by_files", files=parts, data={"kdb_id": kdb_id, **form})

    async def upload(self, name: str, kdb_id: str, files: Files, **form: str) -> str:
        """The task of an upload that works."""
        envelope = await self.send(name, kdb_id, files, **form)
        assert envelope["code"] == 200, envelope
        return envelope["data"]["taskId"]

    async def add(self, name: str, kdb_id: str, files: Files, **form: str) -> dict[str, Json]:
        """Uploads, waits, and returns the rows by name."""
        task = await self.upload(name, kdb_id, files, **form)
        await self.wait(name, kdb_id, task)
        return {row["doc_name"]: row for row in await self.docs(name, kdb_id, task_id=task)}

    async def progress(self, name: str, kdb_id: str, task_id: str) -> Json:
        """How far a task is."""
        return await self.data(name, "GET", "/task_process", params={"kdb_id": kdb_id, "task_id": task_id})

    async def wait(self, name: str, kdb_id: str, task_id: str) -> list[Json]:
        """Waits for the end of a task; every answer on the way must add up. Returns the answers."""
        seen: list[Json] = []
        async with asyncio.timeout(PATIENCE):
            while not seen or seen[-1]["taskProcess"] < 100:
                seen.append(await self.progress(name, kdb_id, task_id))
                counts = [seen[-1][key] for key in ("success", "fail", "inProgress", "waiting")]
                assert sum(counts) == seen[-1]["total"], seen[-1]
                await asyncio.sleep(0.02)
        return seen

    async def docs(self, name: str, kdb_id: str, **query: Any) -> list[Json]:
        """The rows of the list."""
        found = await self.data(name, "GET", "/list", params={"kdb_id": kdb_id, "page_size": 200, **query})
        return found["list"]

    async def texts(self, kdb_id: str, version: int = 1) -> dict[str, list[str]]:
        """Name of the document → texts of its passages, what a search can find."""
        return await passages_of(self.database, kdb_id, version)

    def stored(self) -> list[Path]:
        """All files below the store."""
        root = self.house.services.settings.originals
        return sorted(path for path in root.rglob("*") if path.is_file())

    async def remove_rows(self, kdb_id: str) -> None:
        """A base vanishes behind everybody's back."""
        async with self.database.write() as db:
            await db.execute(delete(KnowledgeBaseRow).where(KnowledgeBaseRow.id == kdb_id))


@asynccontextmanager
async def stacks_in(folder: Path, **settings: Any) -> AsyncIterator[Stacks]:
    """A fresh house."""
    async with house_in(folder, **settings) as house, AsyncExitStack() as stack:
        yield Stacks(house, stack)


def told(envelope: Json) -> tuple[int, str | None, str]:
    """(code, slug, message) of an answer."""
    return envelope["code"], envelope.get("error_detail"), envelope["message"]


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
