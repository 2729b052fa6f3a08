import { useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocale } from "../../kit/i18n";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import { type Agent, draftAgent } from "./api";

const LONGEST = 4000;

/** Has a model fill in the form from a sentence or two. Nothing is saved by it. */
export function DraftBox({ onDraft }: { onDraft: (draft: Partial<Agent>) => void }) {
  const w = useWorkshopTexts();
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const draft = async () => {
    setBusy(true);
    setError(null);
    try {
      onDraft(await draftAgent(text.trim(), currentLocale()));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <div className="draft-box">
      <AreaField
        label={w.draftIt}
        hint={w.draftHint}
        rows={2}
        maxLength={LONGEST}
        placeholder={w.draftPlaceholder}
        value={text}
        onChange={setText}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <button type="button" className="button small" disabled={isBusy || text.trim() === ""} onClick={draft}>
        {isBusy ? <Spinner label={w.drafting} /> : <Icon name="spark" size={16} />}
        {isBusy ? w.drafting : w.draftIt}
      </button>
    </div>
  );
}
