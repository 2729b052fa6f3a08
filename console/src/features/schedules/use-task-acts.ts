import { useRef, useState } from "react";
import { runTask, switchTask, type Task } from "./api";

/** What came of the last thing that was done to a task at once. */
export type Said =
  | { kind: "started"; name: string; sessionId: string }
  | { kind: "failed"; name: string; error: unknown }
  | null;

export interface TaskActs {
  said: Said;
  run: (task: Task) => Promise<void>;
  turn: (task: Task, isOn: boolean) => Promise<void>;
  forget: () => void;
}

/** Starting tasks and switching them; what is shown is read again afterwards, also when it was refused. */
export function useTaskActs(reload: () => Promise<void>, onStarted: () => void): TaskActs {
  const [said, setSaid] = useState<Said>(null);
  // A second press before the answer would start another run, or turn the switch back.
  const busy = useRef(new Set<string>());
  const act = async ({ task_id, name }: Task, what: () => Promise<Said>) => {
    if (busy.current.has(task_id)) return;
    busy.current.add(task_id);
    setSaid(null);
    await what()
      .then(setSaid)
      .catch((error: unknown) => setSaid({ kind: "failed", name, error }));
    busy.current.delete(task_id);
    await reload();
  };
  return {
    said,
    run: (task) =>
      act(task, async () => {
        const { session_id } = await runTask(task.task_id);
        onStarted();
        return { kind: "started", name: task.name, sessionId: session_id };
      }),
    turn: (task, isOn) => act(task, () => switchTask(task.task_id, isOn).then(() => null)),
    forget: () => setSaid(null),
  };
}
