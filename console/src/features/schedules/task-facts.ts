import { currentLocaleTag, wordOf } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import type { ScheduleTexts } from "../../texts/schedules";
import type { Mark } from "../../ui/Rows";
import type { Agent } from "../agents/api";
import type { Task } from "./api";

/** Whether it is never due again, unless its schedule is changed. */
export const isOver = (task: Task): boolean => task.status === "completed" || task.status === "failed";

/** How long to wait before looking again: for the end of a run, or now and then whether a time has come. */
export const pauseMs = (isRunning: boolean): number => (isRunning ? 2_000 : 30_000);

export function nextRunText(task: Task, s: ScheduleTexts): string {
  if (isOver(task)) return s.neverAgain;
  if (!task.enabled) return s.switchedOff;
  return task.next_run_at === null
    ? s.noNextRun
    : s.nextRun(momentText(task.next_run_at, currentLocaleTag()));
}

export function lastRunText(task: Task, s: ScheduleTexts): string {
  if (task.last_run_at === null && task.last_status === null) return s.neverRan;
  const when = task.last_run_at === null ? "" : momentText(task.last_run_at, currentLocaleTag());
  return s.lastRun(wordOf(s, "outcome", task.last_status ?? ""), when);
}

const BAD = ["failed", "missed"];

export function markOf(status: string, s: ScheduleTexts): Mark {
  const kind = BAD.includes(status)
    ? "bad"
    : status === "paused" || status === "interrupted"
      ? "warn"
      : "usual";
  return { text: wordOf(s, "status", status), kind };
}

/** The name of an agent; its id where it is not seen any more. */
export const agentName = (agents: Agent[] | null, id: string): string =>
  agents?.find((agent) => agent.id === id)?.name ?? id;
