"""Tools of MCP servers as a run has them: each call is checked against what was approved before it is sent."""

import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clary.db.database import Database
from clary.features.mcp_servers.errors import REASONS
from clary.features.mcp_servers.policy import (
    definitions_hash,
    definitions_of,
    read_only,
    shown_description,
    shown_schema,
    tool_hash,
    without_hidden,
)
from clary.features.mcp_servers.ports import (
    CallDoor,
    CallResult,
    Endpoint,
    Listing,
    McpClient,
    McpFailedError,
    RemoteError,
)
from clary.features.mcp_servers.repository import McpServerRepository
from clary.features.mcp_servers.service.asking import Ask, elicit_by
from clary.features.mcp_servers.service.contact import Contacts
from clary.features.mcp_servers.service.extra import ExtraConnections
from clary.features.mcp_servers.tables import McpServerRow
from clary.kit.text import Text
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import Language, words

Json = dict[str, Any]
Save = Callable[[str, bytes], Awaitable[str | None]]
"""Stores a file of a result: a plain name and the data; its workspace path, None when it could not be kept."""

MAX_LABEL: Final = 64

_CHANGED = Text(
    "工具 {name} 的定义在批准后发生了变化，未调用", "The definition of {name} changed since it was approved; not called"
)
_GONE = Text("MCP 服务器 {server} 不再提供工具 {name}", "MCP server {server} no longer has the tool {name}")
_REMOVED = Text("MCP 服务器 {server} 已被移除或停用", "MCP server {server} was removed or switched off")
_DOWN = Text("MCP 服务器 {server}: {reason}", "MCP server {server}: {reason}")
_TOO_LARGE = Text("结果过大", "the result is too large")
_NOT_KEPT = Text("[{kind}，{size} 字节，未保存]", "[{kind}, {size} bytes, not kept]")
_UNKNOWN_SERVER = Text("本次运行没有 MCP 服务器 {server}", "This run has no MCP server {server}")


@dataclass(frozen=True, slots=True)
class RunDoor:
    """What a run lets its servers do: keep files, ask the person. Both may be missing."""

    save: Save | None = None
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class RunServer:
    """A server in a run: its entry of the snapshot, who calls, and how far the run's request had come."""

    id: str
    entry: Json
    caller_id: str
    hops: int

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.entry["name"])


class McpCalls:
    """Sends the calls of all runs."""

    def __init__(
        self,
        *,
        database: Database,
        contacts: Contacts,
        extra: ExtraConnections,
        call_seconds: float,
        max_result_bytes: int,
    ) -> None:
        self._database = database
        self._contacts = contacts
        self._extra = extra
        self.call_seconds = call_seconds
        self._max_result_bytes = max_result_bytes

    @property
    def client(self) -> McpClient:
        """What connects."""
        return self._contacts.client

    async def call(self, server: RunServer, tool: Json, arguments: Json, context: ToolContext, door: RunDoor) -> Any:
        """Calls a tool as it was pinned.

        Raises:
            ToolFailedError
        """
        row, endpoint = await self._reach(server, context.language)
        name = str(tool["name"])

        async def check(listing: Listing) -> None:
            if row is not None:
                await self._keep(row, endpoint, listing)
            _require_unchanged(listing, tool, server, context.language)

        hand = self._hand(check, server, context, door)
        try:
            result = await self.client.call_tool(endpoint, name, arguments, hand)
        except (McpFailedError, RemoteError) as failure:
            raise await self._told(failure, row, server, context.language) from None
        content = await self._content(result, door, name, context.language)
        if result.is_error:
            raise ToolFailedError(content if isinstance(content, str) else str(content))
        return content

    async def read_resource(self, server: RunServer, uri: str, context: ToolContext, door: RunDoor) -> Json | str:
        """Reads a resource.

        Raises:
            ToolFailedError
        """
        row, endpoint = await self._reach(server, context.language)
        try:
            result = await self.client.read_resource(endpoint, uri, self._hand(_pass, server, context, door))
        except (McpFailedError, RemoteError) as failure:
            raise await self._told(failure, row, server, context.language) from None
        return await self._content(result, door, uri.rpartition("/")[2] or "resource", context.language)

    async def get_prompt(
        self, server: RunServer, name: str, arguments: dict[str, str], context: ToolContext, door: RunDoor
    ) -> Json:
        """Reads a prompt.

        Raises:
            ToolFailedError
        """
        row, endpoint = await self._reach(server, context.language)
        try:
            hand = self._hand(_pass, server, context, door)
            messages = await self.client.get_prompt(endpoint, name, arguments, hand)
        except (McpFailedError, RemoteError) as failure:
            raise await self._told(failure, row, server, context.language) from None
        return {"name": name, "messages": [{**each, "text": self._cut(each["text"])} for each in messages]}

    async def _reach(self, server: RunServer, language: Language) -> tuple[McpServerRow | None, Endpoint]:
        """The row as it is now and where to connect; secrets are read at each call, so a change acts at once."""
        try:
            if server.entry["is_extra"]:
                return None, self._extra.endpoint({**server.entry, "id": server.id})
            async with self._database.read() as db:
                row = await McpServerRepository(db).find(server.id)
            if row is None or row.disabled:
                raise ToolFailedError(words(_REMOVED.fill(server=server.name), language))
            return row, await self._contacts.endpoint(row, user_id=server.caller_id)
        except McpFailedError as failure:
            raise await self._told(failure, None, server, language) from None

    async def _keep(self, row: McpServerRow, endpoint: Endpoint, listing: Listing) -> None:
        """Notes a change that a call has met. What a server shows to another person says nothing about the pin."""
        seen_hash = definitions_hash(definitions_of(listing))
        is_news = seen_hash != (row.pending_hash or row.pinned_hash) or row.error_kind is not None
        if is_news and endpoint.user in ("", row.owner_id):
            await self._contacts.record(row, listing)

    def _hand(
        self,
        check: Callable[[Listing], Awaitable[None]],
        server: RunServer,
        context: ToolContext,
        door: RunDoor,
    ) -> CallDoor:
        async def progress(text: str) -> None:
            await context.progress("info", without_hidden(text) + "\n")

        return CallDoor(check, progress, elicit_by(door.ask, server.name), server.hops)

    async def _told(
        self, failure: McpFailedError | RemoteError, row: McpServerRow | None, server: RunServer, language: Language
    ) -> ToolFailedError:
        if isinstance(failure, RemoteError):
            return ToolFailedError(without_hidden(failure.message) or "error")
        if row is not None and row.auth != "oauth" and failure.kind in ("unreachable", "timeout", "unauthorized"):
            await self._contacts.record(row, failure)
        reason = words(_TOO_LARGE if failure.kind == "too_large" else REASONS[failure.kind], language)
        message = words(_DOWN.fill(server=server.name, reason=reason), language)
        return ToolFailedError(message, "TIMEOUT" if failure.kind == "timeout" else "EXECUTION_ERROR")

    async def _content(self, result: CallResult, door: RunDoor, name: str, language: Language) -> Json | str:
        """What the model reads (product.md 8.6): text joined, files as links, the object where there is one."""
        texts, files = list[str](), list[str]()
        for part in result.parts:
            if part.kind == "text":
                texts.append(part.text)
            elif part.kind == "link":
                texts.append(f"[{part.text}]({part.uri})")
            else:
                file_name = _file_name(name, len(files), part.mime_type)
                path = None if door.save is None else await door.save(file_name, part.data)
                kind = part.mime_type or "application/octet-stream"
                note = words(_NOT_KEPT.fill(kind=kind, size=len(part.data)), language)
                texts.append(note if path is None else f"[{file_name}]({path})")
                files += [path] if path is not None else []
        if result.structured is not None and not result.is_error:
            return {**result.structured, **({"files": files} if files else {})}
        return self._cut("\n".join(texts))

    def _cut(self, text: str) -> str:
        # Bytes are counted only where there may be too many.
        text = text.replace("\0", "")
        if len(text) * 4 <= self._max_result_bytes:
            return text
        return text.encode("utf-8", "replace")[: self._max_result_bytes].decode("utf-8", "ignore")


