import { useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocale, useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { Notice } from "../../ui/Notice";
import { defaultPrompt, improvePrompt } from "./api";

interface PromptFieldProps {
  value: string;
  onChange: (value: string) => void;
}

/** The instructions of an agent, which a model may write better; the text before is a click away. */
export function PromptField({ value, onChange }: PromptFieldProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const w = useWorkshopTexts();
  const [isBusy, setBusy] = useState(false);
  const [before, setBefore] = useState<{ old: string; fresh: string } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const replace = async (write: () => Promise<string>) => {
    setBusy(true);
    setError(null);
    try {
      const fresh = await write();
      setBefore({ old: value, fresh });
      onChange(fresh);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const isEmpty = value.trim() === "";
  return (
    <div className="stack tight">
      <AreaField
        label={t.instructions}
        hint={t.instructionsHint}
        rows={9}
        value={value}
        onChange={onChange}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="field-tools">
        {isEmpty ? (
          <button
            type="button"
            className="button quiet small"
            disabled={isBusy}
            onClick={() => replace(() => defaultPrompt(currentLocale()))}
          >
            {w.usePersona}
          </button>
        ) : (
          <button
            type="button"
            className="button quiet small"
            disabled={isBusy}
            onClick={() => replace(() => improvePrompt(value, currentLocale()))}
          >
            {isBusy ? w.improvingPrompt : w.improvePrompt}
          </button>
        )}
        {before !== null && before.fresh === value && (
          <button type="button" className="button quiet small" onClick={() => onChange(before.old)}>
            {r.undo}
          </button>
        )}
      </div>
    </div>
  );
}
