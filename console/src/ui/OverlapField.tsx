import { useIdentityTexts } from "../texts/identity";
import { SelectField } from "./TextField";

interface OverlapFieldProps {
  /** Seconds for which the old secret goes on working. */
  value: number;
  onChange: (seconds: number) => void;
}

/** How long an old secret works beside the new one. */
export function OverlapField({ value, onChange }: OverlapFieldProps) {
  const i = useIdentityTexts();
  return (
    <SelectField
      label={i.overlap}
      value={String(value)}
      options={[
        { value: "0", label: i.overlapNone },
        { value: "3600", label: i.overlapHour },
        { value: "86400", label: i.overlapDay },
      ]}
      onChange={(seconds) => onChange(Number(seconds))}
    />
  );
}
