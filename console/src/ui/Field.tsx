import { type ReactNode, useId } from "react";

interface FieldProps {
  label: string;
  hint?: string;
  children: (ids: { id: string; "aria-describedby"?: string }) => ReactNode;
}

/** A label with its control and a hint. */
export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  const hintId = `${id}hint`;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": hint ? hintId : undefined })}
      {hint && (
        <p className="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  );
}
