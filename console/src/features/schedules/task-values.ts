import type { Missed, Overlap, SessionMode, Task, TaskDraft } from "./api";
import { type Cadence, cadenceOf, scheduleOf, usualCadence, wallTime } from "./cadence";

/** What the form holds. */
export interface TaskValues {
  name: string;
  description: string;
  agentId: string;
  cadence: Cadence;
  timezone: string;
  sessionMode: SessionMode;
  maxRetries: string;
  missed: Missed;
  overlap: Overlap;
}

const HOUR = 3_600_000;

/** The next full hour, as a first offer for a single time. */
const soon = (now: Date, zone: string): string =>
  wallTime(new Date(Math.ceil((now.getTime() + HOUR / 2) / HOUR) * HOUR), zone);

export function newValues(agentId: string, zone: string, now: Date): TaskValues {
  return {
    name: "",
    description: "",
    agentId,
    cadence: usualCadence(soon(now, zone)),
    timezone: zone,
    sessionMode: "new",
    maxRetries: "3",
    missed: "run_once",
    overlap: "skip",
  };
}

export function valuesOf(task: Task, now: Date): TaskValues {
  return {
    name: task.name,
    description: task.description,
    agentId: task.agent_id,
    cadence: cadenceOf(task.schedule, task.timezone, usualCadence(soon(now, task.timezone))),
    timezone: task.timezone,
    sessionMode: task.session_mode,
    maxRetries: String(task.max_retries),
    missed: task.missed,
    overlap: task.overlap,
  };
}

export const draftOf = (values: TaskValues): TaskDraft => ({
  name: values.name.trim(),
  description: values.description,
  agent_id: values.agentId,
  schedule: scheduleOf(values.cadence),
  timezone: values.timezone.trim(),
  session_mode: values.sessionMode,
  max_retries: Number(values.maxRetries),
  missed: values.missed,
  overlap: values.overlap,
});

/**
 * What differs between two states of the form. A schedule nobody touched is not sent: the server would read it anew,
 * and a single time in the past is no valid one.
 */
export function changesOf(values: TaskValues, before: TaskValues): Partial<TaskDraft> {
  const old = draftOf(before);
  const changed = Object.entries(draftOf(values)).filter(
    ([key, value]) => value !== old[key as keyof TaskDraft],
  );
  return Object.fromEntries(changed);
}
