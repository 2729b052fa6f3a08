"""The composition root: says which adapter fills which port, and starts and stops what has to be. Nothing else does."""

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Any

import structlog

from clary import __version__
from clary.adapters.model_api.gateway import ModelApiGateway
from clary.adapters.passwords import Argon2Passwords
from clary.db.database import Database
from clary.db.migrate import ensure_schema, schema_state
from clary.errors import InvalidRequestError
from clary.features.agents.service import (
    AgentLimits,
    AgentReferences,
    AgentResolver,
    AgentService,
    AgentSharing,
    ConfigurationCheck,
    FixedTools,
)
from clary.features.llm_providers.service import (
    KeyVault,
    Money,
    ProviderResolver,
    ProviderService,
    ProviderVerification,
)
from clary.features.system.service import SystemService
from clary.features.toolbox.service import ALIASES, Toolbox
from clary.features.workspaces.service import WorkspaceService
from clary.kit.clock import Clock, SystemClock
from clary.kit.crypto import DecryptionError, SecretBox
from clary.kit.ids import new_hex, new_uuid
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings, SettingsError
from clary.settings.data_dir import prepare_data_dir, secret_key
from clary.settings.values import plain
from clary.wiring.execution import ExecutionServices
from clary.wiring.identity import IdentityServices
from clary.wiring.parts import (
    FirstSteps,
    VerificationLedger,
    announce_password,
    csrf_rule,
    culprit,
    default_provider,
    edge_rules,
    system_facts,
)
from clary.wiring.permissions import make_explainer
from clary.wiring.skills import SkillServices
from clary.wiring.upkeep import Upkeep

