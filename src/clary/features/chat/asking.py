"""Questions of a run to its person: questionnaires, and the approval of calls (stream-runtime.md 9.12, 9.13)."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from clary.db.session import Connection
from clary.features.chat.config import Json
from clary.features.chat.lines import call_object
from clary.features.chat.recording import RunRecorder
from clary.features.chat.tree import RunTree
from clary.features.chat.waiting import wait_for
from clary.features.conversations.service import APPROVAL_CALL
from clary.features.interventions.ports import NewApproval, NewQuestionnaire
from clary.features.interventions.service import (
    APPROVAL_SECONDS,
    HINT,
    REASONS,
    ApprovalRow,
    Category,
    Interventions,
    QuestionnaireRow,
    approval_form,
    category_of,
    command_hash,
    command_of,
    default_answers,
    expire_questionnaire,
    form_of,
    needs_approval,
    open_approval,
    open_questionnaire,
    questionnaire_id_of,
    resolve_approval,
    result_of_questionnaire,
    tell_approval,
)
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.ids import new_uuid
from clary.kit.text import Text
from clary.runtime.events import AnnouncedCall
from clary.runtime.messages import ToolCall, ToolSpec
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import parse_arguments
from clary.streams.ports import Write

QUESTIONNAIRE = "questionnaire"
SERVER_QUESTION: Final = "elicit_"
"""What the ids of calls begin with that ask for an MCP server."""
TIMED_OUT: Final = {"success": False, "status": "timeout", "answers": dict[str, Any]()}

_DENIED = Text("用户拒绝了该调用", "The person denied this call")
_EXPIRED = Text("没有人在规定时间内批准该调用", "Nobody approved this call in time")


class Asker:
    """Opens questions of one run and waits for what comes of them."""

    def __init__(self, tree: RunTree, recorder: RunRecorder, interventions: Interventions, clock: Clock) -> None:
        self.tree = tree
        self.recorder = recorder
        self.interventions = interventions
        self.clock = clock
        # Questions of a server of which a process that died was the only one to wait for the answer.
        self._lost = [call_id for call_id in recorder.open_calls if call_id.startswith(SERVER_QUESTION)]

    async def ask(self, call_id: str, arguments: Mapping[str, Any], *, approval_id: str | None = None) -> Json:
        """Result of a questionnaire: what was answered, or the defaults when the time is over.

        A questionnaire that an earlier process opened for the same call is gone on with.

        Raises:
            ToolFailedError: the questions are not right.
        """
        run_id = self.recorder.run_id
        # It may have been opened with its line, a moment ago.
        await self.recorder.writer.flush()
        row = await self.interventions.find_questionnaire(run_id=run_id, tool_call_id=call_id)
        if row is None:
            opened = self._opened(call_id, arguments, approval_id)
            self.recorder.writer.write([], [lambda connection: open_questionnaire(connection, opened)])
            await self.recorder.writer.flush()
            deadline, item_id = opened.deadline, opened.questionnaire_id
        else:
            deadline, item_id = row.deadline, row.questionnaire_id

        async def look() -> QuestionnaireRow | None:
            found = await self.interventions.find_questionnaire(run_id=run_id, tool_call_id=call_id)
            if found is not None and found.status == "pending" and self._is_over(found.deadline):
                await self._expire(found)
                found = await self.interventions.find_questionnaire(run_id=run_id, tool_call_id=call_id)
            return found if found is not None and found.status != "pending" else None

        wait = wait_for("questionnaire", item_id, deadline)
        answered = await self.tree.room.wait(run_id, call_id, wait, look)
        result = result_of_questionnaire(answered, self._language)
        return result if result is not None else dict(TIMED_OUT)

    def opening(self, call: ToolCall) -> list[Write]:
        """Work that opens the questionnaire of an announced call: whoever sees the line can answer at once.

        From that line on the run waits, as nothing keeps the person from answering.
        """
        if call.name != QUESTIONNAIRE:
            return []
        try:
            opened = self._opened(call.id, parse_arguments(call.arguments) or {}, None)
        except ToolFailedError:
            # The call itself tells the model what is wrong.
            return []
        self.tree.room.foretell(self.recorder.run_id, call.id, _wait_of(opened))
        return [lambda connection: open_questionnaire(connection, opened)]

    def closed(self, call: ToolCall) -> None:
        """See `Questions.closed`: a call that was refused never came to wait."""
        self.tree.room.forget(self.recorder.run_id, call.id)

    async def ask_in_own_call(self, call_id: str, form: Json, *, approval_id: str | None = None) -> Json:
        """Asks by a questionnaire call of the server, which the model never sees.

        Raises:
            ToolFailedError: the questions are not right; nothing was shown.
        """
        recorder = self.recorder
        form = {**form, "questionnaire_id": questionnaire_id_of(recorder.lines.session_id, call_id)}
        call = ToolCall(call_id, "questionnaire", json_text.dumps_text(form))
        if call_id not in recorder.open_calls:
            self._show_question(call, self._opened(call_id, form, approval_id))
        try:
            result = await self.ask(call_id, form, approval_id=approval_id)
        finally:
            self.tree.room.drop(recorder.run_id, call_id)
        self._show_result(call_id, result)
        return result

    def _show_question(self, call: ToolCall, opened: NewQuestionnaire) -> None:
        recorder = self.recorder
        recorder.open_calls[call.id] = call
        recorder.hidden_calls.add(call.id)
        shown = [call_object(AnnouncedCall("", call))]
        message = recorder.own_message(new_uuid(), "tool_call", None, tool_calls=shown, hidden_from_model=True)
        self.tree.room.foretell(recorder.run_id, call.id, _wait_of(opened))
        recorder.show(message, lambda connection: open_questionnaire(connection, opened))

    def _show_result(self, call_id: str, result: Json, *writes: Write) -> None:
        self.recorder.open_calls.pop(call_id, None)
        answer = self.recorder.own_message(
            new_uuid(), "tool_call_result", result, role="tool", tool_call_id=call_id, hidden_from_model=True
        )
        self.recorder.show(answer, *writes)

    async def ask_for_server(self, title: str, questions: Sequence[Json]) -> Mapping[str, Any] | None:
        """Puts a question of an MCP server to the person (product.md 8.6).

        None: nobody answered, or nobody could.

        The server's call goes on meanwhile, so the run keeps its worker.
        """
        form: Json = {"title": title, "questions": list(questions)}
        call_id = f"{SERVER_QUESTION}{new_uuid()}"
        try:
            result = await self.ask_in_own_call(call_id, form)
        except ToolFailedError:
            return None
        except asyncio.CancelledError:
            # The server's call is over. If the run is too, whoever ends it answers; nothing may be written after that.
            self._lost.append(call_id)
            raise
        if not result.get("success") or result.get("is_auto_submit"):
            return None
        return cast("Mapping[str, Any]", result.get("answers") or {})

    def close_lost(self) -> None:
        """Ends questions whose server does not wait any more, before the run takes its next step (4.5 rule 2)."""
        while self._lost:
            call_id = self._lost.pop()
            if call_id in self.recorder.open_calls:
                run_id, now = self.recorder.run_id, self.clock.epoch()
                close = partial(_expire_unanswered, run_id=run_id, call_id=call_id, at=now)
                self.tree.room.tell_again()
                self._show_result(call_id, dict(TIMED_OUT), close)

    def _opened(self, call_id: str, arguments: Mapping[str, Any], approval_id: str | None) -> NewQuestionnaire:
        form, now = form_of(arguments), self.clock.epoch()
        session_id = self.recorder.lines.session_id
        return NewQuestionnaire(
            questionnaire_id=questionnaire_id_of(session_id, call_id),
            run_id=self.recorder.run_id,
            conversation_id=self.recorder.conversation_id,
            user_id=self.tree.root.user_id,
            session_id=session_id,
            tool_call_id=call_id,
            title=form.title,
            questions=list(form.questions),
            kind=form.kind,
            wait_seconds=form.wait_seconds,
            opened_at=now,
            deadline=form.deadline(now),
            approval_id=approval_id,
        )

    async def _expire(self, row: QuestionnaireRow) -> None:
        answers, now = default_answers(row.questions), self.clock.epoch()

        def close(connection: Connection) -> None:
            expire_questionnaire(connection, row.run_id, row.tool_call_id, answers, now)

        self.recorder.writer.write([], [close])
        await self.recorder.writer.flush()

    def _is_over(self, deadline: float | None) -> bool:
        return deadline is not None and self.clock.epoch() >= deadline

    @property
    def _language(self) -> Any:
        return "zh" if self.recorder.config.locale == "zh-CN" else "en"


def _wait_of(opened: NewQuestionnaire) -> Json:
    return wait_for("questionnaire", opened.questionnaire_id, opened.deadline)


def _expire_unanswered(connection: Connection, *, run_id: str, call_id: str, at: float) -> None:
    expire_questionnaire(connection, run_id, call_id, {}, at)


class QuestionnaireTool:
    """Asks the person; waiting costs nothing and survives a restart."""

    def __init__(self, spec: ToolSpec, asker: Asker) -> None:
        self.spec = spec
        self._asker = asker

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`."""
        return await self._asker.ask(context.tool_call_id, arguments)


