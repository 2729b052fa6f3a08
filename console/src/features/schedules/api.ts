import { get, post, put, remove } from "../../kit/http";
import { query } from "../../kit/query";

export type TaskType = "once" | "recurring";
export type SessionMode = "new" | "same";
export type Missed = "run_once" | "skip";
export type Overlap = "skip" | "queue";

/** Task (platform.md 15.2), as far as pages show it. */
export interface Task {
  task_id: string;
  task_type: TaskType;
  name: string;
  description: string;
  agent_id: string;
  schedule: string;
  timezone: string;
  enabled: boolean;
  session_mode: SessionMode;
  session_id: string | null;
  max_retries: number;
  missed: Missed;
  overlap: Overlap;
  status: string;
  next_run_at: string | null;
  last_run_at: string | null;
  /** How the last start ended, or why the task was paused. */
  last_status: string | null;
  run_count: number;
  failure_count: number;
  created_by: "user" | "agent";
}

/** What a form sends; what a change leaves out stays. */
export type TaskDraft = Pick<
  Task,
  | "name"
  | "description"
  | "agent_id"
  | "schedule"
  | "timezone"
  | "session_mode"
  | "max_retries"
  | "missed"
  | "overlap"
>;

/** TaskRun: a start, or one that did not happen. */
export interface TaskRun {
  task_run_id: string;
  scheduled_for: string;
  trigger: string;
  attempt: number;
  status: string;
  run_id: string | null;
  session_id: string | null;
  /** A fixed word. */
  error: string | null;
  started_at: string | null;
  ended_at: string | null;
}

interface Started {
  task_run_id: string;
  run_id: string;
  session_id: string;
}

interface Page<T> {
  items: T[];
  total: number;
}

export const ROWS_PER_PAGE = 20;
export const LONGEST_NAME = 100;
export const LONGEST_MESSAGE = 20_000;

const path = (id: string, act = "") => `/api/tasks/${encodeURIComponent(id)}${act}`;

export const listTasks = (page: number, filter: { q: string; type: string }) =>
  get<Page<Task>>(
    `/api/tasks${query({ page, page_size: ROWS_PER_PAGE, task_type: filter.type, q: filter.q })}`,
  );
export const getTask = (id: string) => get<Task>(path(id));
export const addTask = (draft: TaskDraft) => post<Task>("/api/tasks", draft);
export const changeTask = (id: string, changes: Partial<TaskDraft>) => put<Task>(path(id), changes);
export const deleteTask = (id: string) => remove<unknown>(path(id));
export const switchTask = (id: string, enabled: boolean) => post<Task>(path(id, "/enable"), { enabled });
export const runTask = (id: string) => post<Started>(path(id, "/run"));
export const listHistory = (id: string, page: number, status: string) =>
  get<Page<TaskRun>>(path(id, `/history${query({ page, page_size: ROWS_PER_PAGE, status })}`));
export const previewTimes = async (schedule: string, timezone: string): Promise<string[]> =>
  (await get<{ next: string[] }>(`/api/tasks/preview${query({ schedule, timezone, n: 5 })}`)).next;
