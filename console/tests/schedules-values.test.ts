import { expect, test } from "vitest";
import type { Task } from "../src/features/schedules/api";
import {
  type Cadence,
  cadenceOf,
  momentOf,
  scheduleOf,
  usualCadence,
  wallTime,
} from "../src/features/schedules/cadence";
import { scheduleWords } from "../src/features/schedules/cadence-words";
import { changesOf, draftOf, newValues, valuesOf } from "../src/features/schedules/task-values";
import { setLocale } from "../src/kit/i18n";
import { hrefOf, parseRoute } from "../src/kit/route";
import { schedulesEn } from "../src/texts/schedules-en";
import { schedulesZh } from "../src/texts/schedules-zh";

const USUAL = usualCadence("2027-03-01T09:00");
const NOW = new Date("2027-01-02T03:04:05Z");
const TASK: Task = {
  task_id: "rec_1",
  task_type: "recurring",
  name: "Report",
  description: "Write it",
  agent_id: "a1",
  schedule: "0 9 * * mon-fri",
  timezone: "Europe/Berlin",
  enabled: true,
  session_mode: "same",
  session_id: null,
  max_retries: 0,
  missed: "skip",
  overlap: "queue",
  status: "active",
  next_run_at: null,
  last_run_at: null,
  last_status: null,
  run_count: 0,
  failure_count: 0,
  created_by: "user",
};

test.each<[Partial<Cadence>, string]>([
  [{ kind: "once" }, "2027-03-01T09:00"],
  [{ kind: "hourly", minute: "05" }, "5 * * * *"],
  [{ kind: "daily", time: "07:05" }, "5 7 * * *"],
  [{ kind: "weekly", days: [5, 0, 1] }, "0 9 * * 0,1,5"],
  [{ kind: "monthly", day: "31" }, "0 9 31 * *"],
  [{ kind: "cron", cron: " @daily " }, "@daily"],
  [{ kind: "daily", time: "" }, ""],
  [{ kind: "weekly", days: [] }, ""],
  [{ kind: "hourly", minute: "" }, ""],
  [{ kind: "monthly", day: "" }, ""],
])("the fields %j are the schedule %s", (part, schedule) => {
  expect(scheduleOf({ ...USUAL, ...part })).toBe(schedule);
});

test.each<[string, Partial<Cadence>]>([
  ["0 9 * * mon-fri", { kind: "weekly", days: [1, 2, 3, 4, 5], time: "09:00" }],
  ["5 7 * * 6-7", { kind: "weekly", days: [0, 6], time: "07:05" }],
  ["0 0 * * SUN", { kind: "weekly", days: [0], time: "00:00" }],
  ["@hourly", { kind: "hourly", minute: "0" }],
  ["@Monthly", { kind: "monthly", day: "1", time: "00:00" }],
  ["07 08 * * *", { kind: "daily", time: "08:07" }],
  ["2027-05-06 07:08", { kind: "once", at: "2027-05-06T07:08" }],
])("%s is shown in its fields", (text, part) => {
  expect(cadenceOf(text, "UTC", USUAL)).toMatchObject(part);
});

test.each([
  "*/5 * * * *",
  "0 9 1 1 *",
  "0 9 1 * 1",
  "0 9-17 * * *",
  "0 9 * * 1-5/2",
  "0 9 * * fri-mon",
  "0 9 0 * *",
  "61 9 * * *",
])("%s stays cron as it is written", (text) => {
  const cadence = cadenceOf(text, "UTC", USUAL);
  expect([cadence.kind, scheduleOf(cadence)]).toEqual(["cron", text]);
});

test("a moment with a zone is shown by the clock of the task, and one without as it stands", () => {
  expect(momentOf("2027-07-01T09:00:00Z", "Europe/Berlin")).toBe("2027-07-01T11:00");
  expect(momentOf("2027-07-01T09:00+08:00", "UTC")).toBe("2027-07-01T01:00");
  expect(momentOf("2027-07-01T09:00:30", "Asia/Tokyo")).toBe("2027-07-01T09:00");
  expect(wallTime(NOW, "No/Where")).toBe("2027-01-02T03:04");
});

test("a schedule is told in words of the language, with its zone", () => {
  const said = (schedule: string) => scheduleWords({ schedule, timezone: "UTC" }, schedulesEn);
  expect(said("0 9 * * 1-5")).toBe("Monday to Friday at 9:00 AM (UTC)");
  expect(said("30 18 * * 6,1")).toBe("Monday and Saturday at 6:30 PM (UTC)");
  expect(said("@daily")).toBe("Every day at 12:00 AM (UTC)");
  expect(said("15 * * * *")).toBe("Every hour at minute 15 (UTC)");
  expect(said("*/5 9 * * *")).toBe("Cron */5 9 * * * (UTC)");
  expect(said("2027-05-06T07:08")).toBe("Once, May 6, 2027, 7:08 AM (UTC)");
  expect(said("2027-05-06T")).toContain("2027-05-06T");
  setLocale("zh");
  expect(scheduleWords({ schedule: "0 9 1 * *", timezone: "Asia/Shanghai" }, schedulesZh)).toBe(
    "每月 1 日 09:00（Asia/Shanghai）",
  );
});

test("a change sends what differs, and a schedule nobody touched is not read anew", () => {
  const before = valuesOf(TASK, NOW);
  expect(changesOf(before, before)).toEqual({});
  expect(changesOf({ ...before, name: " Report ", maxRetries: "2" }, before)).toEqual({ max_retries: 2 });
  const later = { ...before, cadence: { ...before.cadence, time: "10:30" } };
  expect(changesOf(later, before)).toEqual({ schedule: "30 10 * * 1,2,3,4,5" });
});

test("a new task offers every day in the zone of the browser, and a single time soon", () => {
  const values = newValues("a1", "Asia/Tokyo", NOW);
  expect(values.cadence.at).toBe("2027-01-02T13:00");
  expect(draftOf({ ...values, name: " Report ", description: "Write it" })).toEqual({
    name: "Report",
    description: "Write it",
    agent_id: "a1",
    schedule: "0 9 * * *",
    timezone: "Asia/Tokyo",
    session_mode: "new",
    max_retries: 3,
    missed: "run_once",
    overlap: "skip",
  });
});

test("the addresses of tasks lead back to them, and none is that of the API", () => {
  for (const taskId of [null, "rec_0123456789abcdef"]) {
    const route = { page: "schedules", taskId } as const;
    expect(parseRoute(hrefOf(route))).toEqual(route);
  }
  expect(parseRoute("#/tasks").page).toBe("chat");
});

test("both languages have every text of tasks", () => {
  expect(Object.keys(schedulesZh)).toEqual(Object.keys(schedulesEn));
});