class CallApprovals:
    """Implements `runtime.tool_runner.ApprovalGate` for one run."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._recorder = asker.recorder

    async def clear(self, call: ToolCall, spec: ToolSpec, arguments: dict[str, Any]) -> None:
        """See `ApprovalGate.clear`."""
        config = self._recorder.config
        category = category_of(spec.name, arguments, spec.effect)
        if not needs_approval(config.approval_mode, spec.effect, category):
            return
        try:
            decision = await self._decision(call, spec.name, arguments, category)
        finally:
            self._asker.tree.room.drop(self._recorder.run_id, call.id)
        if decision == "expired":
            raise ToolFailedError(_EXPIRED.render(config.locale), "APPROVAL_EXPIRED")
        if decision != "approve":
            raise ToolFailedError(_DENIED.render(config.locale), "APPROVAL_DENIED")

    async def _decision(self, call: ToolCall, tool_name: str, arguments: Json, category: Category) -> str:
        """What was decided, now or before the process that asked was gone; readers are told of it once."""
        fingerprint = command_hash(tool_name, arguments)
        known = await self._known(call, fingerprint)
        if known is None:
            row = self._row(call, tool_name, arguments, category, fingerprint)
            approval_id, expires_at = row.approval_id, row.expires_at
            self._announce(row)
            await self._recorder.writer.flush()
        else:
            approval_id, expires_at = known.approval_id, known.expires_at
        if not self._recorder.config.shows_approvals and self._is_to_be_asked(known):
            with self._asker.tree.room.covering(self._recorder.run_id, call.id):
                await self._ask_by_questionnaire(approval_id, tool_name, arguments, category)

        async def look() -> str | None:
            found = await self._known(call, fingerprint)
            if found is not None and found.decision is None and self._asker.clock.epoch() >= found.expires_at:
                await self._expire(found)
                found = await self._known(call, fingerprint)
            return found.decision if found is not None else None

        wait = wait_for("approval", approval_id, expires_at)
        decision = await self._asker.tree.room.wait(self._recorder.run_id, call.id, wait, look)
        if self._recorder.config.shows_approvals and (known is None or not known.told):
            self._recorder.untold_approvals.pop(approval_id, None)
            line = self._recorder.lines.approval_resolved(approval_id, new_uuid(), decision)
            self._recorder.write_line(line, lambda connection: tell_approval(connection, approval_id))
        return decision

    def _is_to_be_asked(self, known: ApprovalRow | None) -> bool:
        """Whether the question is open still; one that was answered meanwhile has to get its result."""
        if known is None or known.decision is None:
            return True
        return _question_of(known.approval_id) in self._recorder.open_calls

    async def _known(self, call: ToolCall, fingerprint: str) -> ApprovalRow | None:
        row = await self._asker.interventions.find_approval(run_id=self._recorder.run_id, tool_call_id=call.id)
        return row if row is not None and row.command_hash == fingerprint else None

    def _row(
        self, call: ToolCall, tool_name: str, arguments: Json, category: Category, fingerprint: str
    ) -> NewApproval:
        config, now = self._recorder.config, self._asker.clock.epoch()
        return NewApproval(
            approval_id=new_uuid(),
            run_id=self._recorder.run_id,
            conversation_id=self._recorder.conversation_id,
            user_id=self._asker.tree.root.user_id,
            session_id=self._recorder.lines.session_id,
            tool_call_id=call.id,
            tool_name=tool_name,
            category=category,
            command=command_of(tool_name, arguments),
            command_hash=fingerprint,
            reason=REASONS[category].render(config.locale),
            mode=config.approval_mode,
            requested_at=now,
            expires_at=now + APPROVAL_SECONDS,
        )

    def _announce(self, row: NewApproval) -> None:
        def store(connection: Connection) -> None:
            open_approval(connection, row)

        if self._recorder.config.shows_approvals:
            self._recorder.untold_approvals[row.approval_id] = None
            wait = wait_for("approval", row.approval_id, row.expires_at)
            self._asker.tree.room.foretell(self._recorder.run_id, row.tool_call_id, wait)
            hint = HINT.render(self._recorder.config.locale)
            self._recorder.write_line(self._recorder.lines.approval_requested(row, new_uuid(), hint), store)
        else:
            self._recorder.writer.write([], [store])

    async def _ask_by_questionnaire(
        self, approval_id: str, tool_name: str, arguments: Json, category: Category
    ) -> None:
        """Clients that know no approval lines are asked by a call that the model never sees (9.13)."""
        form = approval_form(tool_name, command_of(tool_name, arguments), category, self._recorder.config.locale)
        result = await self._asker.ask_in_own_call(_question_of(approval_id), form, approval_id=approval_id)
        if result.get("is_auto_submit"):
            await self._expire_by_id(approval_id)

    async def _expire(self, row: ApprovalRow) -> None:
        await self._expire_by_id(row.approval_id)

    async def _expire_by_id(self, approval_id: str) -> None:
        now = self._asker.clock.epoch()

        def resolve(connection: Connection) -> None:
            resolve_approval(connection, approval_id, "expired", now)

        self._recorder.writer.write([], [resolve])
        await self._recorder.writer.flush()


def _question_of(approval_id: str) -> str:
    """Id of the call that asks for an approval."""
    return f"{APPROVAL_CALL}{approval_id}"
