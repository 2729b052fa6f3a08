import { useState } from "react";
import { useTexts } from "../kit/i18n";
import { Check } from "./TextField";

export interface Choice {
  value: string;
  label: string;
  detail?: string;
}

interface ChoiceListProps {
  label: string;
  choices: Choice[];
  chosen: string[];
  onChange: (chosen: string[]) => void;
  emptyText?: string;
  /** Told what is looked for, where there may be more than what is at hand. */
  onFilter?: (text: string) => void;
}

const SHOWN = 200;

/** Any number out of many: check boxes with a filter. What was chosen at first stands on top and stays there. */
export function ChoiceList({ label, choices, chosen, onChange, emptyText, onFilter }: ChoiceListProps) {
  const t = useTexts();
  const [filter, setFilter] = useState("");
  const [first] = useState(() => new Set(chosen));
  const word = filter.trim().toLowerCase();
  const found = choices
    .filter((choice) => `${choice.label} ${choice.detail ?? ""}`.toLowerCase().includes(word))
    .sort((a, b) => Number(first.has(b.value)) - Number(first.has(a.value)));
  const toggle = (value: string, isOn: boolean) =>
    onChange(isOn ? [...chosen, value] : chosen.filter((other) => other !== value));
  return (
    <fieldset className="field">
      <legend>
        {label}
        {chosen.length > 0 && <span className="badge">{chosen.length}</span>}
      </legend>
      {choices.length > 6 && (
        <input
          type="search"
          aria-label={t.filterNamed(label)}
          placeholder={t.search}
          value={filter}
          onChange={(event) => {
            setFilter(event.target.value);
            onFilter?.(event.target.value);
          }}
          // Enter filters; it does not send the form around it.
          onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
        />
      )}
      <div className="choices">
        {found.slice(0, SHOWN).map((choice) => (
          <Check
            key={choice.value}
            label={choice.label}
            detail={choice.detail}
            isChecked={chosen.includes(choice.value)}
            onChange={(isOn) => toggle(choice.value, isOn)}
          />
        ))}
        {found.length === 0 && <p className="hint">{choices.length === 0 ? emptyText : t.nothingFound}</p>}
        {found.length > SHOWN && <p className="hint">{t.moreHidden(found.length - SHOWN)}</p>}
      </div>
    </fieldset>
  );
}
