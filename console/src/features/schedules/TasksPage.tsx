import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { useStore } from "../../kit/store";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useScheduleTexts } from "../../texts/schedules";
import { Filters, SearchField } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { Pager } from "../../ui/Pager";
import { IconAction, Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { Switch } from "../../ui/Switch";
import { SelectField } from "../../ui/TextField";
import { agentStore } from "../agents/agent-store";
import { listTasks, ROWS_PER_PAGE, type Task } from "./api";
import { scheduleWords } from "./cadence-words";
import { TaskForm } from "./TaskForm";
import { TaskPage } from "./TaskPage";
import { DeleteTaskDialog, isSchedulerOff, SaidNotice, TaskLoadState } from "./TaskParts";
import { agentName, isOver, lastOutcome, markOf, nextMoment, pauseMs, restText } from "./task-facts";
import { type TaskActs, useTaskActs } from "./use-task-acts";

const EVERYTHING = { q: "", type: "all" };
const FEW = 5;

interface TasksPageProps {
  taskId: string | null;
  /** A run was started, which may have made a conversation. */
  onStarted: () => void;
}

export function TasksPage({ taskId, onStarted }: TasksPageProps) {
  return taskId === null ? (
    <TaskList onStarted={onStarted} />
  ) : (
    <TaskPage key={taskId} taskId={taskId} onStarted={onStarted} />
  );
}

type Open = { do: "new" } | { do: "edit" | "delete"; task: Task } | null;

/** One's own tasks, the next due first. */
function TaskList({ onStarted }: { onStarted: () => void }) {
  const t = useTexts();
  const s = useScheduleTexts();
  const [page, setPage] = useState(1);
  const [filter, setFilter] = useState(EVERYTHING);
  const settled = useDebounced(filter);
  const tasks = useLoad(
    () => listTasks(page, { ...settled, q: settled.q.trim() }),
    JSON.stringify([settled, page]),
  );
  const acts = useTaskActs(tasks.reload, onStarted);
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const items = tasks.data?.items ?? [];
  const total = tasks.data?.total ?? 0;
  const isOff = isSchedulerOff(tasks);
  const isFiltered = filter.q !== "" || filter.type !== "all";
  const isAnyRunning = items.some(({ status }) => status === "running");
  useRepeated(tasks.reload, isOff ? null : pauseMs(isAnyRunning));
  const change = (part: Partial<typeof EVERYTHING>) => {
    setFilter((old) => ({ ...old, ...part }));
    setPage(1);
  };
  const deleted = async () => {
    acts.forget();
    if (items.length === 1 && page > 1) setPage(page - 1);
    else await tasks.reload();
  };
  return (
    <div className="page">
      <SectionHead
        title={t.schedules}
        intro={s.intro}
        action={
          !isOff && (
            <button type="button" className="button primary" onClick={() => setOpen({ do: "new" })}>
              <Icon name="plus" size={16} />
              {s.newTask}
            </button>
          )
        }
      />
      {!isOff && (total > FEW || isFiltered) && (
        <Filters label={t.schedules}>
          <SearchField value={filter.q} onChange={(q) => change({ q })} />
          <SelectField
            label={s.taskType}
            value={filter.type}
            options={(["all", "once", "recurring"] as const).map((value) => ({
              value,
              label: s[`type_${value}`],
            }))}
            onChange={(type) => change({ type })}
          />
        </Filters>
      )}
      <SaidNotice said={acts.said} />
      <TaskLoadState of={tasks} />
      {tasks.data !== null && total === 0 && !isOff && (
        <p className="muted">{isFiltered ? t.nothingFound : s.noTasks}</p>
      )}
      <ul className="cards">
        {!isOff &&
          items.map((task) => <TaskRow key={task.task_id} task={task} acts={acts} onOpen={setOpen} />)}
      </ul>
      <Pager page={page} pageSize={ROWS_PER_PAGE} total={total} onPage={setPage} />
      {(open?.do === "new" || open?.do === "edit") && (
        <TaskForm task={open.do === "edit" ? open.task : null} onSaved={tasks.reload} onClose={close} />
      )}
      {open?.do === "delete" && <DeleteTaskDialog task={open.task} onDeleted={deleted} onClose={close} />}
    </div>
  );
}

interface TaskRowProps {
  task: Task;
  acts: TaskActs;
  onOpen: (open: Open) => void;
}

function TaskRow({ task, acts, onOpen }: TaskRowProps) {
  const t = useTexts();
  const s = useScheduleTexts();
  const { agents } = useStore(agentStore);
  const next = nextMoment(task);
  const last = lastOutcome(task, s);
  return (
    <Row
      title={
        <a className="row-link" href={hrefOf({ page: "schedules", taskId: task.task_id })}>
          {task.name}
        </a>
      }
      marks={[markOf(task.status, s), task.created_by === "agent" && s.byAgentMark]}
      isFaded={!task.enabled || isOver(task)}
      lines={[
        `${agentName(agents, task.agent_id)} · ${scheduleWords(task, s)}`,
        <small key="facts">{`${next === null ? restText(task, s) : s.nextRun(next)} · ${last === null ? s.neverRan : s.lastRun(last)}`}</small>,
      ]}
      actions={
        <>
          <Switch
            label={s.switchNamed(task.name)}
            isOn={task.enabled && !isOver(task)}
            isDisabled={isOver(task)}
            onChange={(isOn) => acts.turn(task, isOn)}
          />
          <IconAction
            icon="play"
            label={s.runNamed(task.name)}
            isDisabled={task.status === "running"}
            onClick={() => acts.run(task)}
          />
          <IconAction
            icon="edit"
            label={t.editNamed(task.name)}
            onClick={() => onOpen({ do: "edit", task })}
          />
          <IconAction
            icon="trash"
            label={t.deleteNamed(task.name)}
            onClick={() => onOpen({ do: "delete", task })}
          />
        </>
      }
    />
  );
}
