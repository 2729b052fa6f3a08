"""A house with people who bring skills."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, house_in, login

Json = dict[str, Any]


class Shelf:
    """Short words for what people do with skills."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self._stack = stack
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def as_(self, name: str) -> httpx2.AsyncClient:
        """Somebody signed in, who speaks English; made when new."""
        if name not in self._clients:
            if name != "admin":
                await self.house.make_user(name)
            async with self.house.browser() as browser:
                tokens = await login(browser, name, ADMIN_PASSWORD if name == "admin" else PASSWORD)
            headers = {**bearer(tokens), "X-Locale": "en-US"}
            self._clients[name] = await self._stack.enter_async_context(self.house.browser(**headers))
        return self._clients[name]

    async def id_of(self, name: str) -> str:
        """Somebody's id."""
        return (await (await self.as_(name)).get("/api/auth/session")).json()["data"]["user"]["userid"]

    async def upload(self, name: str, archive: bytes, filename: str = "skill.zip", **fields: str) -> Json:
        """The whole answer to an upload."""
        client = await self.as_(name)
        files = {"file": (filename, archive, "application/zip")}
        return (await client.post("/api/skills/upload", files=files, data=fields)).json()

    async def bring(self, name: str, archive: bytes, **fields: str) -> Json:
        """What is told of a skill that came in."""
        answer = await self.upload(name, archive, **fields)
        assert answer["code"] == 200, answer
        return answer["data"]

    async def agent(self, name: str, **more: Any) -> str:
        """The id of a new agent of somebody."""
        client = await self.as_(name)
        body = {"name": f"agent {len(more)} of {name}", **more}
        answer = (await client.post("/api/agent/create", json=body)).json()
        assert answer["code"] == 200, answer
        return answer["data"]["agent_id"]

    async def grant(self, owner: str, agent_id: str, *names: str) -> None:
        """Lets people use an agent."""
        body = {"user_ids": [await self.id_of(name) for name in names]}
        answer = (await (await self.as_(owner)).post(f"/api/agent/{agent_id}/auth", json=body)).json()
        assert answer["code"] == 200, answer

    async def get(self, who: str, path: str, /, **query: str) -> Json:
        """An answer of `/api/skills`."""
        return (await (await self.as_(who)).get(f"/api/skills{path}", params=query)).json()

    async def post(self, who: str, path: str, /, **body: Any) -> Json:
        """An answer of `/api/skills`."""
        return (await (await self.as_(who)).post(f"/api/skills{path}", json=body)).json()

    async def put(self, who: str, /, **body: Any) -> Json:
        """The answer to an edit."""
        return (await (await self.as_(who)).put("/api/skills/content", json=body)).json()

    async def delete(self, who: str, /, **query: str) -> Json:
        """The answer to a deletion."""
        return (await (await self.as_(who)).delete("/api/skills", params=query)).json()

    async def names(self, who: str, /, **query: str) -> list[tuple[str, str, str]]:
        """(path, state, description) of what somebody sees."""
        listed = (await self.get(who, "", **query))["data"]["skills"]
        return [(each["path"], each["state"], each["description"]) for each in listed]

    @property
    def folder(self) -> Path:
        """Where versions lie."""
        return self.house.services.settings.skills

    def stored(self) -> list[str]:
        """All files below the store, as paths inside it."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


@asynccontextmanager
async def shelf_in(folder: Path, **settings: Any) -> AsyncIterator[Shelf]:
    """A fresh house."""
    async with house_in(folder, **settings) as house, AsyncExitStack() as stack:
        yield Shelf(house, stack)


def told(answer: Json) -> tuple[int, str | None, str]:
    """(code, slug, message) of an answer."""
    return answer["code"], answer.get("error_detail"), answer["message"]


def rules(findings: Iterable[Json]) -> set[tuple[str, str]]:
    """(rule, level) of findings."""
    return {(each["rule"], each["level"]) for each in findings}
