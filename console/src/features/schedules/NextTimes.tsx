import { errorText } from "../../kit/errors";
import { currentLocaleTag } from "../../kit/i18n";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useScheduleTexts } from "../../texts/schedules";
import { previewTimes } from "./api";
import { browserZone } from "./cadence";

/** When a schedule would run, as the server reads it, or what is wrong with it. */
export function NextTimes({ schedule, timezone }: { schedule: string; timezone: string }) {
  const s = useScheduleTexts();
  const typed = JSON.stringify([schedule, timezone]);
  const settled = useDebounced(typed, 400);
  const times = useLoad(async () => {
    const [text, zone] = JSON.parse(settled) as [string, string];
    return { of: settled, next: text === "" ? [] : await previewTimes(text, zone) };
  }, settled);
  const here = browserZone();
  const isCurrent = typed === settled && (times.data?.of === settled || times.error !== null);
  return (
    <div className="next-times" aria-live="polite" aria-busy={!isCurrent}>
      <h3>{s.nextTimes(here)}</h3>
      {schedule === "" && <p className="muted">{s.noTimesYet}</p>}
      {schedule !== "" && times.error !== null && <p className="field-error">{errorText(times.error)}</p>}
      {schedule !== "" && times.error === null && (
        <ol>
          {times.data?.next.map((time) => (
            <li key={time}>
              {written(time, here, DAY)}
              {timezone !== here && " "}
              {timezone !== here && <small>{s.atClockThere(written(time, timezone))}</small>}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

const DAY = { month: "short", day: "numeric", year: "numeric" } as const;
const CLOCK = { weekday: "short", hour: "numeric", minute: "2-digit" } as const;

function written(iso: string, timeZone: string, day: Intl.DateTimeFormatOptions = {}): string {
  try {
    return new Date(iso).toLocaleString(currentLocaleTag(), { ...day, ...CLOCK, timeZone });
  } catch {
    return iso; // A zone the server knows and the browser does not.
  }
}
