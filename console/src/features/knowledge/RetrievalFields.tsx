import { useKnowledgeTexts } from "../../texts/knowledge";
import { SelectField, TextField } from "../../ui/TextField";
import type { Mode } from "./api";

export interface RetrievalValues {
  topK: string;
  mode: Mode;
  minScore: string;
}

interface RetrievalFieldsProps {
  values: RetrievalValues;
  onChange: (part: Partial<RetrievalValues>) => void;
}

export const MODES = ["hybrid", "lexical", "vector"] as const satisfies Mode[];

/** How to search and how much to answer. */
export function RetrievalFields({ values, onChange }: RetrievalFieldsProps) {
  const k = useKnowledgeTexts();
  return (
    <div className="field-row">
      <SelectField
        label={k.mode}
        value={values.mode}
        options={MODES.map((mode) => ({ value: mode, label: k[`mode_${mode}`] }))}
        onChange={(mode) => onChange({ mode: mode as Mode })}
      />
      <TextField
        label={k.topK}
        type="number"
        required
        min={1}
        max={100}
        value={values.topK}
        onChange={(topK) => onChange({ topK })}
      />
      <TextField
        label={k.minScore}
        type="number"
        required
        min={0}
        max={1}
        step="any"
        value={values.minScore}
        onChange={(minScore) => onChange({ minScore })}
      />
    </div>
  );
}
