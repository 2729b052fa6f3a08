import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { agentStore } from "../src/features/agents/agent-store";
import type { Agent } from "../src/features/agents/api";
import { browserZone } from "../src/features/schedules/cadence";
import { TasksPage } from "../src/features/schedules/TasksPage";
import { AGENTS, confirm, press, submit, type } from "./rig";
import { Refused, sent, serve } from "./server";

// The same day all over the world, nearly.
const NOW = "2027-01-02T12:04:05Z";

const task = (values: object = {}) => ({
  task_id: "rec_1",
  task_type: "recurring",
  name: "Report",
  description: "Write the report",
  agent_id: "a1",
  schedule: "0 9 * * *",
  timezone: "Asia/Tokyo",
  enabled: true,
  session_mode: "new",
  session_id: null,
  max_retries: 3,
  missed: "run_once",
  overlap: "skip",
  status: "active",
  next_run_at: NOW,
  last_run_at: NOW,
  last_status: "failed",
  run_count: 4,
  failure_count: 1,
  created_by: "user",
  ...values,
});
const start = (values: object = {}) => ({
  task_run_id: "tr_1",
  scheduled_for: NOW,
  trigger: "schedule",
  attempt: 1,
  status: "completed",
  run_id: "run_1",
  session_id: "s_1",
  error: null,
  started_at: NOW,
  ended_at: NOW,
  ...values,
});
const page = (...items: object[]) => ({ items, total: items.length });
const PREVIEW = { "GET /api/tasks/preview": { next: [NOW] } };

const onStarted = vi.fn();

beforeEach(() => agentStore.set({ agents: AGENTS as unknown as Agent[], chosenId: "a2", error: null }));
afterEach(() => agentStore.set({ agents: null, chosenId: "", error: null }));

test("a task is told with its agent, schedule, next time and how it last went", async () => {
  serve({
    "GET /api/tasks": page(
      task(),
      task({ task_id: "once_2", name: "Once", status: "completed", last_status: null, last_run_at: null }),
      task({
        task_id: "rec_3",
        name: "Odd",
        enabled: false,
        status: "paused",
        last_status: "agent_not_found",
      }),
    ),
  });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  const rows = await screen.findAllByRole("listitem");
  expect(rows[0]?.textContent).toContain("Writer · Every day at 9:00 AM (Asia/Tokyo)");
  expect(rows[0]?.textContent).toMatch(/Next: Jan 2, 2027.* · Last: failed, Jan 2, 2027/);
  expect(rows[1]?.textContent).toContain("Not due again · Has not run yet");
  expect(rows[2]?.textContent).toContain("paused, the agent cannot be used any more");
  const isOn = (name: string) => screen.getByRole("switch", { name }).getAttribute("aria-checked");
  expect(isOn("Report is switched on")).toBe("true");
  expect(isOn("Odd is switched on")).toBe("false");
  expect(screen.getByRole("switch", { name: "Once is switched on" })).toHaveProperty("disabled", true);
  expect(screen.getByRole("link", { name: "Report" }).getAttribute("href")).toBe("#/schedules/rec_1");
});