log = structlog.get_logger()


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
        self.guard = OutboundGuard()
        self.secret_box = SecretBox(secret_key(settings), settings.old_key_bytes)
        self.passwords = passwords or Argon2Passwords()
        self.money = Money(settings.currency, settings.currency_rates, settings.price_list)
        self._add_identity()
        self._add_skills()
        self._add_features()
        self.execution = ExecutionServices(
            settings,
            database=self.database,
            clock=self.clock,
            process_id=self.process_id,
            secret_box=self.secret_box,
            money=self.money,
            identity=self.identity,
            gateway=self.gateway,
            agents=self.agent_resolver,
            providers=self.provider_resolver,
            toolbox=self.toolbox,
            workspaces=self.workspaces,
            agent_things=self.agent_things,
        )
        self.conversations = self.execution.conversations
        self.runs = self.execution.runs
        self.shares = self.execution.shares
        self.permission_explainer = make_explainer(
            self.identity,
            agents=self.agent_resolver,
            conversations=self.shares,
            runs=self.runs,
            providers=self.provider_resolver,
            skills=self.skills.skills,
        )
        self.upkeep = Upkeep(runs=self.runs, skills=self.skills, identity=self.identity)
        self._add_system()

    def _add_identity(self) -> None:
        self.identity = IdentityServices(
            self.settings,
            database=self.database,
            clock=self.clock,
            secret_box=self.secret_box,
            passwords=self.passwords,
            onboarding=FirstSteps(lambda: self.provider_resolver, lambda: self.agent_resolver),
            rates=self.money,
        )
        self.identity.live.add_listener(lambda values: self.guard.replace_allow(values.outbound_allow))
        self.accounts = self.identity.accounts
        self.groups = self.identity.groups
        self.authenticator = self.identity.authenticator
        self.credentials = self.identity.credentials
        self.user_administration = self.identity.user_administration

    def _add_system(self) -> None:
        settings = self.settings
        self.system = SystemService(
            facts=system_facts(settings, __version__),
            live=lambda: self.identity.live.values,
            checks={
                "database": self._database_answers,
                "migrations": self._schema_is_current,
                "secret_key": self._is_started,
                "data_dir": self._data_dir_is_writable,
                "object_store": None,
                "event_log": self._is_started,
                "jobs": None,
            },
            external_providers=self.identity.upstream_login.list_providers,
            features=lambda: {
                "sandbox": self.execution.sandbox.unavailable_reason is None,
                **dict.fromkeys(("scheduler", "mcp_server", "v1", "ocr"), False),
            },
            clock=self.clock,
        )

    async def _database_answers(self) -> bool:
        await self.database.ping()
        return True

    async def _schema_is_current(self) -> bool:
        return (await asyncio.to_thread(schema_state, self.settings.database)).is_current

    async def _is_started(self) -> bool:
        return self.identity.tokens is not None

    async def _data_dir_is_writable(self) -> bool:
        return await asyncio.to_thread(os.access, self.settings.data_dir, os.W_OK)

    def _add_skills(self) -> None:
        self.skills = SkillServices(
            self.settings, database=self.database, clock=self.clock, guard=self.guard, identity=self.identity
        )
        self.agent_things = (self.skills.skills,)

    def _add_features(self) -> None:
        settings, clock = self.settings, self.clock
        self.toolbox = Toolbox(clock)
        self.gateway = ModelApiGateway(self.guard)
        vault = KeyVault(self.secret_box)
        self.provider_resolver = ProviderResolver(
            vault=vault,
            groups=self.identity.memberships,
            default=default_provider(settings),
            demo_model=lambda: self.identity.live.values.demo_model,
        )
        self.llm_providers = ProviderService(
            resolver=self.provider_resolver,
            vault=vault,
            guard=self.guard,
            money=self.money,
            references=AgentReferences(),
            audit=self.identity.audit,
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
            ledger=VerificationLedger(),
            money=self.money,
            clock=clock,
            new_id=new_uuid,
        )
        limits = AgentLimits(settings.max_agents_per_user, settings.default_max_loop_count, settings.max_loop_count)
        self.agent_resolver = AgentResolver(limits=limits)
        self.agents = AgentService(
            check=ConfigurationCheck(
                providers=self.provider_resolver,
                tools=FixedTools((*self.toolbox.names, *ALIASES)),
                money=self.money,
                grants=self.identity.grants,
                groups=self.identity.memberships,
            ),
            grants=self.identity.grants,
            audit=self.identity.audit,
            limits=limits,
            clock=clock,
            new_agent_id=lambda: "agent_" + new_hex(8),
            things=self.agent_things,
        )
        self.agent_sharing = AgentSharing(
            grants=self.identity.grants,
            accounts=self.accounts,
            groups=self.identity.memberships,
            audit=self.identity.audit,
        )
        self.workspaces = WorkspaceService(settings.workspaces)
        self.skills.ask_agents(self.agent_resolver, self.agents, self.workspaces)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.database = self.database
        self.identity.publish(state)
        state.cookies_secure = self.settings.cookies_secure
        state.system = self.system
        state.heartbeat_seconds = self.settings.stream_heartbeat_seconds
        state.agents = self.agents
        state.agent_sharing = self.agent_sharing
        state.permission_explainer = self.permission_explainer
        state.llm_providers = self.llm_providers
        state.llm_provider_verification = self.verification
        self.execution.publish(state)
        self.skills.publish(state)

    async def start(self) -> None:
        """Schema, keys, event log, sandbox; then runs that a dead process left go on.

        Raises:
            SettingsError, SchemaError, UnavailableError: the start is refused; what was opened is closed again.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._close)
            await self._start_accounts()
            undo.pop_all()
        await self.execution.start()
        await self.identity.record_start(__version__)
        await self.upkeep.start()
        if self.admin_password is not None:
            announce_password(self.settings.bootstrap_admin_username, self.admin_password)

    async def _start_accounts(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(ensure_schema, self.settings.database)
        try:
            await self.identity.start()
        except DecryptionError:
            raise SettingsError("CLARY_SECRET_KEY", "does not fit the database") from None
        try:
            self.admin_password = await self.accounts.ensure_admin(
                username=self.settings.bootstrap_admin_username,
                password=plain(self.settings.bootstrap_admin_password),
                email=self.settings.bootstrap_admin_email,
            )
        except InvalidRequestError as problem:
            raise SettingsError(f"CLARY_BOOTSTRAP_ADMIN_{culprit(problem)}", problem.message.en) from None

    def drain_soon(self) -> None:
        """Called from a signal: readiness turns, runs are given back and streams end, inside the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: self._draining or self._begin_drain())

    def _begin_drain(self) -> None:
        self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        self.system.draining = True
        await self.upkeep.stop()
        await self.execution.drain()

    async def stop(self) -> None:
        """Gives runs back, writes what is queued, closes everything."""
        if self._draining is None:
            self._begin_drain()
        assert self._draining is not None
        await self._draining
        await self.execution.event_log.stop()
        await self.identity.stop()
        await self._close()

    async def _close(self) -> None:
        await self.gateway.close()
        await self.database.close()
        self.passwords.close()


def build_services(settings: Settings) -> Services:
    """All services of one process; nothing is started yet."""
    return Services(settings)
