/** When a task runs, as a form shows it, and the text of the wire for it (platform.md 15.2). */

export const CADENCES = ["once", "hourly", "daily", "weekly", "monthly", "cron"] as const;
export type CadenceKind = (typeof CADENCES)[number];

/** Holds the fields of every kind, so that trying another one loses nothing. */
export interface Cadence {
  kind: CadenceKind;
  /** The local date and time in the zone of the task, such as `2027-03-01T09:00`. */
  at: string;
  minute: string;
  time: string;
  /** Sunday is 0. */
  days: number[];
  day: string;
  cron: string;
}

export const usualCadence = (at: string): Cadence => ({
  kind: "daily",
  at,
  minute: "0",
  time: "09:00",
  days: [1, 2, 3, 4, 5],
  day: "1",
  cron: "0 9 * * 1-5",
});

/** The schedule as the wire wants it; nothing while a field is missing. */
export function scheduleOf(cadence: Cadence): string {
  const { kind, at, minute, time, days, day, cron } = cadence;
  if (kind === "once") return at;
  if (kind === "cron") return cron.trim();
  if (kind === "hourly") return minute === "" ? "" : `${Number(minute)} * * * *`;
  const [hour, past] = time.split(":");
  if (!hour || !past) return "";
  const clock = `${Number(past)} ${Number(hour)}`;
  if (kind === "daily") return `${clock} * * *`;
  if (kind === "weekly") return days.length === 0 ? "" : `${clock} * * ${[...days].sort().join(",")}`;
  return day === "" ? "" : `${clock} ${Number(day)} * *`;
}

/** The form of a schedule; one it has no fields for stays cron as it is written. */
export function cadenceOf(schedule: string, zone: string, usual: Cadence): Cadence {
  const text = schedule.trim();
  if (/^\d{4}-/.test(text)) return { ...usual, kind: "once", at: momentOf(text, zone) };
  return { ...usual, cron: text, ...(plainCron(WORDS[text.toLowerCase()] ?? text) ?? { kind: "cron" }) };
}

const WORDS: Record<string, string> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
};

/** The fields for cron of one minute, which is all that the simple kinds say. */
function plainCron(cron: string): Partial<Cadence> | null {
  const [minute = "", hour = "", day = "", month, weekday = "", more] = cron.split(/[ \t]+/);
  if (month !== "*" || more !== undefined || !isUpTo(minute, 59)) return null;
  const isEveryDay = day === "*" && weekday === "*";
  if (hour === "*") return isEveryDay ? { kind: "hourly", minute: String(Number(minute)) } : null;
  if (!isUpTo(hour, 23)) return null;
  const time = `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
  if (isEveryDay) return { kind: "daily", time };
  if (weekday === "*")
    return isUpTo(day, 31) && Number(day) > 0 ? { kind: "monthly", time, day: String(Number(day)) } : null;
  const days = day === "*" ? daysOf(weekday) : null;
  return days === null ? null : { kind: "weekly", time, days };
}

const isUpTo = (text: string, most: number): boolean => /^\d{1,2}$/.test(text) && Number(text) <= most;

const NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** Lists and ranges of days, such as `mon-fri` or `1,3,7`; null for anything else. */
function daysOf(text: string): number[] | null {
  const days = new Set<number>();
  for (const term of text.toLowerCase().split(",")) {
    const [first, last, more] = term.split("-").map(dayNumber);
    const end = last ?? first;
    if (first === undefined || end === undefined || more !== undefined) return null;
    if (Number.isNaN(first) || Number.isNaN(end) || first > end) return null;
    for (let day = first; day <= end; day += 1) days.add(day % 7);
  }
  return [...days].sort();
}

const dayNumber = (text: string): number => {
  const named = NAMES.indexOf(text);
  if (named >= 0) return named;
  return /^[0-7]$/.test(text) ? Number(text) : Number.NaN;
};

/** What a clock in the zone shows at a moment of the wire; a text without zone is such a time already. */
export function momentOf(text: string, zone: string): string {
  const hasZone = /[Tt ].*(?:[Zz]|[+-]\d{2}:?\d{0,2})$/.test(text);
  return hasZone ? wallTime(new Date(text), zone) : text.replace(" ", "T").slice(0, 16);
}

/** The date and time a clock in the zone shows, as a field for them wants it. A zone nobody knows counts as UTC. */
export function wallTime(moment: Date, zone: string): string {
  const parts = new Map(
    clockIn(zone)
      .formatToParts(moment)
      .map(({ type, value }) => [type, value]),
  );
  const [year, month, day, hour, minute] = (["year", "month", "day", "hour", "minute"] as const).map(
    (type) => parts.get(type) ?? "",
  );
  return `${year}-${month}-${day}T${hour}:${minute}`;
}

function clockIn(timeZone: string): Intl.DateTimeFormat {
  const two = "2-digit" as const;
  const fields = { year: "numeric", month: two, day: two, hour: two, minute: two, hourCycle: "h23" } as const;
  try {
    return new Intl.DateTimeFormat("en-US", { ...fields, timeZone });
  } catch {
    return new Intl.DateTimeFormat("en-US", { ...fields, timeZone: "UTC" });
  }
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
