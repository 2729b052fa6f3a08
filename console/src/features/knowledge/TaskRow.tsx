import { useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { ApiError } from "../../kit/http";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { cancelTask, getTask, redoTask, type TaskProgress } from "./documents-api";
import { Meter } from "./IndexFacts";

interface TaskRowProps {
  kdbId: string;
  taskId: string;
  /** Called whenever something about the documents of the task has changed. */
  onProgress: () => void;
  onShow: () => void;
  onRedone: (taskId: string) => void;
  /** Others wait to be shown: when all is well it goes by itself. */
  isCrowded: boolean;
  onDismiss: () => void;
}

const PAUSE_MS = 1_500;
const isOver = ({ success, fail, total }: TaskProgress): boolean => success + fail >= total;

/** How far the documents of one upload are. */
export function TaskRow(props: TaskRowProps) {
  const { kdbId, taskId, onProgress, onShow, onRedone, isCrowded, onDismiss } = props;
  const t = useTexts();
  const k = useKnowledgeTexts();
  const task = useLoad(() => getTask(kdbId, taskId), taskId);
  const [error, setError] = useState<unknown>(null);
  const { data } = task;
  useRepeated(task.reload, data !== null && isOver(data) ? null : PAUSE_MS);
  const seen = data === null ? "" : JSON.stringify(data);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told once per change of the numbers
  useEffect(() => {
    if (seen !== "") onProgress();
  }, [seen]);
  const isGone = task.error instanceof ApiError && task.error.slug === "task_not_found";
  const isWell = data !== null && isOver(data) && data.fail === 0;
  const isDone = isGone || (isCrowded && isWell);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it goes once
  useEffect(() => {
    if (isDone) onDismiss();
  }, [isDone]);
  const attempt = (act: () => Promise<unknown>) => async () => {
    setError(null);
    await act().then(task.reload).catch(setError);
  };
  const redo = attempt(async () => onRedone((await redoTask(kdbId, taskId)).task_id));
  if (data === null) return null;
  const done = data.success + data.fail;
  const parts = [
    isOver(data) ? k.taskDone(data.success, data.total) : k.taskGoing(done, data.total),
    data.fail > 0 && k.taskFailed(data.fail),
  ];
  return (
    <>
      <div className="with-end task">
        <Meter text={parts.filter(Boolean).join(" · ")} value={done} max={Math.max(data.total, 1)} />
        <button type="button" className="button quiet small" onClick={onShow}>
          {k.showThese}
        </button>
        {!isOver(data) && (
          <IconAction icon="stop" label={k.cancelTask} onClick={attempt(() => cancelTask(kdbId, taskId))} />
        )}
        {isOver(data) && data.fail > 0 && <IconAction icon="turn" label={k.redoTask} onClick={redo} />}
        {isOver(data) && <IconAction icon="close" label={t.close} onClick={onDismiss} />}
      </div>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
    </>
  );
}
