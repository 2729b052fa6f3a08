import { errorText } from "../../kit/errors";
import { ApiError } from "../../kit/http";
import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import type { Loaded } from "../../kit/use-load";
import { useScheduleTexts } from "../../texts/schedules";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { deleteTask, type Task } from "./api";
import type { Said } from "./use-task-acts";

export const isSchedulerOff = ({ error }: Loaded<unknown>): boolean =>
  error instanceof ApiError && error.slug === "scheduler_off";

/** Loading, a failure, or that this server starts nothing by itself. */
export function TaskLoadState({ of }: { of: Loaded<unknown> }) {
  const s = useScheduleTexts();
  return isSchedulerOff(of) ? <Notice kind="info">{s.schedulerOff}</Notice> : <LoadState of={of} />;
}

/** What came of a start or a switch. */
export function SaidNotice({ said }: { said: Said }) {
  const s = useScheduleTexts();
  if (said === null) return null;
  if (said.kind === "failed")
    return <Notice kind="error">{s.failedFor(said.name, errorText(said.error))}</Notice>;
  return (
    <Notice kind="success">
      {s.startedNow(said.name)}{" "}
      <a href={hrefOf({ page: "chat", sessionId: said.sessionId })}>{s.openConversation}</a>
    </Notice>
  );
}

interface DeleteProps {
  task: Task;
  onDeleted: () => Promise<void> | void;
  onClose: () => void;
}

export function DeleteTaskDialog({ task, onDeleted, onClose }: DeleteProps) {
  const t = useTexts();
  const s = useScheduleTexts();
  return (
    <ActionDialog
      title={s.deleteTaskTitle}
      action={t.delete}
      isDangerous
      onAction={() => deleteTask(task.task_id).then(onDeleted)}
      onClose={onClose}
    >
      <p>{s.deleteTaskText(task.name)}</p>
    </ActionDialog>
  );
}
