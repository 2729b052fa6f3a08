import { currentLocaleTag } from "../../kit/i18n";
import type { ScheduleTexts } from "../../texts/schedules";
import type { Task } from "./api";
import { type Cadence, cadenceOf, usualCadence } from "./cadence";

/** A schedule in words, with its time zone; what has no words stays as it is written. */
export function scheduleWords({ schedule, timezone }: Pick<Task, "schedule" | "timezone">, s: ScheduleTexts) {
  return s.inZone(cadenceWords(cadenceOf(schedule, timezone, usualCadence("")), s), timezone);
}

function cadenceWords(cadence: Cadence, s: ScheduleTexts): string {
  const { kind, at, minute, time, days, day, cron } = cadence;
  if (kind === "once") return s.onceAt(written(at, { dateStyle: "medium", timeStyle: "short" }));
  if (kind === "cron") return s.byCron(cron);
  if (kind === "hourly") return minute === "0" ? s.everyHour : s.everyHourAt(minute);
  const clock = written(`2000-01-01T${time}`, { timeStyle: "short" });
  if (kind === "daily") return s.everyDayAt(clock);
  if (kind === "monthly") return s.everyMonthAt(day, clock);
  if (days.join() === "1,2,3,4,5") return s.onWorkdaysAt(clock);
  return s.onDaysAt(listOf(days.map((each) => dayName(each, "long"))), clock);
}

export const WEEK = [1, 2, 3, 4, 5, 6, 0];

/** The name of a day of the week, Sunday being 0. */
export const dayName = (day: number, weekday: "long" | "short"): string =>
  new Date(Date.UTC(2000, 0, 2 + day)).toLocaleDateString(currentLocaleTag(), { weekday, timeZone: "UTC" });

const listOf = (words: string[]): string =>
  new Intl.ListFormat(currentLocaleTag(), { type: "conjunction" }).format(words);

/** A local time as people of this language write it, whatever zone it belongs to. */
function written(local: string, style: Intl.DateTimeFormatOptions): string {
  const moment = new Date(`${local}Z`);
  if (Number.isNaN(moment.getTime())) return local;
  return moment.toLocaleString(currentLocaleTag(), { ...style, timeZone: "UTC" });
}
