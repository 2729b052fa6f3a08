"""The composition root: says which adapter fills which port. Nothing else does."""

from typing import Any

import structlog

from clary.adapters.model_api.gateway import ModelApiGateway
from clary.adapters.passwords import Argon2Passwords
from clary.db.database import Database
from clary.db.notices import Notices
from clary.features.agents.service import FixedTools
from clary.features.llm_providers.service import Money
from clary.features.toolbox.service import ALIASES
from clary.features.workspaces.service import WorkspaceService
from clary.kit.clock import Clock, SharedClock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_uuid
from clary.kit.safe_http import OutboundGuard
from clary.settings import Settings
from clary.settings.data_dir import prepare_data_dir, secret_key
from clary.wiring.agents import AgentParts, GenerationParts
from clary.wiring.background import Background
from clary.wiring.budgets import BudgetServices
from clary.wiring.execution import ExecutionServices
from clary.wiring.files import FileServices, workspace_room
from clary.wiring.identity import IdentityServices
from clary.wiring.knowledge import KnowledgeServices
from clary.wiring.mcp import EveryTool, McpParts, McpToolsOutside
from clary.wiring.memory import PersonalNoteBooks, make_memory
from clary.wiring.objects import ObjectServices
from clary.wiring.observability import ObservabilityServices
from clary.wiring.parts import (
    FirstSteps,
    csrf_rule,
    edge_rules,
)
from clary.wiring.permissions import make_explainer
from clary.wiring.providers import ModelProviders
from clary.wiring.readiness import make_system
from clary.wiring.schedules import ScheduleServices
from clary.wiring.skills import SkillServices
from clary.wiring.tools import ToolServices
from clary.wiring.upkeep import Upkeep

log = structlog.get_logger()


