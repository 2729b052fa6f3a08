"""The composition root: says which adapter fills which port, and starts and stops what has to be. Nothing else does."""

import asyncio

from decimal import Decimal

from typing import Any

from fastapi import APIRouter, Request

from clary.adapters.event_log import SqliteEventLog
from clary.adapters.model_api.gateway import ModelApiGateway
from clary.adapters.sandbox import NoSandbox, SandboxLimits, make_sandbox
from clary.db.database import Database
from clary.features.agents import routes as agent_routes
from clary.features.agents.service import (
    AgentLimits,
    AgentReferences,
    AgentResolver,
    AgentService,
    ConfigurationCheck,
    FixedTools,
)
from clary.features.chat import routes as chat_routes
from clary.features.chat.active import ActiveRuns
from clary.features.chat.preparing import RunPreparer
from clary.features.chat.resolving import ContextShares, LoopLimits, RunResolver
from clary.features.chat.service import ChatLimits, ChatService
from clary.features.chat.supervisor import RunSupervisor
from clary.features.conversations.service import ConversationService
from clary.features.llm_providers import routes as provider_routes
from clary.features.llm_providers.service import (
    DefaultProvider,
    KeyVault,
    Money,
    NoGroups,
    ProviderResolver,
    ProviderService,
    ProviderVerification,
)
from clary.features.runs import routes as run_routes
from clary.features.runs.service import RunService
from clary.features.toolbox.service import ALIASES, Toolbox
from clary.features.workspaces.service import WorkspaceService
from clary.http.access import Authenticator
from clary.http.csrf import CsrfRule
from clary.http.middleware import EdgeRules
from clary.http.peers import AddressList
from clary.kit.clock import Clock, SystemClock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_hex, new_uuid
from clary.kit.safe_http import OutboundGuard
from clary.runtime.tools import Sandbox
from clary.settings import Settings
from clary.streams.hub import Hub

LOG_SWEEP_SECONDS = 600.0


def edge_rules(settings: Settings) -> EdgeRules:
    """What the operator decided about the edge (platform.md 2.4, 2.7)."""
    return EdgeRules(
        trusted_forwarders=AddressList(settings.forwarded_allow_ips),
        allowed_hosts=frozenset(host.lower() for host in settings.allowed_hosts),
        cors_origins=frozenset(settings.cors_allowed_origins),
        strict_transport=settings.is_https,
    )


def csrf_rule(settings: Settings) -> CsrfRule:
    """Own and listed origins (platform.md 2.5)."""

    def own_origin(request: Request) -> str:
        return settings.public_url or request.state.peer.origin

    listed = frozenset(settings.cors_allowed_origins) - {"*"}
    return CsrfRule(own_origin, lambda: listed)


def default_provider(settings: Settings) -> DefaultProvider | None:
    """The provider of the environment, if all three parts are there (platform.md 8.1)."""
    key, url, model = settings.default_llm_api_key, settings.default_llm_api_base_url, settings.default_llm_model_name
    if key is None or not url or not model:
        return None
    return DefaultProvider(
        base_url=url.rstrip("/"),
        api_key=key.get_secret_value(),
        model=model,
        max_tokens=settings.default_llm_max_tokens,
        max_model_len=settings.default_llm_max_model_len,
        temperature=settings.default_llm_temperature,
        top_p=settings.default_llm_top_p,
        presence_penalty=settings.default_llm_presence_penalty,
        supports_multimodal=settings.default_llm_multimodal,
    )


