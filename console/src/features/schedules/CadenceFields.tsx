import type { ReactNode } from "react";
import { useScheduleTexts } from "../../texts/schedules";
import { Check, SelectField, TextField } from "../../ui/TextField";
import { CADENCES, type Cadence, type CadenceKind } from "./cadence";
import { dayName, WEEK } from "./cadence-words";

interface CadenceFieldsProps {
  cadence: Cadence;
  onChange: (part: Partial<Cadence>) => void;
  /** The zone, which stands beside the time. */
  children: ReactNode;
}

/** How often, and the fields that this kind needs. */
export function CadenceFields({ cadence, onChange, children }: CadenceFieldsProps) {
  const s = useScheduleTexts();
  const { kind } = cadence;
  const hasTime = kind === "daily" || kind === "weekly" || kind === "monthly";
  return (
    <>
      <div className="field-row">
        <SelectField
          label={s.howOften}
          value={kind}
          options={CADENCES.map((value) => ({ value, label: s[`cadence_${value}`] }))}
          onChange={(value) => onChange({ kind: value as CadenceKind })}
        />
        {kind === "once" && (
          <TextField
            label={s.dateAndTime}
            type="datetime-local"
            required
            value={cadence.at}
            onChange={(at) => onChange({ at })}
          />
        )}
        {kind === "hourly" && (
          <TextField
            label={s.atMinute}
            type="number"
            min={0}
            max={59}
            required
            value={cadence.minute}
            onChange={(minute) => onChange({ minute })}
          />
        )}
        {kind === "monthly" && (
          <TextField
            label={s.dayOfMonth}
            type="number"
            min={1}
            max={31}
            required
            value={cadence.day}
            onChange={(day) => onChange({ day })}
          />
        )}
        {hasTime && (
          <TextField
            label={s.atTime}
            type="time"
            required
            value={cadence.time}
            onChange={(time) => onChange({ time })}
          />
        )}
        {children}
      </div>
      {kind === "weekly" && <Days chosen={cadence.days} onChange={(days) => onChange({ days })} />}
      {kind === "cron" && (
        <TextField
          label={s.cron}
          hint={s.cronHint}
          required
          maxLength={256}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          value={cadence.cron}
          onChange={(cron) => onChange({ cron })}
        />
      )}
    </>
  );
}

function Days({ chosen, onChange }: { chosen: number[]; onChange: (days: number[]) => void }) {
  const s = useScheduleTexts();
  return (
    <fieldset className="field">
      <legend>{s.onDays}</legend>
      <div className="day-choice">
        {WEEK.map((day) => (
          <Check
            key={day}
            label={dayName(day, "short")}
            isChecked={chosen.includes(day)}
            onChange={(isOn) => onChange(isOn ? [...chosen, day] : chosen.filter((other) => other !== day))}
          />
        ))}
      </div>
    </fieldset>
  );
}
