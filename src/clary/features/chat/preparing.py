"""Builds the execution of a run, fresh or after a crash, from what was recorded (stream-runtime.md 6.9)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import orjson

from clary.db.database import Database
from clary.db.session import Connection, Session
from clary.features.chat.booking import BookedOn, Booking
from clary.features.chat.building import LoopBuilder
from clary.features.chat.config import Json, RunConfig
from clary.features.chat.delta_lines import OpenMessage
from clary.features.chat.ending import write_end
from clary.features.chat.execution import ChildExecution, RunExecution, Stop
from clary.features.chat.ledger import RunUsage
from clary.features.chat.lines import LineBuilder, Stamps
from clary.features.chat.recording import RunRecorder
from clary.features.chat.run_log import RunLog, RunPlace
from clary.features.chat.state_of import RecordedRun, RunTodos
from clary.features.chat.tree import RootFacts, RunTree, TreeLimits
from clary.features.conversations.service import MessageReader, TodoStore
from clary.features.interventions.service import take_guidance, untold_approvals
from clary.features.llm_providers.service import Money
from clary.features.runs.service import (
    MAX_FRUITLESS_TAKEOVERS,
    RunRepository,
    RunRow,
    RunStepRow,
    StopReason,
    is_active,
)
from clary.features.usage.service import BudgetGate
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.runtime.loop import AgentLoop
from clary.runtime.messages import ToolCall
from clary.streams.hub import Hub
from clary.streams.ports import LogFencedError, Write

TAIL_BYTES = 256 * 1024
TEXT_TYPES = frozenset(
    {"do_subtask_result", "reasoning_content", "task_analysis", "final_answer", "planning", "observation"}
)
Park = Callable[[], None]


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
        builder: LoopBuilder,
        money: Money,
        gate: BudgetGate,
        clock: Clock,
        limits: TreeLimits,
        max_seconds: float,
    ) -> None:
        self._database = database
        self._hub = hub
        self._secret_box = secret_box
        self._builder = builder
        self._money = money
        self._gate = gate
        self._clock = clock
        self._limits = limits
        self._max_seconds = max_seconds

    async def prepare(self, run_id: str, generation: int, stop: Stop, park: Park) -> "PreparedRun | None":
        """The execution, at the point where the record ends; None when the run has an end already."""
        # A run that was never given back has neither steps nor children: two queries less at every start.
        is_fresh = generation == 1
        async with self._database.read() as db:
            run = await RunRepository(db).find(run_id)
            if run is None or not is_active(run.status) or run.generation != generation or run.input_sealed is None:
                return None
            record = await self._record(db, run, with_steps=not is_fresh)
            below: Sequence[RunRow] = () if is_fresh else await RunRepository(db).list_children(run_id)
            children = [child for child in below if is_active(child.status)]
            child_records = [await self._record(db, child) for child in children]
            earlier_calls = 0 if is_fresh else await RunRepository(db).count_model_calls(run_id)
        try:
            writer = await self._hub.writer(run.log_id, generation)
        except LogFencedError:
            return None
        tree = self._tree(run, RunLog(writer, run_id, Stamps(self._clock.epoch)), stop, park)
        tree.meter.add(earlier_calls)
        recorder = tree.recorders[run_id] = self._recorder(run, record, tree)
        for child, child_record in zip(children, child_records, strict=True):
            tree.recorders[child.run_id] = self._recorder(child, child_record, tree)
        if not is_fresh:
            # Whoever held the run before is fenced now: what they had reserved is booked, so that it is not lost.
            await self._gate.book_lost(root_run_id=run.run_id)
            await self._reconcile(run, tree, [record, *child_records])
        self._mark_running(run, recorder)
        if await self._is_over(run, tree, recorder, below, stop):
            return None

        async def make_loop() -> AgentLoop:
            return await self._builder.build(tree, recorder, record)

        async def release() -> None:
            await self._builder.release(recorder.config)

        return PreparedRun(RunExecution(make_loop, recorder, stop, self._seconds_left(run)), tree, release)

    async def prepare_child(self, run_id: str, tree: RunTree, stop: Stop, turn: Awaitable[None]) -> ChildExecution:
        """The execution of a child inside its root's; it begins when its turn has come."""
        async with self._database.read() as db:
            run = await RunRepository(db).find(run_id)
            assert run is not None
            record = await self._record(db, run)
        recorder = self._recorder(run, record, tree)
        if run.stop_reason is not None:
            stop.reason = stop.reason or cast("StopReason", run.stop_reason)

        async def make_loop() -> AgentLoop:
            await turn
            tree.recorders[run_id] = recorder
            self._mark_running(run, recorder)
            return await self._builder.build(tree, recorder, record, run.query)

        return ChildExecution(make_loop, recorder, stop, tree.stop)

    def _tree(self, run: RunRow, log: RunLog, stop: Stop, park: Park) -> RunTree:
        root = RootFacts(run.run_id, run.user_id, run.agent_id, run.session_id, run.conversation_id, run.endpoint)
        return RunTree.plant(root, log, stop, self._limits, self._clock, park)

    async def _record(self, db: Session, run: RunRow, *, with_steps: bool = True) -> RecordedRun:
        steps: Sequence[RunStepRow] = await RunRepository(db).list_steps(run.run_id) if with_steps else ()
        reader = MessageReader(db)
        rows = await reader.list_messages(run.conversation_id)
        compaction = await reader.latest_compaction(run.conversation_id)
        todos = TodoStore(self._database, run.conversation_id, self._clock)
        return RecordedRun(
            run.run_id,
            rows,
            steps,
            compaction=compaction,
            todos=RunTodos(todos, await todos.read_in(db)),
            untold_approvals=await untold_approvals(db, run.run_id) if with_steps else {},
        )

    def _recorder(self, run: RunRow, record: RecordedRun, tree: RunTree) -> RunRecorder:
        config = RunConfig.from_json(self._secret_box.open(run.input_sealed or "", place=input_place(run.run_id)))
        root = tree.root
        on = BookedOn(
            root.user_id,
            root.agent_id,
            root.session_id,
            run.run_id,
            root.run_id,
            root.endpoint,
            config.caller.key_id,
            config.caller.client_id,
        )

        def keep_config(changed: RunConfig, warnings: Sequence[Json]) -> Write:
            sealed = self._secret_box.seal(changed.to_json(), place=input_place(run.run_id))
            return tree.log.changed(run.run_id, input_sealed=sealed, warnings=[*run.warnings, *warnings])

        recorder = RunRecorder(
            place=RunPlace(run.run_id, run.conversation_id, root.conversation_id, is_root=run.parent_run_id is None),
            config=config,
            log=tree.log,
            lines=LineBuilder(session_id=run.session_id, agent_name=config.agent_name, stamps=tree.log.stamps),
            booking=Booking(on, RunUsage.load(run.usage), self._money, self._gate, self._clock),
            clock=self._clock,
            next_position=len(record.steps),
            take_guidance=_guidance_taker,
            keep_config=keep_config,
        )
        recorder.open_calls.update(_open_calls(record))
        recorder.hidden_calls.update(_hidden_calls(record))
        if config.shows_approvals:
            recorder.untold_approvals.update(record.untold_approvals)
        return recorder

    async def _is_over(
        self, run: RunRow, tree: RunTree, recorder: RunRecorder, below: Sequence[RunRow], stop: Stop
    ) -> bool:
        """Writes the end of a run that must not go on: stopped before its process died, or taken over in vain."""
        if run.stop_reason is not None and stop.reason is None:
            reason = cast("StopReason", run.stop_reason)
            self._end_children(tree, below, reason)
            write_end(recorder, reason)
        elif run.takeovers_since_step > MAX_FRUITLESS_TAKEOVERS:
            self._end_children(tree, below, "interrupt_request")
            write_end(recorder, "internal_error", kind="internal_error")
        else:
            for child in below:
                # They are prepared anew when the parent comes to them.
                left = tree.recorders.pop(child.run_id, None)
                if left is not None:
                    left.close()
            return False
        await recorder.writer.flush()
        return True

    def _end_children(self, tree: RunTree, below: Sequence[RunRow], reason: StopReason) -> None:
        """Ends what is left of a tree from below, and rolls up what each child used."""
        for child in reversed(below):
            recorder = tree.recorders.pop(child.run_id, None)
            if recorder is not None:
                write_end(recorder, reason, outcome={"status": "failed", "result": "interrupted"})
                tree.roll_up(child, *recorder.usage.sums())
            else:
                tree.roll_up(child, dict(child.usage), child.cost)

    def _seconds_left(self, run: RunRow) -> float:
        """What is left of the active time, which goes on over takeovers; waiting is no activity (9.3, limits)."""
        if run.started_at is None:
            return self._max_seconds
        passed = (self._clock.now() - run.started_at).total_seconds() - (run.waited_seconds or 0.0)
        return max(0.0, self._max_seconds - passed)

    async def _reconcile(self, run: RunRow, tree: RunTree, records: Sequence[RecordedRun]) -> None:
        """Text that was sent but whose response never ended is void: it is stored and marked so (4.4)."""
        recorders = {recorder.lines.session_id: recorder for recorder in tree.recorders.values()}
        stored = {row.message_id for record in records for row in record.rows}
        cursor = run.stored_lines
        while cursor < tree.log.writer.length:
            lines = await self._hub.log.read(run.log_id, cursor, TAIL_BYTES)
            if not lines:
                break
            cursor += len(lines)
            for raw in lines:
                line = orjson.loads(raw)
                tree.log.stamps.not_before(line.get("timestamp") or line.get("ts"))
                recorder = recorders.get(str(line.get("session_id")))
                if recorder is not None and line.get("message_id") not in stored:
                    _remember_tail(recorder, line)
        for recorder in tree.recorders.values():
            recorder.void_unfinished()

    def _mark_running(self, run: RunRow, recorder: RunRecorder) -> None:
        started_at = run.started_at or self._clock.now()
        change = recorder.log.changed(run.run_id, status="running", started_at=started_at)
        recorder.writer.write([], [change])


