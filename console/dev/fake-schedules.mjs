/** Scheduled tasks of the fake server: nothing starts by itself, and every schedule is tomorrow and the days after. */
import { randomBytes } from "node:crypto";

const DAY = 86_400_000;
const days = (count) => new Date(Date.now() + count * DAY).toISOString();
const newId = () => randomBytes(8).toString("hex");

const start = (values = {}) => ({
  task_run_id: newId(),
  scheduled_for: days(-1),
  trigger: "schedule",
  attempt: 1,
  status: "completed",
  run_id: `run_${newId()}`,
  session_id: `session_${newId()}`,
  error: null,
  started_at: days(-1),
  ended_at: days(-1),
  ...values,
});
const task = (values = {}) => ({
  task_id: `rec_${newId()}`,
  task_type: "recurring",
  user_id: "u1",
  enabled: true,
  session_mode: "new",
  session_id: null,
  max_retries: 3,
  missed: "run_once",
  overlap: "skip",
  run_options: {},
  status: "active",
  next_run_at: days(1),
  last_run_at: null,
  last_status: null,
  run_count: 0,
  failure_count: 0,
  created_by: "user",
  ...values,
});
const REPORT = task({
  name: "Morning report",
  description: "What is new today?",
  agent_id: "default_agent",
  schedule: "0 9 * * 1-5",
  timezone: "Europe/Berlin",
  last_run_at: days(-1),
  last_status: "completed",
  run_count: 2,
});
const tasks = new Map([[REPORT.task_id, REPORT]]);
const starts = new Map([
  [
    REPORT.task_id,
    [
      start(),
      start({ status: "failed", error: "provider_unreachable", trigger: "retry", attempt: 2 }),
      start({ status: "missed", run_id: null, session_id: null, started_at: null }),
    ],
  ],
]);
const CRON = /^(@(hourly|daily|weekly|monthly)|\S+(\s+\S+){4})$/;

export function addSchedules({ on, Refusal }) {
  const find = (id) => {
    if (!tasks.has(id)) throw new Refusal(404, "Task not found", "task_not_found");
    return tasks.get(id);
  };
  const timesOf = (schedule) => {
    if (/^\d{4}-/.test(schedule)) return [new Date(schedule).toISOString()];
    if (CRON.test(schedule)) return [1, 2, 3, 4, 5].map(days);
    throw new Refusal(
      400,
      "Schedule is not valid: neither an ISO time nor cron with five fields",
      "schedule_invalid",
    );
  };
  const save = (row, values) => {
    if (values.schedule !== undefined) row.next_run_at = timesOf(values.schedule)[0];
    tasks.set(row.task_id, Object.assign(row, values));
    return row;
  };
  on("GET", "/api/tasks", ({ query }) => {
    const word = (query.get("q") ?? "").toLowerCase();
    const items = [...tasks.values()].filter(({ name }) => name.toLowerCase().includes(word));
    return { items, total: items.length };
  });
  on("POST", "/api/tasks", ({ body }) => save(task(), body));
  on("GET", "/api/tasks/preview", ({ query }) => ({ next: timesOf(query.get("schedule")) }));
  on("GET", "/api/tasks/{}", (_, id) => find(id));
  on("PUT", "/api/tasks/{}", ({ body }, id) => save(find(id), body));
  on("DELETE", "/api/tasks/{}", (_, id) => {
    find(id);
    tasks.delete(id);
    return {};
  });
  on("POST", "/api/tasks/{}/enable", ({ body: { enabled } }, id) =>
    save(find(id), { enabled, status: enabled ? "active" : "paused" }),
  );
  on("POST", "/api/tasks/{}/run", (_, id) => {
    const row = find(id);
    const now = days(0);
    const run = start({ trigger: "manual", scheduled_for: now, started_at: now, ended_at: now });
    starts.set(id, [run, ...(starts.get(id) ?? [])]);
    save(row, { run_count: row.run_count + 1, last_run_at: now, last_status: "completed" });
    return { task_run_id: run.task_run_id, run_id: run.run_id, session_id: run.session_id };
  });
  on("GET", "/api/tasks/{}/history", ({ query }, id) => {
    find(id);
    const status = query.get("status");
    const items = (starts.get(id) ?? []).filter((each) => !status || each.status === status);
    return { items, total: items.length };
  });
}
