"""The composition root: says which adapter fills which port, and starts and stops what has to be. Nothing else does."""

import asyncio
import base64
import os
import secrets
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter, Request
from pydantic import SecretStr

from clary import __version__
from clary.adapters.access_tokens import JwtAccessTokens
from clary.adapters.event_log import SqliteEventLog
from clary.adapters.model_api.gateway import ModelApiGateway
from clary.adapters.passwords import Argon2Passwords
from clary.adapters.sandbox import NoSandbox, SandboxLimits, make_sandbox
from clary.db.database import Database, UnavailableError
from clary.db.migrate import ensure_schema, schema_state
from clary.db.session import Session
from clary.errors import InvalidRequestError
from clary.features.accounts import routes as account_routes
from clary.features.accounts.guards import RequestAuthenticator
from clary.features.accounts.ports import AccessTokens
from clary.features.accounts.service import AccountService, Credentials, SignIn, ensure_signing_key
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
from clary.features.conversations import routes as conversation_routes
from clary.features.conversations.service import ConversationService, HistoryReader
from clary.features.conversations.shares import ShareService
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
from clary.features.system import routes as system_routes
from clary.features.system.service import SystemFacts, SystemService
from clary.features.toolbox.service import ALIASES, Toolbox
from clary.features.workspaces.service import WorkspaceService
from clary.http.access import Authenticator
from clary.http.csrf import CsrfRule
from clary.http.middleware import EdgeRules
from clary.http.peers import AddressList
from clary.kit.clock import Clock, SystemClock
from clary.kit.crypto import DecryptionError, SecretBox
from clary.kit.ids import new_hex, new_uuid
from clary.kit.safe_http import OutboundGuard
from clary.runtime.tools import Sandbox
from clary.settings import Settings, SettingsError
from clary.streams.hub import Hub

log = structlog.get_logger()

LOG_SWEEP_SECONDS = 600.0
KEY_BYTES = 32


