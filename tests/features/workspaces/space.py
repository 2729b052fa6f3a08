"""The workspace endpoints of one person and agent."""

import io
import stat
import warnings
import zipfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from support.house import ADMIN_PASSWORD, House, bearer, login


class Space:
    """Calls of one person; `folder` is where the files lie on the disk."""

    def __init__(self, house: House, client: httpx2.AsyncClient, user_id: str, agent_id: str) -> None:
        self.client = client
        self.agent_id = agent_id
        self.root = f"/api/agent/{agent_id}/file_workspace"
        self.folder: Path = house.services.workspaces.find(user_id, agent_id, "")

    async def listed(self, body: Any = None, **query: Any) -> dict[str, Any]:
        """The list answer."""
        return (await self.client.post(self.root, params=query, json=body)).json()

    async def paths(self, **query: Any) -> list[str]:
        """The listed paths."""
        return [each["path"] for each in (await self.listed(**query))["data"]["files"]]

    async def put(self, name: str, content: bytes | str = "x", **fields: str) -> dict[str, Any]:
        """Uploads one file."""
        data = content if isinstance(content, bytes) else content.encode()
        return await self.send("/upload", [("file", (name, data))], fields)

    async def send(self, path: str, files: Iterable[Any], fields: dict[str, str], **query: Any) -> dict[str, Any]:
        """Sends a form."""
        answer = await self.client.post(self.root + path, files=list(files), data=fields, params=query)
        return answer.json()

    async def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx2.Response:
        """Downloads."""
        params = {"file_path": path, **query}
        return await self.client.get(self.root + "/download", params=params, headers=headers)

    async def drop(self, path: str, **query: Any) -> dict[str, Any]:
        """Deletes."""
        return (await self.client.delete(self.root + "/delete", params={"file_path": path, **query})).json()

    async def load(self, data: bytes, target: str = "site", **fields: str) -> dict[str, Any]:
        """Imports an archive."""
        return await self.send("/archive/import", [("file", ("a.zip", data))], {"target_path": target, **fields})

    def on_disk(self) -> list[str]:
        """Every file that lies in the workspace, half-done ones too."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())


@asynccontextmanager
async def person(house: House, name: str, *, is_new: bool = True) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    """Somebody signed in by token, and the id."""
    if is_new and name != "admin":
        await house.make_user(name)
    async with house.browser() as client:
        tokens = await login(client, name, *([ADMIN_PASSWORD] if name == "admin" else []))
    async with house.browser(**bearer(tokens)) as client:
        session = (await client.get("/api/auth/session")).json()
        yield client, session["data"]["user"]["userid"]


@asynccontextmanager
async def space_of(house: House, name: str) -> AsyncIterator[Space]:
    """A fresh person's workspace with an own agent."""
    async with person(house, name) as (client, user_id):
        made = await client.post("/api/agent/create", json={"name": "space"})
        yield Space(house, client, user_id, made.json()["data"]["agent_id"])


Entry = tuple[str | zipfile.ZipInfo, str | bytes]


def zipped(files: dict[str, str] | list[Entry]) -> bytes:
    """A ZIP file; pairs may repeat names."""
    out = io.BytesIO()
    entries: list[Entry] = [*files.items()] if isinstance(files, dict) else files
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for path, content in entries:
            archive.writestr(path, content)
    return out.getvalue()


def special(path: str, kind: int) -> zipfile.ZipInfo:
    """An entry that is a link or a device."""
    info = zipfile.ZipInfo(path)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


LINK, DEVICE = stat.S_IFLNK, stat.S_IFCHR


def names_in(data: bytes) -> list[str]:
    """The names in a ZIP file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()