class McpTool:
    """A tool of a server, as the run's snapshot fixed it."""

    def __init__(self, *, name: str, definition: Json, server: RunServer, calls: McpCalls, door: RunDoor) -> None:
        self._definition = definition
        self._server = server
        self._calls = calls
        self._door = door
        is_reading = read_only(definition)
        self._spec = ToolSpec(
            name=name,
            # What a stranger wrote is shown as that, and as no word of ours.
            description=f"[MCP server {server.name}] {shown_description(definition['description'])}",
            parameters=shown_schema(definition["input_schema"]),
            effect="read" if is_reading else "external",
            parallel_safe=is_reading,
            timeout_seconds=calls.call_seconds,
        )

    @property
    def spec(self) -> ToolSpec:
        """See `Tool.spec`."""
        return self._spec

    async def run(self, arguments: Json, context: ToolContext) -> Json | str:
        """See `Tool.run`."""
        return await self._calls.call(self._server, self._definition, arguments, context, self._door)


def find_server(servers: Sequence[RunServer], name: str, language: Language) -> RunServer:
    """A server of the run by its name.

    Raises:
        ToolFailedError
    """
    found = next((server for server in servers if server.name == name), None)
    if found is None:
        raise ToolFailedError(words(_UNKNOWN_SERVER.fill(server=name[:MAX_LABEL]), language), "INVALID_ARGUMENTS")
    return found


def _require_unchanged(listing: Listing, tool: Json, server: RunServer, language: Language) -> None:
    name = str(tool["name"])
    seen = next((each for each in listing.tools if each["name"] == name), None)
    label = without_hidden(name)[:MAX_LABEL]
    if seen is None:
        raise ToolFailedError(words(_GONE.fill(server=server.name, name=label), language))
    if tool_hash(seen) != tool_hash(tool):
        raise ToolFailedError(words(_CHANGED.fill(name=label), language), "PERMISSION_DENIED")


def _file_name(name: str, number: int, mime_type: str) -> str:
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "_-.") else "_" for char in name)[:60]
    ending = mimetypes.guess_extension(mime_type.partition(";")[0].strip()) or ".bin"
    stem = plain.strip(".") or "file"
    return f"{stem}-{number + 1}{ending}" if not stem.endswith(ending) else stem


async def _pass(_listing: Listing) -> None:
    """Lets everything through: resources and prompts are not pinned."""
