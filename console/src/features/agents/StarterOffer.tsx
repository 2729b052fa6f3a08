import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { createStarterAgent } from "./agent-store";

/** For a person without an own agent: one click to an agent that can use tools. */
export function StarterOffer() {
  const t = useTexts();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const create = async () => {
    setBusy(true);
    setError(null);
    await createStarterAgent(t.starterName, t.starterDescription).catch(setError);
    setBusy(false);
  };
  return (
    <div className="offer">
      <div className="offer-text">
        <strong>{t.starterTitle}</strong>
        <p className="muted">{t.starterText}</p>
      </div>
      <button type="button" className="button" onClick={create} disabled={isBusy} data-action="starter-agent">
        <Icon name="plus" size={16} />
        {t.starterAction}
      </button>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
    </div>
  );
}
