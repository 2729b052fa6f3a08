"""Wiring of what executes: conversations, runs, the hub, the sandbox, chat."""

from typing import Any

from clary.adapters.event_log import event_log_on
from clary.adapters.model_api.gateway import ModelApiGateway
from clary.adapters.sandbox import NoSandbox, SandboxLimits, make_sandbox
from clary.db.database import Database
from clary.db.notices import Notices
from clary.features.accounts.ports import OwnedThings
from clary.features.agents.service import AgentRemoval, AgentResolver
from clary.features.chat.active import ActiveRuns
from clary.features.chat.building import LoopBuilder
from clary.features.chat.child_config import ChildResolver
from clary.features.chat.children import ChildRuns
from clary.features.chat.image_files import ImageFiles
from clary.features.chat.images import PeoplesImages
from clary.features.chat.overriding import ContextShares
from clary.features.chat.preparing import RunPreparer
from clary.features.chat.resolving import LoopLimits, RunResolver
from clary.features.chat.service import ChatLimits, ChatService
from clary.features.chat.supervisor import RunSupervisor
from clary.features.chat.things import RunThings
from clary.features.chat.tree import TreeLimits
from clary.features.conversations.citations import CitationService
from clary.features.conversations.service import ConversationService, HistoryReader, SourceBook
from clary.features.conversations.shares import ShareService
from clary.features.knowledge.service import RunKnowledge
from clary.features.llm_providers.ports import Metering
from clary.features.llm_providers.service import Money, ProviderResolver
from clary.features.mcp_servers.service import McpRunTools
from clary.features.memory.service import MemoryService
from clary.features.runs.service import RunReports, RunService
from clary.features.skills.service import RunSkills
from clary.features.toolbox.service import Pictures, Toolbox
from clary.features.usage.service import BudgetGate, Calendar
from clary.features.workspaces.service import WorkspaceService
from clary.jobs.queue import JobQueue
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.runtime.tools import Sandbox
from clary.settings import Settings
from clary.streams.hub import Hub
from clary.wiring.departures import departures
from clary.wiring.files import workspace_room
from clary.wiring.identity import IdentityServices
from clary.wiring.interventions import InterventionServices
from clary.wiring.revising import RevisingServices


