import { Field } from "./Field";

interface AreaFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  rows?: number;
  required?: boolean;
  maxLength?: number;
}

/** Several lines of text with their label. */
export function AreaField({ label, value, onChange, hint, rows = 3, required, maxLength }: AreaFieldProps) {
  return (
    <Field label={label} hint={hint}>
      {(ids) => (
        <textarea
          {...ids}
          rows={rows}
          required={required}
          maxLength={maxLength}
          spellCheck={false}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
