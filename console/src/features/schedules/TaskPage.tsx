import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { goTo, hrefOf } from "../../kit/route";
import { useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useScheduleTexts } from "../../texts/schedules";
import { Icon } from "../../ui/Icon";
import { IconAction } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { Switch } from "../../ui/Switch";
import { getTask, type Task } from "./api";
import { scheduleWords } from "./cadence-words";
import { HistoryPart } from "./HistoryPart";
import { TaskFacts } from "./TaskFacts";
import { TaskForm } from "./TaskForm";
import { DeleteTaskDialog, SaidNotice, TaskLoadState } from "./TaskParts";
import { isOver, markOf, pauseMs } from "./task-facts";
import { useTaskActs } from "./use-task-acts";

/** One task: what it does, and what its starts came to. */
export function TaskPage({ taskId, onStarted }: { taskId: string; onStarted: () => void }) {
  const s = useScheduleTexts();
  const task = useLoad(() => getTask(taskId), taskId);
  return (
    <div className="page">
      <a className="back-link" href={hrefOf({ page: "schedules", taskId: null })}>
        ← {s.allTasks}
      </a>
      <TaskLoadState of={task} />
      {task.data !== null && task.error === null && (
        <OneTask task={task.data} reload={task.reload} onStarted={onStarted} />
      )}
    </div>
  );
}

interface OneTaskProps {
  task: Task;
  reload: () => Promise<void>;
  onStarted: () => void;
}

function OneTask({ task, reload, onStarted }: OneTaskProps) {
  const t = useTexts();
  const s = useScheduleTexts();
  const acts = useTaskActs(reload, onStarted);
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const close = () => setOpen(null);
  const isRunning = task.status === "running";
  useRepeated(reload, pauseMs(isRunning));
  const list = () => goTo({ page: "schedules", taskId: null });
  return (
    <>
      <SectionHead
        title={task.name}
        intro={`${markOf(task.status, s).text} · ${scheduleWords(task, s)}`}
        action={
          <div className="card-actions">
            <Switch
              label={s.switchNamed(task.name)}
              isOn={task.enabled && !isOver(task)}
              isDisabled={isOver(task)}
              onChange={(isOn) => acts.turn(task, isOn)}
            />
            <button type="button" className="button" disabled={isRunning} onClick={() => acts.run(task)}>
              <Icon name="play" size={16} />
              {s.runNow}
            </button>
            <IconAction icon="edit" label={t.editNamed(task.name)} onClick={() => setOpen("edit")} />
            <IconAction icon="trash" label={t.deleteNamed(task.name)} onClick={() => setOpen("delete")} />
          </div>
        }
      />
      <SaidNotice said={acts.said} />
      <TaskFacts task={task} />
      <HistoryPart task={task} />
      {open === "edit" && <TaskForm task={task} onSaved={reload} onClose={close} />}
      {open === "delete" && <DeleteTaskDialog task={task} onDeleted={list} onClose={close} />}
    </>
  );
}