class ExecutionServices:
    """Everything between a request to chat and the lines of its run."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        notices: Notices,
        clock: Clock,
        process_id: str,
        secret_box: SecretBox,
        money: Money,
        identity: IdentityServices,
        gateway: ModelApiGateway,
        agents: AgentResolver,
        agent_removal: AgentRemoval,
        jobs: JobQueue,
        providers: ProviderResolver,
        toolbox: Toolbox,
        pictures: Pictures,
        workspaces: WorkspaceService,
        memory: MemoryService,
        run_skills: RunSkills,
        run_knowledge: RunKnowledge,
        mcp_servers: OwnedThings,
        files: OwnedThings,
        knowledge: OwnedThings,
        mcp_run_tools: McpRunTools,
        gate: BudgetGate,
        metering: Metering,
    ) -> None:
        self.settings = settings
        self.database = database
        self.notices = notices
        self.clock = clock
        self.process_id = process_id
        self.secret_box = secret_box
        self.money = money
        self.identity = identity
        self.gateway = gateway
        self.agent_resolver = agents
        self.agent_removal = agent_removal
        self.jobs = jobs
        self.provider_resolver = providers
        self.toolbox = toolbox
        self.pictures = pictures
        self.workspaces = workspaces
        self.memory = memory
        self.run_skills = run_skills
        self.run_knowledge = run_knowledge
        self.mcp_servers = mcp_servers
        self.stored_files = files
        self.knowledge = knowledge
        self.mcp_run_tools = mcp_run_tools
        self.gate = gate
        self.metering = metering
        self._add_conversations()
        self._add_execution()
        self._add_chat()

    def _add_conversations(self) -> None:
        settings, clock = self.settings, self.clock
        self.event_log = event_log_on(self.database, self.notices)
        self.hub = Hub(self.event_log)
        self.active_runs = ActiveRuns(self.database)
        self.runs = RunService(
            database=self.database,
            event_log=self.event_log,
            audit=self.identity.audit,
            clock=clock,
            log_ttl_hours=settings.run_log_ttl_hours,
        )
        self.run_reports = RunReports(
            runs=self.runs,
            database=self.database,
            calendar=Calendar(settings.timezone),
            clock=clock,
            timeline_days=settings.run_timeline_days,
        )
        history = HistoryReader(database=self.database, runs=self.runs, event_log=self.event_log)
        self.conversations = ConversationService(
            database=self.database,
            runs=self.runs,
            history=history,
            workspaces=self.workspaces,
            audit=self.identity.audit,
            clock=clock,
            shares_by_link=lambda: self.identity.live.values.share_mode == "link",
        )
        self.shares = ShareService(
            database=self.database,
            conversations=self.conversations,
            history=history,
            audit=self.identity.audit,
            clock=clock,
            mode=lambda: self.identity.live.values.share_mode,
        )
        self.citations = CitationService(
            database=self.database,
            conversations=self.conversations,
            documents=self.run_knowledge,
        )
        self.interventions = InterventionServices(
            database=self.database, conversations=self.conversations, audit=self.identity.audit, clock=clock
        )

    def _add_execution(self) -> None:
        settings, clock = self.settings, self.clock
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
            sole_process=self.database.is_sqlite,
            on_change=self._told,
            is_gone=self.notices.is_gone,
            on_elsewhere=lambda run_id: self.notices.post("runs", run_id),
        )
        self.things = RunThings(
            agents=self.agent_resolver,
            groups=self.identity.memberships,
            mcp=self.mcp_run_tools,
            skills=self.run_skills,
            memory=self.memory,
            knowledge=self.run_knowledge,
            sources=SourceBook(self.database),
            models=self.gateway,
            server_approval_mode=settings.tool_approval_mode,
        )
        room = workspace_room(settings)
        self.image_files = ImageFiles(self.workspaces, room)
        self.builder = LoopBuilder(
            models=self.gateway,
            toolbox=self.toolbox,
            sandbox=lambda: self.sandbox,
            workspaces=self.workspaces,
            interventions=self.interventions.kept,
            things=self.things,
            pictures=self.pictures,
            images=self.image_files,
            room=room,
            clock=clock,
            max_result_tokens=settings.tool_result_max_tokens,
        )
        self.preparer = RunPreparer(
            database=self.database,
            hub=self.hub,
            secret_box=self.secret_box,
            builder=self.builder,
            money=self.money,
            gate=self.gate,
            clock=clock,
            limits=TreeLimits(settings.max_child_depth, settings.max_parallel_children, settings.max_children_per_run),
            max_seconds=settings.run_max_seconds,
        )

    def _add_chat(self) -> None:
        settings = self.settings
        shares = ContextShares(
            settings.context_history_ratio,
            settings.context_active_ratio,
            settings.context_max_new_message_ratio,
            settings.context_recent_turns,
            settings.context_compression_threshold,
        )
        resolver = RunResolver(
            agents=self.agent_resolver,
            providers=self.provider_resolver,
            toolbox=self.toolbox,
            sandbox=lambda: self.sandbox,
            things=self.things,
            shares=shares,
            limits=LoopLimits(settings.default_max_loop_count, settings.max_loop_count),
            money=self.money,
            gate=self.gate,
        )
        self.builder.delegate_to(
            ChildRuns(
                database=self.database,
                conversations=self.conversations,
                resolver=ChildResolver(resolver),
                preparer=self.preparer,
                secret_box=self.secret_box,
                clock=self.clock,
            )
        )
        self.interventions.wakers.target = self.supervisor
        self.chat = ChatService(
            database=self.database,
            hub=self.hub,
            supervisor=self.supervisor,
            resolver=resolver,
            conversations=self.conversations,
            runs=self.runs,
            interventions=self.interventions.kept,
            secret_box=self.secret_box,
            clock=self.clock,
            images=self.image_files,
            limits=ChatLimits(lambda: self.identity.live.values.max_active_runs_per_user, settings.max_views_per_run),
        )
        self._add_calls_outside_runs()
        self._tell_who_ends_runs()

    def _add_calls_outside_runs(self) -> None:
        self.peoples_images = PeoplesImages(
            database=self.database,
            agents=self.agent_resolver,
            providers=self.provider_resolver,
            models=self.gateway,
            metering=self.metering,
        )
        self.revising = RevisingServices(
            database=self.database,
            chat=self.chat,
            conversations=self.conversations,
            interventions=self.interventions.kept,
            images=self.image_files,
            agents=self.agent_resolver,
            providers=self.provider_resolver,
            gateway=self.gateway,
            metering=self.metering,
            clock=self.clock,
        )

    def _tell_who_ends_runs(self) -> None:
        self.conversations.stop_runs_with(self.chat)
        self.identity.user_administration.stop_runs_with(self.chat)
        self.identity.deletion.set_things(
            departures(
                self.database,
                conversations=self.conversations,
                workspaces=self.workspaces,
                memory=self.memory,
                grants=self.identity.grants,
                agent_removal=self.agent_removal,
                jobs=self.jobs,
                mcp_servers=self.mcp_servers,
                files=self.stored_files,
                knowledge=self.knowledge,
                clock=self.clock,
            )
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.conversations = self.conversations
        state.shares = self.shares
        state.citations = self.citations
        state.runs = self.runs
        state.run_reports = self.run_reports
        self.interventions.publish(state)
        self.revising.publish(state)
        state.chat = self.chat
        state.active_runs = self.active_runs

    async def start(self, *, takes_over: bool) -> None:
        """Event log, sandbox; from then on runs start here, and go on that a dead process left, if it takes over."""
        await self.event_log.start()
        self._listen()
        limits = SandboxLimits(cpu_seconds=self.settings.sandbox_cpu_seconds, memory_mb=self.settings.sandbox_memory_mb)
        self.sandbox = await make_sandbox("on" if self.settings.sandbox else "off", limits=limits)
        await self.supervisor.start(self.preparer.prepare, self._due, takes_over=takes_over)

    def _listen(self) -> None:
        """What other processes do acts here too."""
        self.notices.subscribe("logs", lambda ids: self.hub.note_changes(None if ids is None else _numbers(ids)))
        self.notices.subscribe("people", self.active_runs.changed_elsewhere)
        self.notices.subscribe("runs", self.supervisor.note_elsewhere)

    def _told(self, user_id: str) -> None:
        self.active_runs.changed(user_id)
        self.notices.post("people", user_id)

    async def _due(self, now: float) -> list[str]:
        return [due.run_id for due in await self.interventions.kept.list_due(now=now)]

    async def drain(self) -> None:
        """Ends streams and gives runs back."""
        self.active_runs.close_all()
        await self.supervisor.stop()


def _numbers(ids: str) -> list[int]:
    return [int(each) for each in ids.split(",")]
