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

/** The next time it runs; null when there is none. */
export const nextMoment = (task: Task): string | null =>
  isOver(task) || !task.enabled || task.next_run_at === null
    ? null
    : momentText(task.next_run_at, currentLocaleTag());

/** Why there is no next time. */
export function restText(task: Task, s: ScheduleTexts): string {
  if (isOver(task)) return s.neverAgain;
  return task.enabled ? s.noNextRun : s.switchedOff;
}

/** How the last start ended, or why the task was paused; null when it never ran. */
export function lastOutcome(task: Task, s: ScheduleTexts): string | null {
  const { last_status, last_run_at } = task;
  const outcome = last_status === null ? "" : wordOf(s, "outcome", last_status);
  const moment = momentText(last_run_at, currentLocaleTag());
  return outcome !== "" && moment !== "" ? s.outcomeAt(outcome, moment) : outcome || moment || null;
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
