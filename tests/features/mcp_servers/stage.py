"""The product with people in it, and servers that do what a test says."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clary.features.mcp_servers.service import RunDoor, UnreachableServer, Wanted
from clary.runtime.tools import ProgressStream, Tool, ToolContext, ToolFailedError
from support.crowd import Answer, Crowd
from support.house import house_in
from support.mcp_servers import Stranger, stranger

Json = dict[str, Any]
SOON = {"mcp_list_seconds": 2, "mcp_call_seconds": 3, "mcp_connect_seconds": 2, "outbound_allow": ("127.0.0.1",)}


@dataclass(frozen=True)
class RunTools:
    """The tools of a run, and what is told about those that are not among them."""

    tools: list[Tool]
    snapshot: Json
    warnings: list[dict[str, str]]
    unreachable: list[UnreachableServer]


class Stage(Crowd):
    """People, what they do with MCP servers, and what their runs do with tools."""

    server: Stranger

    async def add_server(self, name: str = "one", *, by: str = "ada", url: str = "", **more: Any) -> Any:
        """Adds the stranger, or another server; the data."""
        body = {"name": name, "protocol": "streamable_http", "streamable_http_url": url or self.server.url, **more}
        code, slug, data = await self.call(by, "POST", "/api/mcp/add", body)
        assert code == 200, slug
        # The next one is younger.
        self.house.clock.move(seconds=1)
        return data

    async def put(self, name: str = "one", *, by: str = "ada", **more: Any) -> Answer:
        """Changes a server."""
        body = {"name": name, "protocol": "streamable_http", "streamable_http_url": self.server.url, **more}
        return await self.call(by, "PUT", f"/api/mcp/{name}", body)

    async def row(self, name: str = "one", *, by: str = "ada") -> Json:
        """A server as it is listed."""
        servers = (await self.get(by, "/api/mcp/list"))["servers"]
        return next(each for each in servers if each["name"] == name)

    async def refresh(self, name: str = "one", *, by: str = "ada") -> Json:
        """Looks again."""
        return (await self.call(by, "POST", f"/api/mcp/{name}/refresh", {}))[2]

    async def run_tools(
        self, *names: str, by: str = "ada", owner: str | None = None, door: RunDoor | None = None, **more: Any
    ) -> RunTools:
        """The tools of a run that names some, of its own agent or of one of somebody else."""
        wanted = Wanted(self.ids[by], self.ids[owner or by], agent_names=names, **more)
        source = self.house.services.mcp.run_tools
        async with self.house.services.database.read() as db:
            saved = await source.offer(db, wanted=wanted)
        whole = await source.connect(saved.snapshot)
        tools = source.restore(whole.snapshot, door or RunDoor())
        return RunTools(tools, whole.snapshot, [*saved.warnings, *whole.warnings], whole.unreachable)


def names(tools: Sequence[Tool]) -> list[str]:
    """What tools are called."""
    return [tool.spec.name for tool in tools]


async def used(tool: Tool, heard: list[str] | None = None, **arguments: Any) -> Any:
    """What a tool answers, or (kind, message) of its refusal."""

    async def progress(stream: ProgressStream, text: str) -> None:
        if heard is not None:
            heard.append(text)

    context = ToolContext("call_1", Path("/nowhere"), None, None, progress, "en")  # type: ignore[arg-type]
    try:
        return await tool.run(arguments, context)
    except ToolFailedError as error:
        return error.error_type, error.message


@asynccontextmanager
async def staged(folder: Path, **settings: Any) -> AsyncGenerator[Stage]:
    """A stage with one server, and ada."""
    async with (
        stranger() as server,
        house_in(folder, **{**SOON, **settings}) as house,
        AsyncExitStack() as stack,
    ):
        made = Stage(house, stack)
        made.server = server
        await made.add("ada")
        yield made
