import { type ReactNode, useId } from "react";

interface ControlIds {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

interface FieldProps {
  label: string;
  hint?: string;
  /** What is wrong with the value, in words. */
  error?: string;
  children: (ids: ControlIds) => ReactNode;
}

/** A label with its control, a hint, and what is wrong with it. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const hintId = `${id}hint`;
  const errorId = `${id}error`;
  const described = [error && errorId, hint && hintId].filter(Boolean).join(" ");
  const ids: ControlIds = { id, "aria-describedby": described || undefined };
  if (error) ids["aria-invalid"] = true;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(ids)}
      {error && (
        <p className="field-error" id={errorId} role="alert">
          {error}
        </p>
      )}
      {hint && (
        <p className="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  );
}
