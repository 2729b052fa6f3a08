"""Wiring of MCP servers: their client, the services of the slice, and what is done for them from time to time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from clary.adapters.mcp import McpAuthorization, McpGateway, McpLimits, StdioListFile
from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.ports import KnownTools
from clary.features.agents.service import AgentResolver
from clary.features.audit.service import AuditLog
from clary.features.mcp_servers.ports import GrantedAgent
from clary.features.mcp_servers.service import (
    UNAVAILABLE,
    AddressCheck,
    Authorizations,
    Contacts,
    ExtraConnections,
    McpCalls,
    McpOffers,
    McpRunTools,
    McpServerLeaving,
    McpServers,
    McpVault,
    OwnPlace,
    RunDoor,
    TokenKeeper,
    Wanted,
)
from clary.features.permissions.service import Identity
from clary.features.toolbox.ports import ForeignTool
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.duties import Duty
from clary.kit.ids import new_hex
from clary.kit.safe_http import OutboundGuard
from clary.runtime.tools import Sandbox, Tool, ToolFailedError
from clary.settings import Settings
from clary.wiring.mcp_programs import SandboxedPrograms

log = structlog.get_logger()

MIB = 1024 * 1024
TEND_SECONDS = 5.0


class McpParts:
    """The services of MCP servers."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        guard: OutboundGuard,
        secret_box: SecretBox,
        audit: AuditLog,
        clock: Clock,
        built_in: Callable[[], frozenset[str]],
        agents: Callable[[], AgentResolver],
        sandbox: Callable[[], Sandbox],
    ) -> None:
        limits, vault = mcp_limits(settings), McpVault(secret_box)
        door, programs = McpAuthorization(guard, limits), StdioListFile(settings.mcp_stdio_allowlist)
        client = McpGateway(guard, limits, SandboxedPrograms(sandbox))
        tokens = TokenKeeper(database=database, vault=vault, door=door, clock=clock)
        self.contacts = Contacts(
            database=database, client=client, vault=vault, tokens=tokens, programs=programs, clock=clock
        )
        self.authorizations = Authorizations(
            database=database,
            door=door,
            vault=vault,
            tokens=tokens,
            contacts=self.contacts,
            agents=AgentsAskedAbout(agents),
            built_in=built_in,
            clock=clock,
        )
        self.servers = McpServers(
            database=database,
            contacts=self.contacts,
            authorizations=self.authorizations,
            addresses=AddressCheck(guard, programs),
            vault=vault,
            audit=audit,
            clock=clock,
            new_id=_new_id,
            built_in=built_in,
            max_servers=settings.mcp_max_servers_per_user,
        )
        extra = ExtraConnections(vault=vault, new_id=_new_id)
        self.offers = McpOffers(client=client, extra=extra, built_in=built_in)
        self.run_tools = McpRunTools(
            offers=self.offers,
            calls=McpCalls(
                database=database,
                contacts=self.contacts,
                extra=extra,
                call_seconds=settings.mcp_call_seconds,
                max_result_bytes=limits.max_result_bytes,
            ),
        )
        self.leaving = McpServerLeaving(database=database, client=client, clock=clock)
        self._place = OwnPlace(settings.public_url or "", settings.api_prefix, settings.web_base_path)
        self._duty = Duty("mcp_tending", self._tend)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.mcp_servers = self.servers
        state.mcp_authorizations = self.authorizations
        state.mcp_place = self._place

    def start(self) -> None:
        """Begins to look after unreachable servers."""
        self._duty.start()

    async def stop(self) -> None:
        """Ends connections and what is under way."""
        await self._duty.stop()
        await self.contacts.close()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_SECONDS)
            try:
                await self.contacts.tend()
            except UnavailableError:
                log.warning("mcp_tending_put_off")


class AgentsAskedAbout:
    """Fills `AgentDoor` from the agents' slice."""

    def __init__(self, agents: Callable[[], AgentResolver]) -> None:
        self._agents = agents

    async def find_granted(self, session: Session, *, identity: Identity, agent_id: str) -> GrantedAgent | None:
        """See the port."""
        try:
            agent = await self._agents().resolve_for_run(session, identity=identity, agent_id=agent_id)
        except AgentNotFoundError:
            return None
        return GrantedAgent(agent.owner_id, agent.tools)


class McpToolsOutside:
    """Fills the toolbox's `ForeignTools`: the list of all tools, and calls outside a run."""

    def __init__(self, offers: McpOffers, run_tools: McpRunTools) -> None:
        self._offers = offers
        self._run_tools = run_tools

    async def list_tools(self, db: Session, identity: Identity) -> Sequence[ForeignTool]:
        """See the port."""
        return [
            ForeignTool(
                name=each["name"],
                original_name=each["original_name"],
                description=each["description"],
                input_schema=each["input_schema"],
                effect=each["effect"],
                server_name=each["server_name"],
                owner_id=each["user_id"],
                unavailable_reason=each["unavailable_reason"],
                state=each["state"],
            )
            for each in await self._offers.list_tools_of(db, identity=identity)
        ]

    async def find_tool(self, db: Session, identity: Identity, name: str, *, owner_id: str | None) -> Tool | None:
        """See the port."""
        wanted = Wanted(
            caller_id=identity.user_id,
            agent_owner_id=owner_id or identity.user_id,
            agent_names=[name],
        )
        offer = await self._run_tools.offer(db, wanted=wanted)
        meant = [entry["name"] for entry in offer.snapshot["tools"]]
        tools = {tool.spec.name: tool for tool in self._run_tools.restore(offer.snapshot, RunDoor())}
        if meant:
            return tools[meant[0]]
        # What is switched off or gone is listed nowhere either.
        reasons = [UNAVAILABLE.get(warning["reason"].partition(":")[0]) for warning in offer.warnings]
        if not reasons or reasons[0] is None:
            return None
        raise ToolFailedError(reasons[0].render())


class EveryTool:
    """Fills the agents' `KnownTools`: what everybody has, and the tools of the owner's MCP servers."""

    def __init__(self, fixed: KnownTools, offers: McpOffers) -> None:
        self._fixed = fixed
        self._offers = offers

    async def find_known(self, session: Session, *, owner_id: str, names: Sequence[str]) -> frozenset[str]:
        """See the port."""
        fixed = await self._fixed.find_known(session, owner_id=owner_id, names=names)
        left = [name for name in names if name not in fixed]
        if not left:
            return fixed
        return fixed | await self._offers.find_known(session, owner_id=owner_id, names=left)


def mcp_limits(settings: Settings) -> McpLimits:
    """What a server may take (product.md 9)."""
    return McpLimits(
        connect_seconds=settings.mcp_connect_seconds,
        list_seconds=settings.mcp_list_seconds,
        call_seconds=settings.mcp_call_seconds,
        max_tools=settings.mcp_max_tools,
        max_result_bytes=settings.mcp_result_max_mb * MIB,
        max_parallel_calls=settings.mcp_max_parallel_calls,
    )


def _new_id() -> str:
    return new_hex(32)