def edge_rules(settings: Settings) -> EdgeRules:
    """What the operator decided about the edge (platform.md 2.4, 2.7)."""
    hosts, literal = frozenset(settings.allowed_hosts), False
    if not hosts and settings.is_production and settings.public_host is not None:
        hosts, literal = frozenset({settings.public_host, "localhost"}), True
    return EdgeRules(
        trusted_forwarders=AddressList(settings.forwarded_allow_ips),
        allowed_hosts=hosts,
        literal_hosts=literal,
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

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, passwords: Argon2Passwords | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.process_id = new_uuid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Future[None] | None = None
        self.edge_rules = edge_rules(settings)
        self.csrf = csrf_rule(settings)
        prepare_data_dir(settings)
        self.database = Database(settings.database, pool_size=settings.database_pool)
        self.guard = OutboundGuard(settings.outbound_allow)
        self.secret_box = SecretBox(secret_key(settings), settings.old_key_bytes)
        self.passwords = passwords or Argon2Passwords()
        self._add_accounts()
        self._add_features()
        self._add_runtime()

    def _add_accounts(self) -> None:
        self._tokens: JwtAccessTokens | None = None
        self.credentials = Credentials(database=self.database, tokens=self._access_tokens, clock=self.clock)
        self.authenticator: Authenticator = RequestAuthenticator(self.credentials)
        self.accounts = AccountService(
            database=self.database,
            passwords=self.passwords,
            credentials=self.credentials,
            onboarding=FirstSteps(self),
            clock=self.clock,
            directory=self.settings.user_directory,
        )
        self.sign_in = SignIn(
            database=self.database, passwords=self.passwords, credentials=self.credentials, clock=self.clock
        )

    def _access_tokens(self) -> AccessTokens:
        assert self._tokens is not None, "services are not started"
        return self._tokens

    def _add_system(self) -> None:
        settings = self.settings
        facts = SystemFacts(
            settings.instance_name, __version__, settings.share_mode, settings.demo_model_on, settings.upload_max_mb
        )
        self.system = SystemService(
            facts=facts,
            checks={
                "database": self._database_answers,
                "migrations": self._schema_is_current,
                "secret_key": self._is_started,
                "data_dir": self._data_dir_is_writable,
                "object_store": None,
                "event_log": self._is_started,
                "jobs": None,
            },
            features=lambda: {
                "sandbox": self.sandbox.unavailable_reason is None,
                "scheduler": False,
                "mcp_server": False,
                "v1": False,
                "ocr": False,
            },
            clock=self.clock,
        )

    async def _database_answers(self) -> bool:
        await self.database.ping()
        return True

    async def _schema_is_current(self) -> bool:
        return (await asyncio.to_thread(schema_state, self.settings.database)).is_current

    async def _is_started(self) -> bool:
        return self._tokens is not None

    async def _data_dir_is_writable(self) -> bool:
        return await asyncio.to_thread(os.access, self.settings.data_dir, os.W_OK)

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
        self.workspaces = WorkspaceService(settings.workspaces)

    def _add_runtime(self) -> None:
        settings, clock = self.settings, self.clock
        self.event_log = SqliteEventLog(self.database)
        self.hub = Hub(self.event_log)
        self.active_runs = ActiveRuns(self.database)
        self.runs = RunService(
            database=self.database, event_log=self.event_log, clock=clock, log_ttl_hours=settings.run_log_ttl_hours
        )
        history = HistoryReader(database=self.database, runs=self.runs, event_log=self.event_log)
        self.conversations = ConversationService(
            database=self.database,
            runs=self.runs,
            history=history,
            workspaces=self.workspaces,
            clock=clock,
            shares_by_link=settings.share_mode == "link",
        )
        self.shares = ShareService(
            database=self.database,
            conversations=self.conversations,
            history=history,
            clock=clock,
            mode=settings.share_mode,
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

        self.conversations.stop_runs_with(self.chat)
        self._add_system()

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.database = self.database
        state.authenticator = self.authenticator
        state.cookies_secure = self.settings.cookies_secure
        state.accounts = self.accounts
        state.sign_in = self.sign_in
        state.system = self.system
        state.heartbeat_seconds = self.settings.stream_heartbeat_seconds
        state.agents = self.agents
        state.llm_providers = self.llm_providers
        state.llm_provider_verification = self.verification
        state.conversations = self.conversations
        state.shares = self.shares
        state.runs = self.runs
        state.chat = self.chat
        state.active_runs = self.active_runs

    async def start(self) -> None:
        """Schema, keys, event log, sandbox; then runs that a dead process left go on.

        Raises:
            SettingsError, SchemaError, UnavailableError: the start is refused; what was opened is closed again.
        """
        try:
            await self._start_accounts()
        except BaseException:
            await self._close()
            raise
        await self.event_log.start()
        limits = SandboxLimits(cpu_seconds=self.settings.sandbox_cpu_seconds, memory_mb=self.settings.sandbox_memory_mb)
        self.sandbox = await make_sandbox("on" if self.settings.sandbox else "off", limits=limits)
        await self.supervisor.start(self.preparer.prepare)
        self._sweeper = asyncio.create_task(self._sweep_logs())
        if self.admin_password is not None:
            announce_password(self.settings.bootstrap_admin_username, self.admin_password)

    async def _start_accounts(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(ensure_schema, self.settings.database)
        try:
            self._tokens = JwtAccessTokens(*await ensure_signing_key(self.database, self.secret_box, self.clock))
        except DecryptionError:
            raise SettingsError("CLARY_SECRET_KEY", "does not fit the database") from None
        try:
            self.admin_password = await self.accounts.ensure_admin(
                username=self.settings.bootstrap_admin_username,
                password=_plain(self.settings.bootstrap_admin_password),
                email=self.settings.bootstrap_admin_email,
            )
        except InvalidRequestError as problem:
            raise SettingsError(f"CLARY_BOOTSTRAP_ADMIN_{_culprit(problem)}", problem.message.en) from None

    async def _sweep_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_SWEEP_SECONDS)
            try:
                await self.runs.sweep_expired_logs()
                await self.accounts.sweep()
            except UnavailableError:
                log.warning("log_sweep_put_off")

    def drain_soon(self) -> None:
        """Called from a signal: readiness turns, runs are given back and streams end, inside the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self._draining or self._begin_drain())

    def _begin_drain(self) -> None:
        self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        self.system.draining = True
        self._sweeper.cancel()
        self.active_runs.close_all()
        await self.supervisor.stop()

    async def stop(self) -> None:
        """Gives runs back, writes what is queued, closes everything."""
        if self._draining is None:
            self._begin_drain()
        assert self._draining is not None
        await self._draining
        await self.event_log.stop()
        await self._close()

    async def _close(self) -> None:
        await self.gateway.close()
        await self.database.close()
        self.passwords.close()


class FirstSteps:
    """Fills accounts' `Onboarding` from providers and agents."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def has_provider(self, db: Session, *, user_id: str) -> bool:
        """See the port."""
        return await self._services.provider_resolver.has_usable_provider(db, user_id=user_id)

    async def has_agent(self, db: Session, *, user_id: str) -> bool:
        """See the port."""
        return await self._services.agent_resolver.has_agent(db, user_id=user_id)


def prepare_data_dir(settings: Settings) -> None:
    """Makes the data directory, for its owner only.

    Raises:
        SettingsError: it cannot be made or written to.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("CLARY_DATA_DIR", f"cannot be made ({error.strerror})") from None
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise SettingsError("CLARY_DATA_DIR", "is not writable")


def secret_key(settings: Settings) -> bytes:
    """The server's key: given, or in a file that only its owner may read, made at the first start.

    Raises:
        SettingsError: the file is there but cannot be used.
    """
    if settings.key_bytes is not None:
        return settings.key_bytes
    path = settings.data_dir / "secret.key"
    try:
        if not path.exists():
            _make_key_file(path)
        key = base64.b64decode(path.read_text("ascii"), validate=True)
    except (OSError, ValueError):
        raise SettingsError("CLARY_SECRET_KEY", "secret.key in the data directory cannot be read") from None
    if len(key) != KEY_BYTES:
        raise SettingsError("CLARY_SECRET_KEY", "secret.key in the data directory is damaged")
    return key


def _make_key_file(path: Path) -> None:
    """Written aside and linked, so that of two first starts one wins and nobody reads half a key."""
    draft = path.with_name(f"{path.name}.{new_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def announce_password(username: str, password: str) -> None:
    """Tells the first admin's password once, on the terminal and nowhere else (platform.md 4.5)."""
    print(f"\n  First sign-in: user {username}, one-time password {password}\n", file=sys.stderr, flush=True)  # noqa: T201


def _culprit(problem: InvalidRequestError) -> str:
    """Which variable of the first admin a refusal is about."""
    return problem.slug.split("_")[0].upper()


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def build_services(settings: Settings) -> Services:
    """All services of one process; nothing is started yet."""
    return Services(settings)


def routers(settings: Settings) -> list[APIRouter]:
    """The routes of every slice."""
    return [
        system_routes.router,
        account_routes.router,
        provider_routes.router,
        agent_routes.router,
        conversation_routes.router,
        chat_routes.router,
        run_routes.router,
    ]
