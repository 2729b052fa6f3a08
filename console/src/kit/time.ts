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
