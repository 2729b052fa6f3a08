import type { ReactNode } from "react";
import { useTexts } from "../kit/i18n";
import { TextField } from "./TextField";

/** The fields that narrow a list; they act while one types. */
export function Filters({ label, children }: { label: string; children: ReactNode }) {
  const t = useTexts();
  return (
    <search aria-label={t.filterNamed(label)}>
      <form className="filters" onSubmit={(event) => event.preventDefault()}>
        {children}
      </form>
    </search>
  );
}

export function SearchField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const t = useTexts();
  return <TextField label={t.search} type="search" value={value} onChange={onChange} />;
}
