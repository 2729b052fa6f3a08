"""A house with people who keep files."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from aiohttp import web
from sqlalchemy import select

from clary.features.files.tables import FileRow, LooseContentRow
from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, house_in, login

Json = dict[str, Any]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
KEY_NAME = r"[a-z2-7]{26}"


class Desk:
    """Short words for what people do with files."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self._stack = stack
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def as_(self, name: str) -> httpx2.AsyncClient:
        """Somebody signed in, who speaks English; made when new. "" is nobody."""
        if name not in self._clients:
            if name not in ("", "admin"):
                await self.house.make_user(name)
            headers = {"X-Locale": "en-US"}
            if name:
                async with self.house.browser() as browser:
                    headers |= bearer(await login(browser, name, ADMIN_PASSWORD if name == "admin" else PASSWORD))
            self._clients[name] = await self._stack.enter_async_context(self.house.browser(**headers))
        return self._clients[name]

    async def with_key(self, name: str, *scopes: str) -> httpx2.AsyncClient:
        """A client that acts with a key of somebody."""
        made = await (await self.as_(name)).post("/api/user/keys", json={"name": "k", "scopes": list(scopes)})
        headers = {"Authorization": f"Bearer {made.json()['data']['key']}"}
        return await self._stack.enter_async_context(self.house.browser(**headers))

    async def id_of(self, name: str) -> str:
        """Somebody's id."""
        return (await (await self.as_(name)).get("/api/auth/session")).json()["data"]["user"]["userid"]

    async def upload(self, name: str, content: bytes, filename: str = "a.txt", **fields: str) -> Json:
        """The whole answer to an upload."""
        client = await self.as_(name)
        files = {"file": (filename, content, "image/x-lie")}
        return (await client.post("/api/oss/upload", files=files, data=fields)).json()

    async def keep(self, name: str, content: bytes, filename: str = "a.txt", **fields: str) -> Json:
        """What is told of a file that came in."""
        answer = await self.upload(name, content, filename, **fields)
        assert answer["code"] == 200, answer
        return answer["data"]

    async def import_url(self, name: str, url: str) -> Json:
        """The whole answer to an import."""
        return (await (await self.as_(name)).post("/api/oss/import_url", json={"url": url})).json()

    async def get(self, name: str, url: str, **headers: str) -> httpx2.Response:
        """What lies at an address, to somebody."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return await (await self.as_(name)).get(path, headers={key.replace("_", "-"): headers[key] for key in headers})

    async def delete(self, name: str, key: str) -> Json:
        """The answer to a deletion."""
        return (await (await self.as_(name)).delete(f"/api/oss/object/{key}")).json()

    async def listed(self, name: str, **query: str) -> Json:
        """A page of objects."""
        answer = (await (await self.as_(name)).get("/api/oss/objects", params=query)).json()
        assert answer["code"] == 200, answer
        return answer["data"]

    async def rows(self) -> list[str]:
        """Keys of all objects there are."""
        async with self.house.services.database.read() as db:
            return sorted(await db.scalars(select(FileRow.key)))

    async def loose(self) -> int:
        """How many contents belong to no object."""
        async with self.house.services.database.read() as db:
            return len((await db.scalars(select(LooseContentRow.blob))).all())

    def contents(self) -> list[Path]:
        """Files in the folder of the store, with those on their way in."""
        return [each for each in self.house.services.settings.objects.rglob("*") if each.is_file()]


@asynccontextmanager
async def desk_in(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """A desk in a fresh house."""
    async with house_in(folder, **settings) as house, AsyncExitStack() as stack:
        yield Desk(house, stack)


def plain(url: str) -> str:
    """An address without its signature."""
    return url.partition("?")[0]


@asynccontextmanager
async def site(answer: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    """A host on loopback that answers as it is told."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
