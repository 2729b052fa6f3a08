import { useWorkshopTexts } from "../../texts/workshop";
import { TextField } from "../../ui/TextField";
import type { Ceiling, Period, Unit } from "./api";
import type { CeilingTexts } from "./ceilings";

const UNITS = ["tokens", "cost"] as const satisfies Unit[];

interface BudgetFieldsProps {
  periods: readonly Period[];
  texts: CeilingTexts;
  onChange: (texts: CeilingTexts) => void;
}

/** A field for each ceiling; an empty one is no limit. */
export function BudgetFields({ periods, texts, onChange }: BudgetFieldsProps) {
  const w = useWorkshopTexts();
  return UNITS.map((unit) => (
    <fieldset className="field" key={unit}>
      <legend>{w[unit]}</legend>
      <div className="field-row quarters">
        {periods.map((period) => {
          const key: Ceiling = `${unit}_per_${period}`;
          return (
            <TextField
              key={key}
              label={w[`period_${period}`]}
              type="number"
              min={0}
              step={unit === "tokens" ? 1 : "any"}
              placeholder={w.noCeiling}
              value={texts[key] ?? ""}
              onChange={(text) => onChange({ ...texts, [key]: text })}
            />
          );
        })}
      </div>
    </fieldset>
  ));
}
