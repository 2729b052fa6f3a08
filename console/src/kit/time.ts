/** Waits, or rejects at once when the signal fires. */
export function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
    function done() {
      signal?.removeEventListener("abort", abort);
      resolve();
    }
    function abort() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
  });
}

export type DayGroup = "today" | "yesterday" | "week" | "earlier";

/** Which heading a past moment stands under, by calendar days of the viewer. */
export function dayGroup(iso: string, now: Date): DayGroup {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const day = 86_400_000;
  const moment = new Date(iso).getTime();
  if (moment >= midnight) return "today";
  if (moment >= midnight - day) return "yesterday";
  return moment >= midnight - 6 * day ? "week" : "earlier";
}

/** A moment as people of this language write it, by the clock of the viewer; nothing for an absent one. */
export function momentText(iso: string | null | undefined, localeTag: string): string {
  if (!iso) return "";
  return new Date(iso).toLocaleString(localeTag, { dateStyle: "medium", timeStyle: "short" });
}

/** The last instant of a calendar day of the viewer (`2027-03-01`), as the wire writes it. */
export const endOfDay = (day: string): string => new Date(`${day}T23:59:59.999`).toISOString();

/** The calendar day of the viewer an instant lies in, as a date field writes it. */
export function dayOf(iso: string): string {
  const moment = new Date(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}
