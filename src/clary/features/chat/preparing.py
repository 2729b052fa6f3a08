"""Builds the execution of a run, fresh or after a crash, from what was recorded (stream-runtime.md 6.9)."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import orjson

from clary.db.database import Database
from clary.features.chat.config import RunConfig
from clary.features.chat.delta_lines import OpenMessage
from clary.features.chat.execution import RunExecution, Stop, write_end
from clary.features.chat.ledger import RunUsage
from clary.features.chat.lines import LineBuilder
from clary.features.chat.model_view import entries_of, open_calls
from clary.features.chat.ports import ModelGateway
from clary.features.chat.recording import RunRecorder
from clary.features.conversations.service import MessageReader, MessageRow, TodoStore
from clary.features.llm_providers.service import Money
from clary.features.runs.service import (
    MAX_FRUITLESS_TAKEOVERS,
    RunRepository,
    RunRow,
    RunStepRow,
    StopReason,
    change_run,
    is_active,
)
from clary.features.toolbox.service import Toolbox
from clary.features.workspaces.service import WorkspaceService
from clary.kit import safe_paths
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_uuid
from clary.runtime.context import BudgetRules, ContextBudget, Entry
from clary.runtime.loop import AgentLoop, LoopPlan, LoopState
from clary.runtime.messages import AssistantMessage
from clary.runtime.model import Thinking
from clary.runtime.prompt import Instructions, prompt_language
from clary.runtime.tool_runner import ToolRunner
from clary.runtime.tools import OutputSink, Sandbox, Todo, TodoList, Tool, ToolContext
from clary.streams.hub import Hub
from clary.streams.ports import LogFencedError

TAIL_BYTES = 256 * 1024
TEXT_TYPES = frozenset({"do_subtask_result", "reasoning_content", "task_analysis", "final_answer", "observation"})


def input_place(run_id: str) -> str:
    """Where the sealed input of a run may be opened."""
    return f"runs.input_sealed:{run_id}"


class RunPreparer:
    """See the module."""

    def __init__(
        self,
        *,
        database: Database,
        hub: Hub,
        secret_box: SecretBox,
        models: ModelGateway,
        toolbox: Toolbox,
        sandbox: Callable[[], Sandbox],
        workspaces: WorkspaceService,
        money: Money,
        clock: Clock,
        max_result_tokens: int,
        max_seconds: float,
    ) -> None:
        self._database = database
        self._hub = hub
        self._secret_box = secret_box
        self._models = models
        self._toolbox = toolbox
        self._sandbox = sandbox
        self._workspaces = workspaces
        self._money = money
        self._clock = clock
        self._max_result_tokens = max_result_tokens
        self._max_seconds = max_seconds

    async def prepare(self, run_id: str, generation: int, stop: Stop) -> RunExecution | None:
        """The execution, at the point where the record ends; None when the run has an end already."""
        async with self._database.read() as db:
            run = await RunRepository(db).find(run_id)
            if run is None or not is_active(run.status) or run.generation != generation or run.input_sealed is None:
                return None
            # A run that was never taken over has no step yet: one query less at every start.
            steps: Sequence[RunStepRow] = await RunRepository(db).list_steps(run_id) if run.takeovers else ()
            rows = await MessageReader(db).list_messages(run.conversation_id)
            compaction = await MessageReader(db).latest_compaction(run.conversation_id)
            todos = TodoStore(self._database, run.conversation_id, self._clock)
            known_todos = await todos.read_in(db)
        config = RunConfig.from_json(self._secret_box.open(run.input_sealed, place=input_place(run_id)))
        try:
            recorder = await self._recorder(run, config, steps)
        except LogFencedError:
            return None
        await self._reconcile(run, recorder)
        summary = compaction.summary if compaction is not None else None
        after = compaction.covers_to if compaction is not None else 0
        state = _state(rows, steps, run_id, config, summary, after)
        recorder.open_calls.update({item.call.id: item.call for item in state.pending})
        self._mark_running(run, recorder)
        if await self._is_over(run, recorder, stop):
            return None
        loop = AgentLoop(await self._plan(run, config, RunTodos(todos, known_todos)), state)
        return RunExecution(loop, recorder, stop, self._seconds_left(run))

    async def _is_over(self, run: RunRow, recorder: RunRecorder, stop: Stop) -> bool:
        """Writes the end of a run that must not go on: stopped before its process died, or taken over in vain."""
        if run.stop_reason is not None and stop.reason is None:
            write_end(recorder, cast("StopReason", run.stop_reason))
        elif run.takeovers_since_step > MAX_FRUITLESS_TAKEOVERS:
            write_end(recorder, "internal_error", kind="internal_error")
        else:
            return False
        await recorder.writer.flush()
        return True

    def _seconds_left(self, run: RunRow) -> float:
        """What is left of the active time, which goes on over takeovers (9.3, limits)."""
        if run.started_at is None:
            return self._max_seconds
        return max(0.0, self._max_seconds - (self._clock.now() - run.started_at).total_seconds())

    async def _recorder(self, run: RunRow, config: RunConfig, steps: Sequence[RunStepRow]) -> RunRecorder:
        return RunRecorder(
            run_id=run.run_id,
            user_id=run.user_id,
            endpoint=run.endpoint,
            conversation_id=run.conversation_id,
            config=config,
            writer=await self._hub.writer(run.log_id, run.generation),
            lines=LineBuilder(session_id=run.session_id, agent_name=config.agent_name, now=self._clock.epoch),
            usage=RunUsage.load(run.usage),
            money=self._money,
            clock=self._clock,
            next_position=len(steps),
        )

    async def _reconcile(self, run: RunRow, recorder: RunRecorder) -> None:
        """Text that was sent but whose response never ended is void: it is stored and marked so (4.4)."""
        cursor = run.stored_lines
        while cursor < recorder.writer.length:
            lines = await self._hub.log.read(run.log_id, cursor, TAIL_BYTES)
            if not lines:
                break
            cursor += len(lines)
            for raw in lines:
                _remember_tail(recorder, orjson.loads(raw))
        recorder.void_unfinished()

    def _mark_running(self, run: RunRow, recorder: RunRecorder) -> None:
        started_at = run.started_at or self._clock.now()
        change = change_run(run.run_id, recorder.writer.generation, status="running", started_at=started_at)
        recorder.writer.write([], [change])

    async def _plan(self, run: RunRow, config: RunConfig, todos: TodoList) -> LoopPlan:
        model = self._models.client(config.provider)
        language = prompt_language(config.answer_language)
        workspace = await self._workspaces.ensure(run.user_id, config.agent_id, run.session_id)
        tools = self._tools(config, language)
        switch = self._models.has_thinking_switch(config.provider)
        return LoopPlan(
            model=model,
            judge_model=self._models.client(config.fast_provider),
            instructions=Instructions(
                config.persona, language, config.answer_language, config.request_texts, config.context_values
            ),
            tools=tools,
            runner=self._runner(config, tools, workspace, todos, language),
            todos=todos,
            budget=ContextBudget(BudgetRules(**config.budget)),
            clock=self._clock,
            new_id=new_uuid,
            max_loop_count=config.max_loop_count,
            max_tokens=config.provider.max_tokens,
            temperature=config.provider.temperature,
            top_p=config.provider.top_p,
            presence_penalty=config.provider.presence_penalty,
            thinking=Thinking(config.deep_thinking, config.thinking_level) if switch else Thinking(),
            analyse_first=bool(config.deep_thinking) and not switch,
            stream_call_deltas=config.tool_call_deltas,
            interrupt_note=config.interrupt_note,
        )

    def _tools(self, config: RunConfig, language: str) -> list[Tool]:
        usable = set(self._toolbox.available(self._sandbox()))
        return [self._toolbox.get(name) for name in config.tools if name in usable]

    def _runner(
        self, config: RunConfig, tools: Sequence[Tool], workspace: Path, todos: TodoList, language: str
    ) -> ToolRunner:
        def context(call_id: str, progress: OutputSink) -> ToolContext:
            return ToolContext(call_id, workspace, todos, self._sandbox(), progress, prompt_language(language))

        async def save_whole(name: str, text: str) -> None:
            await asyncio.to_thread(safe_paths.write_atomically, workspace, f".clary/results/{name}.txt", text.encode())

        return ToolRunner(
            {tool.spec.name: tool for tool in tools},
            make_context=context,
            save_whole=save_whole,
            new_id=new_uuid,
            clock=self._clock,
            max_result_tokens=self._max_result_tokens,
            language=prompt_language(language),
            with_progress=config.tool_progress,
        )


class RunTodos:
    """The task list during a run: only the run itself changes it, so it is read from the database once."""

    def __init__(self, store: TodoList, items: Sequence[Todo]) -> None:
        self._store = store
        self._items = items

    async def read(self) -> Sequence[Todo]:
        """See `TodoList`."""
        return self._items

    async def upsert(self, items: Sequence[dict[str, Any]]) -> Sequence[Todo]:
        """See `TodoList`."""
        self._items = await self._store.upsert(items)
        return self._items


def _state(
    rows: Sequence[MessageRow],
    steps: Sequence[RunStepRow],
    run_id: str,
    config: RunConfig,
    summary: str | None,
    after_row: int,
) -> LoopState:
    begun = frozenset(step.step_id for step in steps if step.kind == "tool" and step.status == "started")
    pending = open_calls(rows, run_id=run_id, begun=begun)
    entries = entries_of(rows, run_id=run_id, accepts_images=config.accepts_images, after_row=after_row)
    done = [step for step in steps if step.kind == "model" and step.status == "done"]
    main = [step for step in done if step.name == "direct_execution"]
    last_calls = int(main[-1].detail.get("calls", 0)) if main else -1
    return LoopState(
        entries=entries,
        summary=summary,
        rounds=sum(1 for step in main if step.detail.get("calls")),
        model_calls=len(done),
        pending=pending,
        answered=last_calls == 0 and _ends_with_answer(entries) and main[-1].detail.get("finish_reason") != "length",
        analysed=any(step.name == "task_analysis" for step in done),
        call_ids={str(call["id"]) for row in rows for call in row.tool_calls or []},
    )


def _ends_with_answer(entries: Sequence[Entry]) -> bool:
    if not entries:
        return False
    last = entries[-1].message
    return isinstance(last, AssistantMessage) and bool(last.text) and not last.tool_calls


def _remember_tail(recorder: RunRecorder, line: dict[str, object]) -> None:
    recorder.lines.not_before(line.get("timestamp") or line.get("ts"))
    kind, message_id = str(line.get("type")), str(line.get("message_id", ""))
    if line.get("role") == "assistant" and kind in TEXT_TYPES:
        message = recorder.open_messages.get(message_id)
        if message is None:
            stamp = float(str(line["timestamp"]))
            message = recorder.open_messages[message_id] = OpenMessage(message_id, kind, stamp)
        message.pieces.add(str(line["content"]))
    elif kind == "tool_call":
        recorder.remember_fragment(line)
