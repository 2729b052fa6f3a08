"""People who come and go, and the calls that tests of groups make."""

from contextlib import AsyncExitStack
from typing import Any

import httpx2

from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, login

Answer = tuple[int, str | None, Any]


class Crowd:
    """Signed-in people, by name; they are made when they are first asked for."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self.ids: dict[str, str] = {}
        self._stack = stack
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def add(self, *names: str, **more: Any) -> list[str]:
        """Makes users; returns their ids."""
        for name in names:
            self.ids[name] = await self.house.make_user(name, **more)
        return [self.ids[name] for name in names]

    async def client(self, name: str) -> httpx2.AsyncClient:
        """Somebody's client."""
        if name not in self._clients:
            if name != "admin" and name not in self.ids:
                await self.add(name)
            async with self.house.browser() as fresh:
                tokens = await login(fresh, name, ADMIN_PASSWORD if name == "admin" else PASSWORD)
            client = self.house.browser(**bearer(tokens))
            self._clients[name] = await self._stack.enter_async_context(client)
        return self._clients[name]

    async def call(self, name: str, method: str, path: str, body: Any = None) -> Answer:
        """(code, slug, data) of a call by somebody."""
        answer = await (await self.client(name)).request(method, path, json=body)
        whole = answer.json()
        return whole["code"], whole.get("error_detail"), whole["data"]

    async def get(self, name: str, path: str) -> Any:
        """The data of a call that works."""
        code, slug, data = await self.call(name, "GET", path)
        assert code == 200, slug
        return data

    async def group(self, name: str, *members: str, managers: tuple[str, ...] = (), **fields: Any) -> str:
        """A group made by the admin; returns its id."""
        code, slug, data = await self.call("admin", "POST", "/api/groups", {"name": name, **fields})
        assert code == 200, slug
        for people, role in ((members, "member"), (managers, "manager")):
            ids = [self.ids.get(each) or (await self.add(each))[0] for each in people]
            path = f"/api/groups/{data['id']}/members"
            assert (await self.call("admin", "POST", path, {"user_ids": ids, "role": role}))[0] == 200
        return data["id"]

    async def members(self, group_id: str) -> dict[str, tuple[str, str]]:
        """Name → (role, source)."""
        data = await self.get("admin", f"/api/groups/{group_id}")
        return {member["username"]: (member["role"], member["source"]) for member in data["members"]}
