"""Child runs as rows: made with their conversations, found again after a crash, executed (stream-runtime.md 9.7)."""

from collections.abc import Sequence

from clary.db.database import Database
from clary.db.session import Session
from clary.features.chat.child_config import ChildResolver
from clary.features.chat.config import Member
from clary.features.chat.delegation import (
    SESSION_BUSY,
    SESSION_UNKNOWN,
    DelegatedTask,
    ParentRun,
    StartedChild,
    task_text,
)
from clary.features.chat.execution import Outcome, Stop
from clary.features.chat.preparing import RunPreparer, input_place
from clary.features.chat.tree import RunTree
from clary.features.conversations.service import ConversationRow, ConversationService, new_conversation
from clary.features.runs.service import RunRepository, RunRow, is_active
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_uuid
from clary.kit.text import Text, cut


class ChildRuns:
    """Implements `delegation.Children`."""

    def __init__(
        self,
        *,
        database: Database,
        conversations: ConversationService,
        resolver: ChildResolver,
        preparer: RunPreparer,
        secret_box: SecretBox,
        clock: Clock,
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._resolver = resolver
        self._preparer = preparer
        self._secret_box = secret_box
        self._clock = clock

    async def problems(self, parent: ParentRun, tasks: Sequence[DelegatedTask]) -> list[Text]:
        """See `Children.problems`."""
        found: list[Text] = []
        async with self._database.read() as db:
            for task in tasks:
                row = await self._conversations.find_own(
                    db, session_id=task.session_id, user_id=parent.tree.root.user_id
                )
                if row is None:
                    if not task.session_id.startswith(f"{parent.session_id}_sub_"):
                        found.append(SESSION_UNKNOWN.fill(id=cut(task.session_id, 64)))
                elif row.parent_id != parent.recorder.conversation_id:
                    found.append(SESSION_UNKNOWN.fill(id=cut(task.session_id, 64)))
                elif await RunRepository(db).find_active_child(row.conversation_id) is not None:
                    found.append(SESSION_BUSY.fill(id=cut(task.session_id, 64)))
        return found

    async def find(self, parent: ParentRun, call_id: str) -> dict[str, StartedChild]:
        """See `Children.find`."""
        async with self._database.read() as db:
            runs = await RunRepository(db).list_of_call(parent.recorder.run_id, call_id)
            parent.tree.started = max(
                parent.tree.started, await RunRepository(db).count_children(parent.tree.root.run_id)
            )
        for run in runs:
            if not is_active(run.status):
                _roll_up(parent.tree, run)
        return {run.session_id: _started(run) for run in runs}

    async def make(self, parent: ParentRun, call_id: str, tasks: Sequence[DelegatedTask]) -> dict[str, StartedChild]:
        """See `Children.make`."""
        made: dict[str, StartedChild] = {}
        async with self._database.write() as db:
            for task in tasks:
                member = parent.find_member(task.agent_id)
                assert member is not None
                run = await self._make(db, parent, call_id, task, member)
                made[run.session_id] = _started(run)
        parent.tree.started += len(made)
        return made

    async def _make(self, db: Session, parent: ParentRun, call_id: str, task: DelegatedTask, member: Member) -> RunRow:
        config = await self._resolver.resolve(db, parent.config, member, session_id=task.session_id)
        conversation = await self._conversation(db, parent, task, config.agent_id, config.agent_name)
        run_id, now, tree = new_uuid(), self._clock.now(), parent.tree
        run = RunRow(
            run_id=run_id,
            log_id=0,
            root_run_id=tree.root.run_id,
            parent_run_id=parent.recorder.run_id,
            parent_call_id=call_id,
            user_id=tree.root.user_id,
            conversation_id=conversation.conversation_id,
            session_id=conversation.session_id,
            agent_id=config.agent_id,
            agent_name=config.agent_name,
            agent_mode=config.mode,
            endpoint=tree.root.endpoint,
            status="queued",
            attached=False,
            interrupt_on_disconnect=False,
            generation=tree.log.generation,
            warnings=[],
            usage={},
            query=task_text(task),
            input_sealed=self._secret_box.seal(config.to_json(), place=input_place(run_id)),
            created_at=now,
            last_activity=self._clock.epoch(),
        )
        await RunRepository(db).add(run)
        return run

    async def _conversation(
        self, db: Session, parent: ParentRun, task: DelegatedTask, agent_id: str, agent_name: str
    ) -> ConversationRow:
        known = await self._conversations.find_own(db, session_id=task.session_id, user_id=parent.tree.root.user_id)
        if known is not None:
            return known
        row = new_conversation(
            user_id=parent.tree.root.user_id,
            session_id=task.session_id,
            agent_id=agent_id,
            agent_name=agent_name,
            now=self._clock.now(),
        )
        row.parent_id = parent.recorder.conversation_id
        row.title = cut(task.task_name, 100)
        row.title_folded = row.title.casefold()
        await self._conversations.save_new(db, row)
        return row

    async def execute(self, tree: RunTree, child: StartedChild, stop: Stop) -> Outcome:
        """See `Children.execute`."""
        execution = await self._preparer.prepare_child(child.run_id, tree, stop)
        try:
            return await execution.run()
        finally:
            recorder = tree.recorders.pop(child.run_id)
            parent = tree.recorders.get(execution.parent_run_id)
            if parent is not None and not tree.stop.abandoned:
                usage = recorder.usage
                cost = str(usage.cost) if usage.priced else None
                parent.usage.add_child(child.run_id, child.session_id, usage.total(), cost)


def _started(run: RunRow) -> StartedChild:
    outcome = None
    if not is_active(run.status):
        told = run.outcome or {}
        outcome = Outcome("success" if told.get("status") == "success" else "failed", str(told.get("result", "")))
    return StartedChild(run.run_id, run.session_id, outcome)


def _roll_up(tree: RunTree, run: RunRow) -> None:
    """What a child used that ended before its parent's process died."""
    parent = tree.recorders.get(run.parent_run_id or "")
    if parent is not None:
        parent.usage.add_child(run.run_id, run.session_id, dict(run.usage), run.cost)
