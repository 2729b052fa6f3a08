"""Builds the loop of a run out of its configuration and its record."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from clary.features.chat.asking import Asker, CallApprovals, QuestionnaireTool
from clary.features.chat.checking import WorkspaceCheck
from clary.features.chat.config import RunConfig
from clary.features.chat.delegation import (
    CallCompletion,
    Children,
    DelegateTool,
    ParentRun,
    SessionNumbers,
    SpawnTool,
    named_sessions,
    spawned_member,
)
from clary.features.chat.guiding import RunGuidance
from clary.features.chat.image_files import ImageFiles
from clary.features.chat.model_view import loaded_skills
from clary.features.chat.offering import DELEGATION, FINISH, deferred, named_workflow, offered_names
from clary.features.chat.pictured_model import PicturedModel
from clary.features.chat.plan_question import PlanQuestions
from clary.features.chat.ports import ModelGateway
from clary.features.chat.prompting import listings_of, mode_rules, notes_of, workspace_tree
from clary.features.chat.recording import RunRecorder
from clary.features.chat.run_tools import (
    AsyncQuestionnaireTool,
    ExpandTool,
    FinishTool,
    SnapshotShelf,
    SpokenTool,
    saver_into,
)
from clary.features.chat.state_of import RecordedRun, state_of
from clary.features.chat.things import RunThings
from clary.features.chat.tree import DELEGATE, RunTree
from clary.features.conversations.service import text_of
from clary.features.interventions.service import Interventions
from clary.features.mcp_servers.service import RunDoor
from clary.features.toolbox.ports import Room
from clary.features.toolbox.service import Pictures, Toolbox, kept_where_room, tasks_of_workflow
from clary.features.workspaces.service import WorkspaceService
from clary.kit.clock import Clock
from clary.kit.ids import new_uuid
from clary.runtime.context import BudgetRules, ContextBudget, Entry
from clary.runtime.loop import AgentLoop, LoopPlan
from clary.runtime.messages import ToolSpec, UserMessage
from clary.runtime.model import Thinking
from clary.runtime.prompt import Instructions, Language, prompt_language
from clary.runtime.tool_runner import ToolRunner
from clary.runtime.tools import OutputSink, Sandbox, Tool, ToolContext
from clary.runtime.toolset import whole_result_path


class LoopBuilder:
    """See the module."""

    def __init__(
        self,
        *,
        models: ModelGateway,
        toolbox: Toolbox,
        sandbox: Callable[[], Sandbox],
        workspaces: WorkspaceService,
        interventions: Interventions,
        things: RunThings,
        pictures: Pictures,
        images: ImageFiles,
        room: Room,
        clock: Clock,
        max_result_tokens: int,
    ) -> None:
        self._models = models
        self._toolbox = toolbox
        self._sandbox = sandbox
        self._workspaces = workspaces
        self._interventions = interventions
        self._things = things
        self._pictures = pictures
        self._images = images
        self._room = room
        self._clock = clock
        self._max_result_tokens = max_result_tokens
        self._children: Children | None = None

    def delegate_to(self, children: Children) -> None:
        """Names who makes and executes child runs."""
        self._children = children

    async def build(
        self, tree: RunTree, recorder: RunRecorder, record: RecordedRun, opening: str | None = None
    ) -> AgentLoop:
        """The loop at the point where the record ends; `opening` is the task of a child, shown as its first message."""
        await self._connect(recorder, record)
        config, root = recorder.config, tree.root
        workspace = await self._workspaces.ensure(root.user_id, root.agent_id, root.session_id)
        shelf = await SnapshotShelf.open(self._things, config, workspace)
        state = state_of(record, config, await self._skill_texts(record, shelf))
        self._respawn(tree, record)
        if opening is not None and not record.own:
            recorder.show(recorder.own_message(new_uuid(), "normal", opening, role="user"))
            state.entries.append(Entry(UserMessage(opening)))
        if root.run_id == record.run_id and not record.steps:
            await self._begin_workflow(config, record)
        plan = await self._plan(tree, recorder, record, workspace, shelf)
        return AgentLoop(plan, state)

    async def release(self, config: RunConfig) -> None:
        """Ends what is connected for this run alone; harmless at a run that will be taken up again."""
        await self._things.release(config)

    async def _connect(self, recorder: RunRecorder, record: RecordedRun) -> None:
        """Connects to the servers that the request brought along, once; those that fail are told of (3.2)."""
        if not recorder.config.mcp.get("pending"):
            return
        config, warnings, unreachable = await self._things.connected(recorder.config)
        troubles = [
            recorder.own_message(
                new_uuid(),
                "error",
                each.message,
                error_info={"kind": each.error_kind, "message": each.message, "retryable": False},
            )
            for each in unreachable
        ]
        is_analysed = bool(record.model_steps("task_analysis"))
        analyses_first = self._analyses(config) and not is_analysed
        recorder.change_config(config, warnings, troubles, analyses_first=analyses_first)

    def _analyses(self, config: RunConfig) -> bool:
        """Deep thinking without a switch in the model begins with an analysis (9.10)."""
        return bool(config.deep_thinking) and not self._models.has_thinking_switch(config.provider)

    async def _begin_workflow(self, config: RunConfig, record: RecordedRun) -> None:
        """A workflow that the person names becomes the task list before the first round (9.9)."""
        said = next((text_of(row.content) for row in reversed(record.own) if row.role == "user"), "")
        name = named_workflow(said, config.workflows)
        if name is not None:
            await record.todos.upsert(tasks_of_workflow(name, config.workflows[name]))

    async def _skill_texts(self, record: RecordedRun, shelf: SnapshotShelf) -> dict[str, str]:
        names = {name for each in loaded_skills(record.rows).values() for name in each}
        texts = {name: await shelf.read(name) for name in names}
        return {name: text for name, text in texts.items() if text is not None}

    def _respawn(self, tree: RunTree, record: RecordedRun) -> None:
        """Agents that were spawned before a crash live on: their calls tell of them (9.7)."""
        results = record.results()
        for call_id, arguments in record.calls("sys_spawn_agent"):
            result = results.get(call_id)
            if result is not None and not result.is_error:
                agent_id = str(result.content).removeprefix("Agent spawned. ID: ").rstrip(".")
                tree.spawned[agent_id] = spawned_member(agent_id, arguments)

    async def _plan(
        self, tree: RunTree, recorder: RunRecorder, record: RecordedRun, workspace: Path, shelf: SnapshotShelf
    ) -> LoopPlan:
        config = recorder.config
        language = prompt_language(config.answer_language)
        asker = Asker(tree, recorder, self._interventions, self._clock)
        recorder.before_step = asker.close_lost
        numbers = await self._numbers(recorder, record, tree.root.user_id)
        if "questionnaire" in config.tools or config.plan_gate:
            recorder.questions = asker
        tools = self._tools(tree, recorder, asker, language, workspace, numbers)
        budget = ContextBudget(BudgetRules(**config.budget))
        eyes = (self._pictures, workspace, language, tree.root.user_id)
        model, judge = (
            recorder.booking.model(PicturedModel(self._models.client(each), *eyes), each, budget)
            for each in (config.provider, config.fast_provider)
        )
        switch = self._models.has_thinking_switch(config.provider)
        later = deferred([tool.spec for tool in tools], int(config.budget["max_model_len"]))
        if later:
            tools.append(ExpandTool(self._spec("tool_expand_tools", language), later))
        root_only = not config.is_child

        async def facts() -> Sequence[tuple[str, str]]:
            return await workspace_tree(workspace, language, config.recalled)

        return LoopPlan(
            model=model,
            judge_model=judge,
            instructions=await self._instructions(config, language, workspace),
            tools=tools,
            runner=self._runner(recorder, tools, asker, workspace, record, language, shelf, budget),
            todos=record.todos,
            budget=budget,
            clock=self._clock,
            new_id=new_uuid,
            max_loop_count=config.max_loop_count,
            max_tokens=config.provider.max_tokens,
            temperature=config.provider.temperature,
            top_p=config.provider.top_p,
            presence_penalty=config.provider.presence_penalty,
            thinking=Thinking(config.deep_thinking, config.thinking_level) if switch else Thinking(),
            mode=config.mode,
            analyse_first=self._analyses(config),
            plan_first=PlanQuestions(config, recorder.lines.session_id) if config.plan_gate and root_only else None,
            force_summary=config.force_summary,
            more_suggest=config.more_suggest,
            must_report=config.is_child,
            stream_call_deltas=config.tool_call_deltas,
            interrupt_note=config.interrupt_note,
            meter=tree.meter,
            guidance=RunGuidance(self._interventions, recorder, images=self._images, workspace=workspace),
            self_check=WorkspaceCheck(workspace, self._sandbox, config.locale),
            skills=shelf if config.skills else None,
            deferred_tools=later,
            complete=CallCompletion(recorder.lines.session_id, numbers),
            planning_only=frozenset() if "questionnaire" in config.tools else frozenset({"questionnaire"}),
            more_facts=facts,
        )

    async def _numbers(self, recorder: RunRecorder, record: RecordedRun, user_id: str) -> SessionNumbers:
        """Names of the children: earlier runs of the session had some, calls that are open were given theirs."""
        session_id = recorder.lines.session_id
        if self._children is None or recorder.config.mode not in DELEGATION:
            return SessionNumbers(session_id, ())
        used = await self._children.used_sessions(recorder, user_id)
        answered = record.results()
        given = [named_sessions(each) for call_id, each in record.calls(DELEGATE) if call_id not in answered]
        return SessionNumbers(session_id, used, chain.from_iterable(given))

    async def _instructions(self, config: RunConfig, language: Language, workspace: Path) -> Instructions:
        return Instructions(
            config.persona,
            language,
            config.answer_language,
            config.request_texts,
            config.context_values,
            mode_rules=mode_rules(config, language),
            listings=listings_of(config, language),
            notes=await asyncio.to_thread(notes_of, workspace),
        )

    def _spec(self, name: str, language: Language) -> ToolSpec:
        return self._toolbox.get(name).spec_in(language)

    def _tools(
        self,
        tree: RunTree,
        recorder: RunRecorder,
        asker: Asker,
        language: Language,
        workspace: Path,
        numbers: SessionNumbers,
    ) -> list[Tool]:
        """What is offered, in order; names that mean nothing on this host are left out."""
        config = recorder.config
        usable = set(self._toolbox.available(self._sandbox()))
        parent = ParentRun(tree, recorder, config)
        own: dict[str, Tool] = {
            "questionnaire": QuestionnaireTool(self._spec("questionnaire", language), asker),
            "questionnaire_async": AsyncQuestionnaireTool(
                replace(self._spec("questionnaire_async", language), ends_run="need_user_input")
            ),
            "sys_spawn_agent": SpawnTool(self._spec("sys_spawn_agent", language), parent),
            FINISH: FinishTool(replace(self._spec(FINISH, language), ends_run="finished")),
        }
        if self._children is not None:
            own[DELEGATE] = DelegateTool(self._spec(DELEGATE, language), parent, self._children, numbers)
        foreign = self._things.foreign_tools(config, RunDoor(saver_into(workspace, self._room), asker.ask_for_server))
        found: list[Tool] = []
        for name in offered_names(config, max_depth=tree.limits.depth):
            if name in own:
                found.append(own[name])
            elif name in usable:
                tool = self._toolbox.get(name, denied_commands=config.denied_commands)
                found.append(SpokenTool(tool, tool.spec_in(language)))
            elif name in foreign:
                found.append(foreign[name])
        return found

    def _runner(
        self,
        recorder: RunRecorder,
        tools: Sequence[Tool],
        asker: Asker,
        workspace: Path,
        record: RecordedRun,
        language: Language,
        shelf: SnapshotShelf,
        budget: ContextBudget,
    ) -> ToolRunner:
        config, user_id = recorder.config, asker.tree.root.user_id
        images = self._things.image_reader(recorder, budget, asker.tree.meter)
        session_id = asker.tree.root.session_id
        notes = self._things.notebook(user_id, config, session_id) if config.memory_type == "user" else None
        past = self._things.past(recorder.conversation_id, record)

        def context(call_id: str, progress: OutputSink) -> ToolContext:
            return ToolContext(
                call_id,
                workspace,
                record.todos,
                self._sandbox(),
                progress,
                language,
                notes=notes,
                past=past,
                skills=shelf,
                workflows=config.workflows,
                images=images,
                user_id=user_id,
                knowledge=self._things.library(recorder, call_id),
                tasks=self._things.task_book(asker.tree.root, config, language),
            )

        async def save_whole(call_id: str, text: str) -> None:
            path = whole_result_path(call_id).removeprefix("/workspace/")
            await asyncio.to_thread(kept_where_room, self._room, workspace, path, text.encode("utf-8", "replace"))

        known = {tool.spec.name: tool for tool in tools}
        if config.plan_gate and "questionnaire" not in known:
            known["questionnaire"] = QuestionnaireTool(self._spec("questionnaire", language), asker)
        return ToolRunner(
            known,
            make_context=context,
            save_whole=save_whole,
            new_id=new_uuid,
            clock=self._clock,
            max_result_tokens=self._max_result_tokens,
            language=language,
            with_progress=config.tool_progress,
            approvals=CallApprovals(asker),
        )
