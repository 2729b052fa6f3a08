"""Wiring of tools: documents, the web, search services, direct calls."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from clary.adapters.parsers.reader import DocumentReader
from clary.adapters.sandbox import visible_programs
from clary.adapters.web import SearchSettings, WebPages, search_services
from clary.db.database import Database
from clary.features.accounts.service import AddressRate
from clary.features.agents.service import AgentResolver
from clary.features.audit.service import AuditLog
from clary.features.conversations.service import ConversationService
from clary.features.knowledge.service import RunKnowledge
from clary.features.toolbox.ports import (
    ForeignTools,
    ImageReaders,
    NoBounds,
    NoForeignTools,
    NoteBooks,
    Room,
    TaskBooks,
    UploadedFiles,
    WebAccess,
)
from clary.features.toolbox.service import DirectCalls, DirectLimits, Pictures, Surroundings, Toolbox, ToolList
from clary.features.workspaces.service import WorkspaceService
from clary.kit.clock import Clock
from clary.kit.safe_http import OutboundGuard
from clary.runtime.tools import Sandbox
from clary.settings import Settings
from clary.settings.values import plain


class UserRate:
    """Fills tools' `Rate` from the counters of accounts."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._rate = AddressRate(database=database, clock=clock)

    async def count(self, *, kind: str, key: str, limit: int) -> int | None:
        """See the port."""
        return await self._rate.count(kind=kind, address=key, limit=limit, window=timedelta(minutes=1))


class ToolServices:
    """The box, and, once `connect` was called, what the tools page uses."""

    list: ToolList
    calls: DirectCalls

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        guard: OutboundGuard,
        uploads: UploadedFiles,
        room: Room | None = None,
    ) -> None:
        self._settings = settings
        self._room = room or NoBounds()
        self._database = database
        self._rate = UserRate(database=database, clock=clock)
        self.documents = DocumentReader()
        self.pages = WebPages(guard, max_megabytes=settings.fetch_max_mb, seconds=settings.fetch_timeout_seconds)
        self.pictures = Pictures(self.pages, uploads)
        services = search_services(search_settings(settings), outbound_allow=settings.outbound_allow)
        web = WebAccess(
            documents=self.documents,
            pages=self.pages,
            uploads=uploads,
            services=services,
            rate=self._rate,
            searches_per_minute=settings.search_per_minute,
        )
        self.toolbox = Toolbox(
            clock, web=web, room=room, programs=visible_programs(("python3", "node")), has_scheduler=settings.scheduler
        )

    def connect(
        self,
        *,
        sandbox: Callable[[], Sandbox],
        agents: AgentResolver,
        conversations: ConversationService,
        workspaces: WorkspaceService,
        audit: AuditLog,
        foreign: ForeignTools | None = None,
        notes: NoteBooks | None = None,
        images: ImageReaders | None = None,
        knowledge: RunKnowledge | None = None,
        tasks: TaskBooks | None = None,
    ) -> None:
        """Makes the list and direct calls; what may be None comes from the slices above."""
        settings = self._settings
        surroundings = Surroundings(
            sandbox=sandbox,
            agents=agents,
            conversations=conversations,
            workspaces=workspaces,
            scratch=settings.workspaces / "direct-calls",
            room=self._room,
            notes=notes,
            images=images,
            knowledge=knowledge,
            tasks=tasks,
            rate=self._rate,
            foreign=foreign or NoForeignTools(),
        )
        self.list = ToolList(toolbox=self.toolbox, sandbox=sandbox, foreign=foreign)
        self.calls = DirectCalls(
            database=self._database,
            toolbox=self.toolbox,
            audit=audit,
            surroundings=surroundings,
            limits=DirectLimits(
                settings.tools_exec_per_minute, settings.tools_exec_parallel, settings.tool_result_max_tokens
            ),
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.tool_list = self.list
        state.direct_calls = self.calls


def search_settings(settings: Settings) -> SearchSettings:
    """The search services of the operator."""
    return SearchSettings(
        order=settings.search_order,
        searxng_url=settings.search_searxng_url,
        brave_key=plain(settings.search_brave_api_key),
        tavily_key=plain(settings.search_tavily_api_key),
        serpapi_key=plain(settings.search_serpapi_api_key),
        serpapi_url=settings.search_serpapi_url,
    )
