import { useTexts } from "../../kit/i18n";
import { Icon } from "../../ui/Icon";
import { TodoList } from "./TodoList";
import type { TaskItem } from "./wire";

/** The plan of the conversation, folded to one line above the composer. */
export function TaskPanel({ tasks }: { tasks: TaskItem[] }) {
  const t = useTexts();
  if (tasks.length === 0) return null;
  const done = tasks.filter((task) => task.status === "completed").length;
  const current = tasks.find((task) => task.status === "in_progress");
  return (
    <details className="task-panel">
      <summary>
        <Icon name="list" size={16} />
        <span>{t.tasksDone(done, tasks.length)}</span>
        <span className="task-current">{current?.name}</span>
        <Icon name="chevron" size={15} />
      </summary>
      <TodoList items={tasks} />
    </details>
  );
}