test("a server without a scheduler says so and offers nothing", async () => {
  serve({ "GET /api/tasks": new Refused(400, "Scheduled tasks are switched off", "scheduler_off") });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  expect(await screen.findByText(/switched off on this server/)).toBeTruthy();
  expect(screen.queryByRole("button", { name: "New task" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});

test("a new task shows its next times as it is filled in, and is sent whole", async () => {
  const calls = serve({ "GET /api/tasks": page(), "POST /api/tasks": task(), ...PREVIEW });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  expect(await screen.findByText(/There is no task yet/)).toBeTruthy();
  await press("New task");
  expect((screen.getByRole("button", { name: "Create" }) as HTMLButtonElement).disabled).toBe(true);
  type("Name", "Report");
  type("Message to the agent", "Write the report");
  type("How often", "weekly");
  fireEvent.click(screen.getByLabelText("Mon"));
  type("Time zone", "Asia/Tokyo");
  expect((await screen.findAllByText(/^Sat, Jan 2, 2027/)).length).toBeGreaterThan(0);
  await waitFor(() =>
    expect(calls.map(({ to }) => to)).toContain(
      `GET /api/tasks/preview?${new URLSearchParams({ schedule: "0 9 * * 2,3,4,5", timezone: "Asia/Tokyo", n: "5" })}`,
    ),
  );
  expect(screen.getByText(/there Sat,? 9:04 PM/)).toBeTruthy();
  submit();
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sent(calls, "POST /api/tasks")).toEqual({
    name: "Report",
    description: "Write the report",
    agent_id: "a2",
    schedule: "0 9 * * 2,3,4,5",
    timezone: "Asia/Tokyo",
    session_mode: "new",
    max_retries: 3,
    missed: "run_once",
    overlap: "skip",
  });
});

test("what is wrong with a schedule stands at it, and a refusal loses nothing of what was typed", async () => {
  const wrong = new Refused(400, "Schedule is not valid: this time never comes", "schedule_invalid");
  const calls = serve({
    "GET /api/tasks": page(),
    "GET /api/tasks/preview": wrong,
    "POST /api/tasks": new Refused(409, "Too many tasks", "task_limit"),
  });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  await press("New task");
  type("Name", "Report");
  type("Message to the agent", "Write the report");
  type("How often", "cron");
  type("Cron expression", "0 0 31 2 *");
  expect(await screen.findByText("Schedule is not valid: this time never comes")).toBeTruthy();
  submit();
  expect((await screen.findByRole("alert")).textContent).toBe("Too many tasks");
  const value = (label: string) => (screen.getByLabelText(label) as HTMLInputElement).value;
  expect([value("Name"), value("Message to the agent")]).toEqual(["Report", "Write the report"]);
  expect(value("Time zone")).toBe(browserZone());
  expect(sent(calls, "POST /api/tasks")).toMatchObject({ schedule: "0 0 31 2 *", timezone: browserZone() });
});

test("Escape closes a form nobody has typed in, and no other", async () => {
  serve({ "GET /api/tasks": page(), ...PREVIEW });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  await press("New task");
  const dialog = screen.getByRole("dialog");
  type("Name", "Report");
  expect(fireEvent(dialog, new Event("cancel", { cancelable: true }))).toBe(false);
  expect(screen.getByRole("dialog")).toBe(dialog);
  type("Name", "");
  fireEvent(dialog, new Event("cancel", { cancelable: true }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});

test("an edit sends what was changed, also of a time that has passed and an agent that is gone", async () => {
  const old = task({ schedule: "2020-01-01T09:00:00Z", task_type: "once", agent_id: "gone" });
  const calls = serve({ "GET /api/tasks": page(old), "PUT /api/tasks/rec_1": old, ...PREVIEW });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  await press("Edit Report");
  expect((screen.getByLabelText("Date and time") as HTMLInputElement).value).toBe("2020-01-01T18:00");
  expect((screen.getByLabelText("Agent") as HTMLSelectElement).value).toBe("gone");
  type("Name", "Yearly report");
  type("When the last run still goes on", "queue");
  submit();
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sent(calls, "PUT /api/tasks/rec_1")).toEqual({ name: "Yearly report", overlap: "queue" });
});

test("a task is started by hand, switched off and deleted, and a refusal is told by its name", async () => {
  const busy = new Refused(409, "Task is running", "task_busy");
  const answers: unknown[] = [{ task_run_id: "tr", run_id: "r", session_id: "s_9" }, busy];
  const calls = serve({
    "GET /api/tasks": page(task()),
    "POST /api/tasks/rec_1/run": () => answers.shift(),
    "POST /api/tasks/rec_1/enable": task({ enabled: false }),
    "DELETE /api/tasks/rec_1": {},
  });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  await press("Run Report now");
  const link = await screen.findByRole("link", { name: "Open the conversation" });
  expect(link.getAttribute("href")).toBe("#/c/s_9");
  expect(onStarted).toHaveBeenCalledTimes(1);
  await press("Run Report now");
  expect((await screen.findByRole("alert")).textContent).toBe("Report: Task is running");
  expect(onStarted).toHaveBeenCalledTimes(1);
  await waitFor(() => expect(calls.filter(({ to }) => to.startsWith("GET /api/tasks?")).length).toBe(3));
  fireEvent.click(screen.getByRole("switch", { name: "Report is switched on" }));
  await waitFor(() => expect(sent(calls, "POST /api/tasks/rec_1/enable")).toEqual({ enabled: false }));
  await press("Delete Report");
  expect(calls.some(({ to }) => to.startsWith("DELETE"))).toBe(false);
  confirm("Delete");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain("DELETE /api/tasks/rec_1"));
});

test("many tasks are paged, searched and sorted by kind", async () => {
  const calls = serve({ "GET /api/tasks": { items: [task()], total: 41 } });
  render(<TasksPage taskId={null} onStarted={onStarted} />);
  await press("Next page");
  await waitFor(() =>
    expect(calls.map(({ to }) => to)).toContain("GET /api/tasks?page=2&page_size=20&task_type=all"),
  );
  type("Kind", "once");
  type("Search", " rep ");
  await waitFor(() =>
    expect(calls.map(({ to }) => to)).toContain("GET /api/tasks?page=1&page_size=20&task_type=once&q=rep"),
  );
});

test("the history tells trigger, times and failure, and leads to the conversation and the steps", async () => {
  const calls = serve({
    "GET /api/tasks/rec_1": task(),
    "GET /api/tasks/rec_1/history": page(
      start(),
      start({ task_run_id: "tr_2", status: "failed", trigger: "retry", attempt: 2, error: "provider_auth" }),
      start({ task_run_id: "tr_3", status: "failed", error: "odd_word", run_id: null, session_id: null }),
      start({ task_run_id: "tr_4", status: "missed", run_id: null, session_id: null, started_at: null }),
    ),
  });
  render(<TasksPage taskId="rec_1" onStarted={onStarted} />);
  const list = await screen.findByRole("list");
  const rows = await within(list).findAllByRole("listitem");
  expect(rows.map((row) => within(row).queryAllByRole("link").length)).toEqual([2, 2, 0, 0]);
  const [first, second, third, fourth] = rows.map((row) => row.textContent);
  expect(first).toMatch(/CompletedBy schedule.*started Jan 2, 2027.*ended Jan 2, 2027/);
  expect(second).toMatch(/FailedRetry.*attempt 2.*The model service refused the key/);
  expect(third).toContain("odd_word");
  expect(fourth).not.toContain("started");
  const links = within(rows[0] as HTMLElement).getAllByRole("link");
  expect(links.map((link) => link.getAttribute("href"))).toEqual(["#/c/s_1", "#/account/runs/run_1"]);
  type("Outcome", "failed");
  await waitFor(() =>
    expect(calls.map(({ to }) => to)).toContain(
      "GET /api/tasks/rec_1/history?page=1&page_size=20&status=failed",
    ),
  );
});

test("a long message is folded, a short one is not", async () => {
  const history = { "GET /api/tasks/rec_1/history": page() };
  serve({ "GET /api/tasks/rec_1": task(), ...history });
  const { unmount } = render(<TasksPage taskId="rec_1" onStarted={onStarted} />);
  expect((await screen.findByText("Write the report")).closest("details")).toBeNull();
  unmount();
  const long = "Write the report. ".repeat(30).trim();
  serve({ "GET /api/tasks/rec_1": task({ description: long }), ...history });
  render(<TasksPage taskId="rec_1" onStarted={onStarted} />);
  expect((await screen.findByText(long)).closest("details")).toBeTruthy();
});

test("a task that is gone says so, and a deleted one leads back to the list", async () => {
  serve({ "GET /api/tasks/rec_9": new Refused(404, "Task not found", "task_not_found") });
  const { unmount } = render(<TasksPage taskId="rec_9" onStarted={onStarted} />);
  expect((await screen.findByRole("alert")).textContent).toContain("Task not found");
  unmount();
  serve({
    "GET /api/tasks/rec_1": task(),
    "GET /api/tasks/rec_1/history": page(),
    "DELETE /api/tasks/rec_1": {},
  });
  location.hash = "#/schedules/rec_1";
  render(<TasksPage taskId="rec_1" onStarted={onStarted} />);
  expect(await screen.findByText("Nothing has started yet.")).toBeTruthy();
  await press("Delete Report");
  confirm("Delete");
  await waitFor(() => expect(location.hash).toBe("#/schedules"));
});
