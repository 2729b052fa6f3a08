"""Child runs as rows: made with their conversations, found again after a crash, executed (stream-runtime.md 9.7)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from clary.db.database import Database
from clary.db.session import Session
from clary.features.agents.errors import AgentNotFoundError
from clary.features.chat.child_config import ChildResolver
from clary.features.chat.config import RunConfig
from clary.features.chat.delegation import (
    AGENT_UNKNOWN,
    NO_MODEL,
    SESSION_BUSY,
    SESSION_UNKNOWN,
    DelegatedTask,
    NotDelegatedError,
    ParentRun,
    StartedChild,
    sub_prefix,
    task_text,
)
from clary.features.chat.execution import Outcome
from clary.features.chat.overriding import Warnings
from clary.features.chat.preparing import RunPreparer, input_place
from clary.features.chat.recording import RunRecorder
from clary.features.chat.tree import LocalChild
from clary.features.conversations.service import ConversationRow, ConversationService, new_conversation
from clary.features.llm_providers.errors import NamedProviderNotFoundError, ProviderMissingError
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

    async def used_sessions(self, parent: RunRecorder, user_id: str) -> Sequence[str]:
        """See `Children.used_sessions`."""
        async with self._database.read() as db:
            return await self._conversations.list_sessions_after(
                db, user_id=user_id, prefix=sub_prefix(parent.lines.session_id)
            )

    async def find(self, parent: ParentRun, call_id: str) -> dict[str, StartedChild]:
        """See `Children.find`."""
        async with self._database.read() as db:
            runs = await RunRepository(db).list_of_call(parent.recorder.run_id, call_id)
            parent.tree.started = max(
                parent.tree.started, await RunRepository(db).count_children(parent.tree.root.run_id)
            )
        for run in runs:
            if not is_active(run.status):
                parent.tree.roll_up(run, dict(run.usage), run.cost)
        return {run.session_id: _started(run) for run in runs}

    async def make(
        self, parent: ParentRun, call_id: str, tasks: Sequence[DelegatedTask], problems: Sequence[Text]
    ) -> dict[str, StartedChild]:
        """See `Children.make`."""
        found, made = list(problems), dict[str, StartedChild]()
        async with self._database.write() as db:
            for task in tasks:
                conversation = await self._conversation_of(db, parent, task, found)
                resolved = await self._resolve(db, parent, task, found)
                if resolved is not None and not found:
                    config, warnings = resolved
                    conversation = await self._ready_conversation(db, parent, task, config, conversation)
                    config = replace(config, interrupt_note=conversation.interrupt_note)
                    conversation.interrupt_note = None
                    run = await self._make(db, parent, call_id, task, config, conversation)
                    run.warnings = warnings
                    made[run.session_id] = _started(run)
            if found:
                # Nothing is kept of the others: all tasks begin, or none.
                raise NotDelegatedError(found)
        return made

    async def _conversation_of(
        self, db: Session, parent: ParentRun, task: DelegatedTask, found: list[Text]
    ) -> ConversationRow | None:
        """The conversation that a task goes on with; None for a new one. What is wrong with it is added to `found`."""
        row = await self._conversations.find_own(db, session_id=task.session_id, user_id=parent.tree.root.user_id)
        if (row is None and not task.is_new) or (row is not None and row.parent_id != parent.recorder.conversation_id):
            found.append(SESSION_UNKNOWN.fill(id=cut(task.session_id, 64)))
        elif row is not None and await RunRepository(db).find_active_child(row.conversation_id) is not None:
            found.append(SESSION_BUSY.fill(id=cut(task.session_id, 64)))
        return row

    async def _resolve(
        self, db: Session, parent: ParentRun, task: DelegatedTask, found: list[Text]
    ) -> tuple[RunConfig, Warnings] | None:
        """What the child is given, and what was left out; None, and why in `found`, when its agent is of no use now."""
        member = parent.find_member(task.agent_id)
        if member is None:
            return None
        try:
            return await self._resolver.resolve(
                db, parent.config, member, session_id=task.session_id, said=task.content
            )
        except AgentNotFoundError:
            found.append(AGENT_UNKNOWN.fill(id=cut(task.agent_id, 64)))
        except (NamedProviderNotFoundError, ProviderMissingError):
            found.append(NO_MODEL.fill(id=cut(task.agent_id, 64)))
        return None

    async def _make(
        self,
        db: Session,
        parent: ParentRun,
        call_id: str,
        task: DelegatedTask,
        config: RunConfig,
        conversation: ConversationRow,
    ) -> RunRow:
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

    async def _ready_conversation(
        self,
        db: Session,
        parent: ParentRun,
        task: DelegatedTask,
        config: RunConfig,
        known: ConversationRow | None,
    ) -> ConversationRow:
        """The conversation of a child: the one it goes on with, or a new one."""
        if known is not None:
            known.agent_id, known.agent_name = config.agent_id, config.agent_name
            known.updated_at = self._clock.now()
            return known
        row = new_conversation(
            user_id=parent.tree.root.user_id,
            session_id=task.session_id,
            agent_id=config.agent_id,
            agent_name=config.agent_name,
            now=self._clock.now(),
        )
        row.parent_id = parent.recorder.conversation_id
        row.title = cut(task.task_name, 100)
        row.title_folded = row.title.casefold()
        await self._conversations.save_new(db, row)
        return row

    async def execute(self, parent: ParentRun, child: StartedChild) -> Outcome:
        """See `Children.execute`."""
        tree = parent.tree
        local = tree.children.setdefault(child.run_id, LocalChild())
        try:
            with tree.slots.place() as turn:
                execution = await self._preparer.prepare_child(child.run_id, tree, local.stop, turn)
                # From here on a stop cuts what is under way; one that came before is seen at the start.
                local.task = asyncio.current_task()
                try:
                    return await execution.run()
                finally:
                    local.task = None
                    if not tree.stop.abandoned:
                        total, cost = execution.recorder.usage.sums()
                        parent.recorder.usage.add_child(child.run_id, child.session_id, total, cost)
                        # One that was stopped may have waited for a person.
                        tree.room.forget_run(child.run_id)
        finally:
            tree.recorders.pop(child.run_id, None)
            tree.children.pop(child.run_id, None)


def _started(run: RunRow) -> StartedChild:
    outcome = None
    if not is_active(run.status):
        told = run.outcome or {}
        outcome = Outcome("success" if told.get("status") == "success" else "failed", str(told.get("result", "")))
    return StartedChild(run.run_id, run.session_id, outcome)
