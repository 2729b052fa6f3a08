"""People with knowledge bases, and a model of vectors that does as it is told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from clary.features.knowledge.ports import (
    CallMeter,
    Embedder,
    EmbeddingFailedError,
    ModelEndpoint,
    Reranker,
    VectorMode,
)
from support.crowd import Crowd
from support.house import House, house_in

Json = dict[str, Any]
PREFIX = "/api/knowledge-base"
PATIENCE_SECONDS = 120.0
PROBE = "test"


def _unit_vector(text: str, dims: int) -> bytes:
    digest = hashlib.sha256(text.encode()).digest() * (dims // 32 + 1)
    values = np.frombuffer(digest[:dims], dtype=np.int8).astype(np.float64) + 0.5
    return (values / np.linalg.norm(values)).astype("<f2").tobytes()


class FakeModel:
    """Vectors out of hashes. `gate` holds calls back, `failure` is the kind of failure they end with.

    `refused`: what no text may hold; `prefers`: what the reranker likes.
    """

    def __init__(self, model: str, dims: int, source: "FakeSource", origin: str = "") -> None:
        self.model, self.dims, self._source, self.origin = model, dims, source, origin

    async def embed(self, texts: Sequence[str], *, mode: VectorMode) -> list[bytes]:
        """See the port."""
        self._source.calls.append((self.model, len(texts)))
        await self._source.gate.wait()
        if self._source.failure is not None and not (self._source.spares_probe and list(texts) == [PROBE]):
            raise EmbeddingFailedError(self._source.failure)
        if self._source.refused is not None and any(self._source.refused in text for text in texts):
            raise EmbeddingFailedError("provider_error")
        return [_unit_vector(text, self.dims) for text in texts]

    async def rank(self, query: str, passages: Sequence[str]) -> list[float]:
        """See the port."""
        if self._source.failure is not None:
            raise EmbeddingFailedError(self._source.failure)
        if self._source.prefers is None:
            return [0.5 for _ in passages]
        return [0.9 if self._source.prefers in passage else 0.1 for passage in passages]


class FakeSource:
    """Fills `ModelSource`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: str | None = None
        self.refused: str | None = None
        self.prefers: str | None = None
        self.spares_probe = False
        self.inside: tuple[str, int] | None = ("small", 32)

    def embedder(self, endpoint: ModelEndpoint, meter: CallMeter) -> Embedder:
        """See the port."""
        return FakeModel(endpoint.model, endpoint.dims or 64, self, f"{endpoint.provider_id} {endpoint.base_url}")

    def embedded(self) -> Embedder | None:
        """See the port."""
        return None if self.inside is None else FakeModel(*self.inside, self)

    def reranker(self, endpoint: ModelEndpoint, meter: CallMeter) -> Reranker:
        """See the port."""
        return FakeModel(endpoint.model, 0, self)


class Library(Crowd):
    """Short words for what people do with bases."""

    def __init__(self, house: House, stack: AsyncExitStack, source: FakeSource) -> None:
        super().__init__(house, stack)
        self.source = source

    async def base(self, who: str, /, **fields: Any) -> str:
        """A new base of somebody."""
        body = {"name": "base", "type": "document", **fields}
        code, slug, data = await self.call(who, "POST", f"{PREFIX}/add", body)
        assert code == 200, slug
        return data["kdb_id"]

    async def info(self, name: str, kdb_id: str) -> Json:
        """What somebody sees of a base."""
        return await self.get(name, f"{PREFIX}/info?kdb_id={kdb_id}")

    async def update(self, who: str, kdb_id: str, /, **fields: Any) -> Json:
        """The data of an update that works."""
        code, slug, data = await self.call(who, "POST", f"{PREFIX}/update", {"kdb_id": kdb_id, **fields})
        assert code == 200, slug
        return data

    async def grant(self, name: str, kdb_id: str, kind: str, grantee_id: str, permission: str) -> None:
        """Lets exactly one in."""
        grants = [{"kind": kind, "id": grantee_id, "permission": permission}]
        answer = await self.call(name, "POST", f"{PREFIX}/auth", {"kdb_id": kdb_id, "grants": grants})
        assert answer == (200, None, {})

    async def upload(self, name: str, kdb_id: str, **files: str) -> str:
        """Uploads texts and waits until they are searchable; returns the task."""
        client = await self.client(name)
        parts = [("files", (f"{stem}.txt", text.encode(), "text/plain")) for stem, text in files.items()]
        answer = (await client.post(f"{PREFIX}/doc/add_by_files", data={"kdb_id": kdb_id}, files=parts)).json()
        assert answer["code"] == 200, answer
        task_id = answer["data"]["taskId"]
        path = f"{PREFIX}/doc/task_process?kdb_id={kdb_id}&task_id={task_id}"
        await self.until(lambda: self._has_ended(name, path))
        return task_id

    async def _has_ended(self, name: str, path: str) -> bool:
        return (await self.get(name, path))["taskProcess"] == 100

    async def documents(self, name: str, kdb_id: str) -> list[Json]:
        """All documents of a base."""
        return (await self.get(name, f"{PREFIX}/doc/list?kdb_id={kdb_id}&page_size=200"))["list"]

    async def until(self, holds: Callable[[], Awaitable[bool]], *, step: float = 1) -> None:
        """Waits for something, with time moving on."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await holds():
                await asyncio.sleep(0.05)
                self.house.clock.move(seconds=step)

    async def until_ready(self, name: str, kdb_id: str, version: int, *, vectors: str = "complete") -> Json:
        """Waits until a version answers with these vectors: all that a base with a model has."""

        async def is_ready() -> bool:
            index = (await self.info(name, kdb_id))["index"]
            return (index["version"], index["state"]) == (version, "ready") and index["vectors"] == vectors

        await self.until(is_ready)
        return await self.info(name, kdb_id)


@asynccontextmanager
async def library_in(folder: Path, *, source: FakeSource | None = None, **settings: Any) -> AsyncIterator[Library]:
    """A fresh house with a model that answers."""
    source = source or FakeSource()
    async with house_in(folder, models=source, **settings) as house, AsyncExitStack() as stack:
        yield Library(house, stack, source)
