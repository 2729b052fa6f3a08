"""Writes the end of a run, whatever the end is, in the fixed order of stream-runtime.md 4.6."""

from typing import Any

from clary.db.session import Connection
from clary.features.chat.recording import RunRecorder
from clary.features.chat.texts import RUN_FAILED
from clary.features.conversations.service import NewMessage, add_message, touch
from clary.features.interventions.service import close_of_run, tell_approval
from clary.features.runs.service import EndReason, end_children, status_of
from clary.kit import measures
from clary.kit.ids import new_uuid
from clary.kit.text import Text
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.model import FailureKind
from clary.runtime.prompt import prompt_language
from clary.runtime.tool_runner import interrupted_result
from clary.streams.ports import Write

STOPPED = ("interrupt_request", "client_disconnect", "replaced")


def write_end(
    recorder: RunRecorder,
    reason: EndReason,
    *,
    kind: FailureKind | None = None,
    retryable: bool = False,
    outcome: dict[str, str] | None = None,
) -> None:
    """Queues the end: open results, failure notice, usage, for a root also `stream_end`; and the terminal status.

    Approvals that were shown are told to be over first, so that no card stays open (9.13).
    `outcome` is what a child reports to its parent. All of it is one transaction; nothing of the run can follow.
    """
    recorder.release_held()
    measures.count("clary_runs_total", status=status_of(reason), end_reason=reason)
    config, lines = recorder.config, recorder.lines
    out = recorder.take_troubles()
    flags = {"interrupted": True} if reason in STOPPED or kind else {}
    writes: list[Write] = recorder.stored_texts(None, **flags) + recorder.stored_drafts(**flags)
    for approval_id, decision in recorder.untold_approvals.items():
        out.append(lines.approval_resolved(approval_id, new_uuid(), decision or "expired"))
        writes.append(_told(approval_id))
    for call in list(recorder.open_calls.values()):
        result = interrupted_result(call, new_uuid(), prompt_language(config.locale))
        out += lines.result(result)
        writes += recorder.result_writes(result)
    writes += recorder.booking.take(recorder.step_name)
    error_info = failure_info(recorder, kind, retryable=retryable) if kind is not None else None
    if error_info is not None:
        notice = _failure_message(recorder, error_info)
        out.append(lines.failure(notice.message_id, str(notice.content), error_info))
        writes.append(_stored(recorder, notice))
        if kind is not None and not recorder.usage.steps:
            recorder.usage.add(recorder.step_name, config.provider.model, None, note=kind)
    usage = recorder.usage.wire(recorder.currency)
    out.append(lines.usage(new_uuid(), usage))
    values = _closing_values(recorder, reason, usage, error_info)
    closed_at = recorder.clock.epoch()
    writes.append(lambda connection: close_of_run(connection, recorder.run_id, closed_at))
    if not recorder.place.is_root:
        writes += [recorder.log.changed(recorder.run_id, **values, outcome=outcome), recorder.log.mark(len(out))]
        recorder.writer.write(out, writes)
        return
    before = recorder.writer.queued_length + len(out)
    out.append(lines.end(lines_before=before, status=status_of(reason), run_id=recorder.run_id, reason=reason))
    writes.append(_closing(recorder, {**values, "line_count": before + 1, "stored_lines": before + 1}))
    recorder.writer.write(out, writes, end=True)


def failure_info(recorder: RunRecorder, kind: FailureKind, *, retryable: bool) -> dict[str, Any]:
    """`error_info`: a fixed slug and one short sentence; never upstream text."""
    return {"kind": kind, "message": KIND_TEXTS[kind].render(recorder.config.locale), "retryable": retryable}


def _failure_message(recorder: RunRecorder, error_info: dict[str, Any]) -> NewMessage:
    text: Text = RUN_FAILED.fill(reason=error_info["message"])
    return NewMessage(
        new_uuid(),
        "assistant",
        "final_answer",
        text.render(recorder.config.locale),
        recorder.lines.stamp(),
        agent_name=recorder.config.agent_name,
        error_info=error_info,
    )


def _told(approval_id: str) -> Write:
    return lambda connection: tell_approval(connection, approval_id)


def _stored(recorder: RunRecorder, message: NewMessage) -> Write:
    return lambda connection: add_message(connection, recorder.conversation_id, recorder.run_id, message)


def _closing_values(
    recorder: RunRecorder, reason: EndReason, usage: dict[str, Any], error_info: dict[str, Any] | None
) -> dict[str, Any]:
    """The terminal status; secrets of the input go with it."""
    return {
        "status": status_of(reason),
        "end_reason": reason,
        "ended_at": recorder.clock.now(),
        "usage": usage["total_info"],
        "cost": str(recorder.usage.cost) if recorder.usage.priced else None,
        "currency": recorder.currency if recorder.usage.priced else None,
        "error_info": error_info,
        "input_sealed": None,
        "lease_owner": None,
        "lease_expires_at": None,
        "waiting": None,
    }


def _closing(recorder: RunRecorder, values: dict[str, Any]) -> Write:
    end_run = recorder.log.changed(recorder.run_id, **values)
    now = recorder.clock.now()
    left = {key: values[key] for key in ("status", "end_reason", "ended_at", "input_sealed")}

    def close(connection: Connection) -> None:
        end_run(connection)
        end_children(connection, recorder.run_id, left)
        touch(connection, recorder.conversation_id, now)

    return close