class Services:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.process_id = new_uuid()
        self.edge_rules = edge_rules(settings)
        self.csrf = csrf_rule(settings)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.database = Database(settings.database, pool_size=settings.database_pool)
        self.guard = OutboundGuard(settings.outbound_allow)
        self.secret_box = SecretBox(secret_key(settings), settings.old_key_bytes)
        self._add_features()
        self._add_runtime()

    authenticator: Authenticator

    def _add_features(self) -> None:
        settings, clock = self.settings, self.clock
        self.toolbox = Toolbox(clock)
        self.gateway = ModelApiGateway(self.guard)
        self.money = Money(settings.currency, {settings.currency: Decimal(1)})
        vault = KeyVault(self.secret_box)
        self.provider_resolver = ProviderResolver(
            vault=vault, groups=NoGroups(), default=default_provider(settings), demo_model=settings.demo_model_on
        )
        self.llm_providers = ProviderService(
            resolver=self.provider_resolver,
            vault=vault,
            guard=self.guard,
            money=self.money,
            references=AgentReferences(),
            clock=clock,
            new_id=new_uuid,
        )
        self.verification = ProviderVerification(
            database=self.database,
            providers=self.llm_providers,
            resolver=self.provider_resolver,
            vault=vault,
            guard=self.guard,
            probe=self.gateway,
            clock=clock,
            new_id=new_uuid,
        )
        limits = AgentLimits(settings.max_agents_per_user, settings.default_max_loop_count, settings.max_loop_count)
        self.agent_resolver = AgentResolver(limits=limits)
        self.agents = AgentService(
            check=ConfigurationCheck(
                providers=self.provider_resolver, tools=FixedTools((*self.toolbox.names, *ALIASES)), money=self.money
            ),
            limits=limits,
            clock=clock,
            new_agent_id=lambda: "agent_" + new_hex(8),
        )
        self.conversations = ConversationService()
        self.workspaces = WorkspaceService(settings.workspaces)

    def _add_runtime(self) -> None:
        settings, clock = self.settings, self.clock
        self.event_log = SqliteEventLog(self.database)
        self.hub = Hub(self.event_log)
        self.active_runs = ActiveRuns(self.database)
        self.runs = RunService(
            database=self.database, event_log=self.event_log, clock=clock, log_ttl_hours=settings.run_log_ttl_hours
        )
        self.sandbox: Sandbox = NoSandbox("not probed yet")
        self.supervisor = RunSupervisor(
            database=self.database,
            hub=self.hub,
            clock=clock,
            process_id=self.process_id,
            lease_seconds=settings.run_lease_seconds,
            grace_seconds=settings.disconnect_grace_seconds,
            reconnect_seconds=settings.reconnect_window_seconds,
            max_active=settings.max_active_runs,
            max_seconds=settings.run_max_seconds,
            sole_process=self.database.is_sqlite,
            on_change=self.active_runs.changed,
        )
        self.preparer = RunPreparer(
            database=self.database,
            hub=self.hub,
            secret_box=self.secret_box,
            models=self.gateway,
            toolbox=self.toolbox,
            sandbox=lambda: self.sandbox,
            workspaces=self.workspaces,
            money=self.money,
            clock=clock,
            max_result_tokens=settings.tool_result_max_tokens,
        )
        shares = ContextShares(
            settings.context_history_ratio,
            settings.context_active_ratio,
            settings.context_max_new_message_ratio,
            settings.context_recent_turns,
            settings.context_compression_threshold,
        )
        self.chat = ChatService(
            database=self.database,
            hub=self.hub,
            supervisor=self.supervisor,
            resolver=RunResolver(
                agents=self.agent_resolver,
                providers=self.provider_resolver,
                toolbox=self.toolbox,
                shares=shares,
                limits=LoopLimits(settings.default_max_loop_count, settings.max_loop_count),
            ),
            conversations=self.conversations,
            runs=self.runs,
            secret_box=self.secret_box,
            clock=clock,
            limits=ChatLimits(settings.max_active_runs_per_user, settings.max_views_per_run),
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.database = self.database
        state.authenticator = self.authenticator
        state.heartbeat_seconds = self.settings.stream_heartbeat_seconds
        state.agents = self.agents
        state.llm_providers = self.llm_providers
        state.llm_provider_verification = self.verification
        state.conversations = self.conversations
        state.runs = self.runs
        state.chat = self.chat
        state.active_runs = self.active_runs

    async def start(self) -> None:
        """Schema, keys, event log, sandbox; then runs that a dead process left go on."""
        await asyncio.to_thread(ensure_schema, self.settings.database)
        await self.event_log.start()
        limits = SandboxLimits(cpu_seconds=self.settings.sandbox_cpu_seconds, memory_mb=self.settings.sandbox_memory_mb)
        self.sandbox = await make_sandbox("on" if self.settings.sandbox else "off", limits=limits)
        await self.supervisor.start(self.preparer.prepare)

    async def stop(self) -> None:
        """Gives runs back, writes what is queued, closes everything."""
        self.active_runs.close_all()
        await self.supervisor.stop()
        await self.event_log.stop()
        await self.gateway.close()
        await self.database.close()


def build_services(settings: Settings) -> Services:
    """All services of one process; nothing is started yet."""
    return Services(settings)


def routers(settings: Settings) -> list[APIRouter]:
    """The routes of every slice."""
    return [provider_routes.router, agent_routes.router, chat_routes.router, run_routes.router]