class ServiceParts:
    """Everything that lives as long as the process, built and not yet started."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, passwords: Argon2Passwords | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SharedClock()
        self.process_id = new_uuid()
        self.edge_rules = edge_rules(settings)
        self.csrf = csrf_rule(settings)
        prepare_data_dir(settings)
        self.database = Database(settings.database, pool_size=settings.database_pool)
        on_time = self.clock.move_to if isinstance(self.clock, SharedClock) else None
        self.notices = Notices(self.database, name=self.process_id, on_time=on_time)
        self.guard = OutboundGuard()
        self.secret_box = SecretBox(secret_key(settings), settings.old_key_bytes)
        self.passwords = passwords or Argon2Passwords()
        self.money = Money(settings.currency, settings.currency_rates, settings.price_list)
        self.background = Background(
            database=self.database,
            notices=self.notices,
            clock=self.clock,
            process_id=self.process_id,
            is_on=settings.jobs,
        )
        self._add_identity()
        self._add_objects()
        self._add_skills()
        self.usage = BudgetServices(
            settings, database=self.database, clock=self.clock, money=self.money, identity=self.identity
        )
        self._add_features()
        self.usage.add_agents(self.agents.service)
        self.usage.name_providers(self.provider_resolver)
        self._add_execution()
        self._add_schedules()
        self._add_work_beside_runs()
        self._add_explainer()
        self.upkeep = Upkeep(
            runs=self.runs,
            run_reports=self.execution.run_reports,
            workspaces=self.workspaces,
            skills=self.skills,
            objects=self.objects,
            knowledge=self.knowledge,
            identity=self.identity,
            usage=self.usage,
            schedules=self.schedules,
        )
        self._add_system()
        self._add_observability()

    def _add_execution(self) -> None:
        self.execution = ExecutionServices(
            self.settings,
            database=self.database,
            notices=self.notices,
            clock=self.clock,
            process_id=self.process_id,
            secret_box=self.secret_box,
            money=self.money,
            identity=self.identity,
            gateway=self.gateway,
            agents=self.agent_resolver,
            agent_removal=self.agents.removal,
            jobs=self.background.queue,
            providers=self.provider_resolver,
            toolbox=self.toolbox,
            pictures=self.tools.pictures,
            workspaces=self.workspaces,
            memory=self.memory,
            run_skills=self.skills.for_runs,
            run_knowledge=self.knowledge.for_runs,
            mcp_servers=self.mcp.leaving,
            files=self.objects.leaving,
            knowledge=self.knowledge.leaving,
            mcp_run_tools=self.mcp.run_tools,
            gate=self.usage.gate,
            metering=self.usage.metering,
        )
        self.conversations = self.execution.conversations
        self.runs = self.execution.runs
        self.shares = self.execution.shares

    def _add_explainer(self) -> None:
        self.permission_explainer = make_explainer(
            self.identity,
            agents=self.agent_resolver,
            conversations=self.shares,
            runs=self.runs,
            providers=self.provider_resolver,
            mcp_servers=self.mcp.servers,
            skills=self.skills.skills,
            files=self.objects.files,
            knowledge_bases=self.knowledge.access,
            documents=self.knowledge.document_targets,
            tasks=self.schedules.tasks,
        )

    def _add_schedules(self) -> None:
        self.schedules = ScheduleServices(
            self.settings,
            database=self.database,
            clock=self.clock,
            identity=self.identity,
            agents=self.agent_resolver,
            chat=self.execution.chat,
            background=self.background,
        )
        self.identity.deletion.ask_first(self.schedules.leaving)
        if self.schedules.is_on:
            self.execution.things.tasks = self.schedules.books

    def _add_work_beside_runs(self) -> None:
        self.generation = GenerationParts(
            self.agents,
            database=self.database,
            clock=self.clock,
            gateway=self.gateway,
            providers=self.provider_resolver,
            metering=self.usage.metering,
            toolbox=self.toolbox,
            conversations=self.execution.conversations,
            background=self.background,
        )
        self.files = FileServices(
            self.settings,
            database=self.database,
            clock=self.clock,
            workspaces=self.workspaces,
            agents=self.agent_resolver,
            conversations=self.conversations,
            audit=self.identity.audit,
        )
        self.tools.connect(
            sandbox=lambda: self.execution.sandbox,
            agents=self.agent_resolver,
            conversations=self.conversations,
            workspaces=self.workspaces,
            audit=self.identity.audit,
            foreign=McpToolsOutside(self.mcp.offers, self.mcp.run_tools),
            notes=PersonalNoteBooks(self.memory),
            images=self.execution.peoples_images,
            knowledge=self.knowledge.for_runs,
            tasks=self.schedules.books if self.schedules.is_on else None,
        )

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
        self.system = make_system(
            self.settings,
            database=self.database,
            clock=self.clock,
            identity=self.identity,
            background=self.background,
            objects=self.objects,
            is_index_answering=self.knowledge.is_index_answering,
            sandbox=lambda: self.execution.sandbox,
            has_scheduler=self.settings.scheduler,
        )

    def _add_objects(self) -> None:
        self.objects = ObjectServices(
            self.settings,
            database=self.database,
            clock=self.clock,
            guard=self.guard,
            secret_box=self.secret_box,
            audit=self.identity.audit,
        )

    def _add_observability(self) -> None:
        self.observability = ObservabilityServices(
            self.settings,
            database=self.database,
            clock=self.clock,
            execution=self.execution,
            usage=self.usage,
            counts={
                "users": self.accounts.count_all,
                "agents": self.agents.service.count_all,
                "conversations": self.conversations.count_all,
                "knowledge_bases": self.knowledge.bases.count_bases,
                "documents": self.knowledge.bases.count_documents,
            },
            stored={"files": self.objects.files.sum_bytes, "knowledge": self.knowledge.bases.sum_bytes},
            jobs=self.background.queue,
            system=self.system,
            rules=self.permission_explainer,
            built_in=lambda: self.toolbox.names,
        )

    def _add_skills(self) -> None:
        self.skills = SkillServices(
            self.settings, database=self.database, clock=self.clock, guard=self.guard, identity=self.identity
        )

    def _add_features(self) -> None:
        settings, clock = self.settings, self.clock
        self.tools = ToolServices(
            settings,
            database=self.database,
            clock=clock,
            guard=self.guard,
            uploads=self.objects.reading,
            room=workspace_room(settings),
        )
        self.toolbox = self.tools.toolbox
        self.gateway = ModelApiGateway(self.guard)
        self.mcp = self._mcp_parts()
        self.models = ModelProviders(
            settings,
            database=self.database,
            clock=clock,
            guard=self.guard,
            secret_box=self.secret_box,
            gateway=self.gateway,
            money=self.money,
            identity=self.identity,
            metering=self.usage.metering,
        )
        self.provider_resolver = self.models.resolver
        self.knowledge = KnowledgeServices(
            self.settings,
            database=self.database,
            clock=self.clock,
            process_id=self.process_id,
            guard=self.guard,
            identity=self.identity,
            providers=self.provider_resolver,
            background=self.background,
            meters=self.usage.knowledge_meters,
        )
        self.workspaces = WorkspaceService(
            settings.workspaces, database=self.database, clock=clock, grace_days=settings.workspace_grace_days
        )
        self.agents = AgentParts(
            settings,
            clock=clock,
            identity=self.identity,
            providers=self.provider_resolver,
            money=self.money,
            tools=EveryTool(FixedTools((*self.toolbox.names, *ALIASES)), self.mcp.offers),
            skills=self.skills.for_runs,
            knowledge_bases=self.knowledge.for_runs,
        )
        self.agent_resolver = self.agents.resolver
        self.memory = make_memory(
            database=self.database, agents=self.agent_resolver, audit=self.identity.audit, clock=clock
        )
        self.skills.ask_agents(self.agent_resolver, self.agents.service, self.workspaces)
        self.agents.removal.set_things((self.workspaces, self.memory, self.skills.skills))

    def _mcp_parts(self) -> McpParts:
        return McpParts(
            self.settings,
            database=self.database,
            guard=self.guard,
            secret_box=self.secret_box,
            audit=self.identity.audit,
            clock=self.clock,
            built_in=lambda: frozenset((*self.toolbox.names, *ALIASES)),
            agents=lambda: self.agent_resolver,
            sandbox=lambda: self.execution.sandbox,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.database = self.database
        self.identity.publish(state)
        state.cookies_secure = self.settings.cookies_secure
        state.system = self.system
        state.heartbeat_seconds = self.settings.stream_heartbeat_seconds
        self.agents.publish(state)
        self.generation.publish(state)
        state.permission_explainer = self.permission_explainer
        self.models.publish(state)
        self.usage.publish(state)
        self.mcp.publish(state)
        self.execution.publish(state)
        self.tools.publish(state)
        self.files.publish(state)
        self.objects.publish(state)
        state.memory = self.memory
        self.skills.publish(state)
        self.observability.publish(state)
        self.knowledge.publish(state)
        self.schedules.publish(state)