class PreparedRun:
    """A root run ready to go, and the tree it may grow. `release` lets go of what only this run had."""

    def __init__(self, execution: RunExecution, tree: RunTree, release: Callable[[], Awaitable[None]]) -> None:
        self.execution = execution
        self.tree = tree
        self._release = release

    async def run(self) -> None:
        """See `RunExecution.run`."""
        try:
            await self.execution.run()
        finally:
            await self._release()


def _guidance_taker(conversation_id: int, guidance_id: str) -> Write:
    def take(connection: Connection) -> None:
        take_guidance(connection, conversation_id, [guidance_id])

    return take


def _open_calls(record: RecordedRun) -> dict[str, ToolCall]:
    """Announced calls without a result, the server's own questions included."""
    answered = set(record.results())
    found: dict[str, ToolCall] = {}
    for row in record.own:
        for call in row.tool_calls or []:
            if "index" not in call and str(call["id"]) not in answered:
                function = call["function"]
                found[str(call["id"])] = ToolCall(str(call["id"]), function["name"], function["arguments"])
    return found


def _hidden_calls(record: RecordedRun) -> set[str]:
    return {str(call["id"]) for row in record.own if row.hidden_from_model for call in row.tool_calls or []}


def _remember_tail(recorder: RunRecorder, line: dict[str, object]) -> None:
    kind, message_id = str(line.get("type")), str(line.get("message_id", ""))
    if line.get("role") == "assistant" and kind in TEXT_TYPES:
        message = recorder.open_messages.get(message_id)
        if message is None:
            stamp = float(str(line["timestamp"]))
            message = recorder.open_messages[message_id] = OpenMessage(message_id, kind, stamp)
            recorder.log.opened(message_id)
        message.pieces.add(str(line["content"]))
    elif kind == "tool_call":
        recorder.remember_fragment(line)
    elif kind == "tool_progress":
        recorder.lines.progressed(str(line["tool_call_id"]), closed=bool(line["closed"]))
