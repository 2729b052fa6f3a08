import { Field } from "./Field";

interface AreaFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  rows?: number;
  required?: boolean;
  maxLength?: number;
  placeholder?: string;
}

/** Several lines of text with their label. */
export function AreaField(props: AreaFieldProps) {
  const { label, value, onChange, hint, rows = 3, required, maxLength, placeholder } = props;
  return (
    <Field label={label} hint={hint}>
      {(ids) => (
        <textarea
          {...ids}
          rows={rows}
          required={required}
          maxLength={maxLength}
          placeholder={placeholder}
          spellCheck={false}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
