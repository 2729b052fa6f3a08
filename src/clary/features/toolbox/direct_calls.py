"""Calls of tools outside a run: a person's own act (product.md 6.3)."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clary.db.database import Database
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.conversations.service import ConversationService
from clary.features.knowledge.service import RunKnowledge
from clary.features.permissions.service import Identity
from clary.features.toolbox.errors import (
    ToolArgumentsError,
    ToolNeedsRunError,
    ToolNotFoundError,
    ToolRunFailedError,
    ToolTimeoutError,
    ToolUnavailableError,
)
from clary.features.toolbox.filling import kept_where_room
from clary.features.toolbox.knowledge_tool import OwnLibrary
from clary.features.toolbox.ports import (
    AgentsInUse,
    ForeignTools,
    ImageReaders,
    NoBounds,
    NoForeignTools,
    NoRate,
    NoteBooks,
    Rate,
    Room,
    TaskBooks,
    Workspaces,
)
from clary.features.toolbox.toolbox import SESSION_TOOLS, Toolbox, canonical_name
from clary.http.problems import ThrottledError
from clary.kit import json_text
from clary.kit.ids import new_hex
from clary.kit.text import current_locale, cut, same
from clary.runtime.tools import (
    KnowledgeSearch,
    NoteBook,
    ProgressStream,
    Sandbox,
    TaskBook,
    Todo,
    Tool,
    ToolContext,
    ToolFailedError,
)
from clary.runtime.toolset import Language, cap_result, check_arguments, parsed_content

BUILT_IN_AGENT: Final = "default_agent"
_STALE_SECONDS: Final = 3600.0
MAX_ID_SHOWN: Final = 128


@dataclass(frozen=True, slots=True)
class DirectCall:
    """What somebody asks for. `owner_id`, for admins: whose MCP server the tool belongs to."""

    tool_name: str
    arguments: dict[str, Any]
    agent_id: str | None = None
    session_id: str | None = None
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class DirectLimits:
    """Of one person."""

    per_minute: int = 60
    parallel: int = 4
    max_result_tokens: int = 12_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call is given of other slices. `scratch`: folder of temporary workspaces."""

    sandbox: Callable[[], Sandbox]
    agents: AgentsInUse
    conversations: ConversationService
    workspaces: Workspaces
    scratch: Path
    room: Room = field(default_factory=NoBounds)
    foreign: ForeignTools = field(default_factory=NoForeignTools)
    notes: NoteBooks | None = None
    images: ImageReaders | None = None
    knowledge: RunKnowledge | None = None
    tasks: TaskBooks | None = None
    rate: Rate = field(default_factory=NoRate)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a call works; `folder` None: a temporary one."""

    folder: Path | None
    agent_id: str | None
    denied_commands: tuple[str, ...]


class DirectCalls:
    """What POST `/api/tools/exec` does."""

    def __init__(
        self,
        *,
        database: Database,
        toolbox: Toolbox,
        audit: AuditLog,
        surroundings: Surroundings,
        limits: DirectLimits,
    ) -> None:
        self._database = database
        self._toolbox = toolbox
        self._audit = audit
        self._around = surroundings
        self._limits = limits
        self._running: Counter[str] = Counter()

    async def start(self) -> None:
        """Removes temporary workspaces that a dead process left."""
        await asyncio.to_thread(_sweep, self._around.scratch)

    async def execute(self, *, identity: Identity, call: DirectCall) -> Any:
        """The result as a line of a run would show it: an object, or text.

        Cancelling ends the tool, and removes the temporary workspace, before the cancellation goes on.

        Raises:
            ThrottledError, ToolNotFoundError, ToolNeedsRunError, ToolUnavailableError, ToolArgumentsError,
            ToolRunFailedError, ToolTimeoutError; E-AGENT.
        """
        wait = await self._around.rate.count(kind="tools_exec", key=identity.user_id, limit=self._limits.per_minute)
        if wait is not None:
            raise ThrottledError(wait)
        with self._slot(identity.user_id):
            return await self._executed(identity, call)

    @contextlib.contextmanager
    def _slot(self, user_id: str) -> Generator[None]:
        if self._running[user_id] >= self._limits.parallel:
            raise ThrottledError(1)
        self._running[user_id] += 1
        try:
            yield
        finally:
            self._running[user_id] -= 1
            if not self._running[user_id]:
                del self._running[user_id]

    async def _executed(self, identity: Identity, call: DirectCall) -> Any:
        language: Language = "en" if current_locale.get() == "en-US" else "zh"
        tool = await self._tool(identity, call)
        arguments = _checked(tool, call.arguments, language)
        place = await self._place(identity, call)
        if place.denied_commands and call.tool_name in self._toolbox.names:
            tool = self._toolbox.get(call.tool_name, denied_commands=place.denied_commands)
        await self._write_down(identity, tool, call)
        async with self._workspace(place.folder) as workspace:
            context = ToolContext(
                f"call_{new_hex(24)}",
                workspace,
                NoTodos(),
                self._around.sandbox(),
                _unheard,
                language,
                notes=self._notes(identity, place),
                images=self._around.images.of(identity, place.agent_id) if self._around.images is not None else None,
                user_id=identity.user_id,
                knowledge=self._library(identity, language),
                tasks=self._tasks(identity, language),
            )
            return await self._run(tool, arguments, context)

    async def _tool(self, identity: Identity, call: DirectCall) -> Tool:
        name = canonical_name(call.tool_name)
        built_in = self._toolbox.find(name)
        if built_in is None:
            return await self._foreign_tool(identity, call)
        if name in SESSION_TOOLS:
            raise ToolNeedsRunError
        reason = self._toolbox.unavailable_reason(name, self._around.sandbox())
        if reason is not None:
            raise ToolUnavailableError(reason)
        return built_in

    async def _foreign_tool(self, identity: Identity, call: DirectCall) -> Tool:
        owner_id = call.owner_id if identity.is_admin else None
        try:
            async with self._database.read() as db:
                found = await self._around.foreign.find_tool(db, identity, call.tool_name, owner_id=owner_id)
        except ToolFailedError as error:
            raise ToolUnavailableError(same(error.message)) from None
        if found is None:
            raise ToolNotFoundError
        return found

    async def _place(self, identity: Identity, call: DirectCall) -> _Place:
        """The workspace of the own session, else of the agent, else a temporary one."""
        agents, user_id = self._around.agents, identity.user_id
        async with self._database.read() as db:
            named = None
            if call.agent_id:
                named = await agents.resolve_for_run(db, identity=identity, agent_id=call.agent_id)
            session = None
            if call.session_id:
                session = await self._around.conversations.find_own(db, session_id=call.session_id, user_id=user_id)
            if session is not None and identity.may_reach_agent(session.agent_id):
                agent = await agents.resolve_for_conversation(db, identity=identity, agent_id=session.agent_id)
                at: tuple[str | None, str] | None = (agent.agent_id, session.session_id)
            else:
                agent, session = named, None
                at = (agent.agent_id, "") if agent is not None and agent.agent_id != BUILT_IN_AGENT else None
        folder = await self._around.workspaces.ensure(user_id, at[0], at[1]) if at is not None else None
        denied = dict.fromkeys(word for each in (named, agent) if each is not None for word in each.denied_commands)
        return _Place(folder, agent.agent_id if agent is not None else None, tuple(denied))

    def _notes(self, identity: Identity, place: _Place) -> NoteBook | None:
        if self._around.notes is None or place.agent_id is None:
            return None
        return self._around.notes.of(user_id=identity.user_id, agent_id=place.agent_id)

    def _library(self, identity: Identity, language: Language) -> KnowledgeSearch | None:
        knowledge = self._around.knowledge
        return OwnLibrary(knowledge, identity, language) if knowledge is not None else None

    def _tasks(self, identity: Identity, language: Language) -> TaskBook | None:
        # What a task does later needs more than the right to call a tool now.
        if self._around.tasks is None or not (identity.has_scope("write") and identity.has_scope("chat")):
            return None
        return self._around.tasks.of(user_id=identity.user_id, agent_ids=identity.agent_ids, language=language)

    async def _write_down(self, identity: Identity, tool: Tool, call: DirectCall) -> None:
        """Before the call: what cannot be audited does not happen. Arguments stay out, they may hold anything."""
        effect = tool.spec.effect
        if effect == "read":
            return
        # An id that nobody has may be of any length.
        ids = {"agent_id": call.agent_id, "session_id": call.session_id}
        detail = {"effect": effect, **{name: value and cut(value, MAX_ID_SHOWN) for name, value in ids.items()}}
        act = Act(
            "tool.executed",
            Actor.of(identity),
            AuditObject("tool", tool.spec.name, identity.user_id),
            detail={name: value for name, value in detail.items() if value is not None},
        )
        async with self._database.write() as db:
            await self._audit.record(db, act)

    async def _run(self, tool: Tool, arguments: dict[str, Any], context: ToolContext) -> Any:
        try:
            async with asyncio.timeout(tool.spec.timeout_seconds):
                result = await tool.run(arguments, context)
        except ToolFailedError as error:
            if error.error_type in ("INVALID_ARGUMENTS", "INVALID_JSON"):
                raise ToolArgumentsError(error.message) from None
            if error.error_type == "TIMEOUT":
                raise ToolTimeoutError from None
            raise ToolRunFailedError(error.message) from None
        except TimeoutError:
            raise ToolTimeoutError from None
        return await asyncio.to_thread(self._shown, result, context)

    def _shown(self, result: dict[str, Any] | str, context: ToolContext) -> Any:
        place = f".clary/results/{context.tool_call_id}.txt"
        capped = cap_result(result, self._limits.max_result_tokens, f"/workspace/{place}", context.language)
        if capped.whole is not None:
            # The cut result is worth having where its whole finds no room.
            kept_where_room(self._around.room, context.workspace, place, capped.whole.encode("utf-8", "replace"))
        text = capped.result if isinstance(capped.result, str) else json_text.dumps_text(capped.result)
        return parsed_content(text)

    @asynccontextmanager
    async def _workspace(self, folder: Path | None) -> AsyncGenerator[Path]:
        if folder is not None:
            yield folder
            return
        temporary = await asyncio.to_thread(_make_temporary, self._around.scratch)
        try:
            yield temporary
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, temporary))


class NoTodos:
    """There is no task list outside a conversation; the tools that use one are refused before."""

    async def read(self) -> Sequence[Todo]:
        """See `TodoList`."""
        return ()

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        """See `TodoList`."""
        return ()


async def _unheard(stream: ProgressStream, text: str) -> None:
    """Nobody watches a direct call while it runs."""


def _checked(tool: Tool, arguments: dict[str, Any], language: Language) -> dict[str, Any]:
    try:
        return check_arguments(tool.spec, json_text.dumps_text(arguments), language)
    except ToolFailedError as error:
        raise ToolArgumentsError(error.message) from None


def _make_temporary(scratch: Path) -> Path:
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="call-", dir=scratch))


def _remove(folder: Path) -> None:
    """Removes a folder whatever a program made of the rights inside; links are not followed."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        with contextlib.suppress(OSError):
            place.chmod(0o700)
            waiting += [Path(each.path) for each in os.scandir(place) if each.is_dir(follow_symlinks=False)]
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(scratch: Path) -> None:
    """Only what is older than any call can be: other processes may be at work in the same place."""
    with contextlib.suppress(FileNotFoundError):
        for folder in list(scratch.iterdir()):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                    _remove(folder)
