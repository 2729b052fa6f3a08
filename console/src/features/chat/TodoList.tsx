import { useTexts } from "../../kit/i18n";
import { Icon } from "../../ui/Icon";
import { isObject, resultOf, str, type Values } from "./tool-facts";
import type { MessageLine, TaskItem } from "./wire";

/** The list after a `todo_write`: from its result, or from its arguments while it runs. */
export function todoItems(args: Values, result: MessageLine | undefined): TaskItem[] | null {
  const written = toItems(args.tasks);
  const listed = toItems(resultOf(result).tasks);
  if (listed === null) return written;
  // Results may leave out the text of a task that the arguments have.
  const names = new Map(written?.map((item) => [item.id, item.name]));
  return listed.map((item) => ({ ...item, name: item.name || names.get(item.id) || item.id }));
}

function toItems(value: unknown): TaskItem[] | null {
  if (!Array.isArray(value)) return null;
  return value.filter(isObject).map((task) => ({
    id: str(task.id),
    name: str(task.name) || str(task.content),
    status: task.completed === true ? "completed" : toStatus(task.status),
  }));
}

function toStatus(value: unknown): TaskItem["status"] {
  return value === "in_progress" || value === "completed" || value === "failed" ? value : "pending";
}

export function TodoList({ items }: { items: TaskItem[] }) {
  const t = useTexts();
  const words = { pending: t.pending, in_progress: t.inProgress, completed: t.done, failed: t.failed };
  return (
    <ul className="todos">
      {items.map((item) => (
        <li key={item.id} className={item.status}>
          <span className="todo-mark" role="img" aria-label={words[item.status]}>
            {item.status === "completed" && <Icon name="check" size={12} />}
            {item.status === "failed" && <Icon name="close" size={12} />}
          </span>
          <span>{item.name}</span>
        </li>
      ))}
    </ul>
  );
}
