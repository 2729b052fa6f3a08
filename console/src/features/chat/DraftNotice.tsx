import { errorText } from "../../kit/errors";
import { useRuntimeTexts } from "../../texts/runtime";
import { Notice } from "../../ui/Notice";

interface DraftNoticeProps {
  error: unknown;
  /** The draft before it was made better, which can be had back. */
  before: string | null;
  onUndo: () => void;
}

/** What there is to say about the text in the field. */
export function DraftNotice({ error, before, onUndo }: DraftNoticeProps) {
  const r = useRuntimeTexts();
  if (error !== null) return <Notice kind="warning">{errorText(error)}</Notice>;
  if (before === null) return null;
  return (
    <p className="draft-notice" role="status">
      {r.improved}
      <button type="button" className="button quiet small" onClick={onUndo}>
        {r.undo}
      </button>
    </p>
  );
}
