import { type KeyboardEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useStore } from "../../kit/store";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import type { GuidanceQueue } from "./guidance";
import { textOf } from "./transcript";
import type { Guidance } from "./wire";

interface GuidanceListProps {
  queue: GuidanceQueue;
  /** Makes an item the next question; absent while a run goes on, which takes it up by itself. */
  onAsk?: (item: Guidance) => void;
}

/** What was said to the agent and waits until it looks up. */
export function GuidanceList({ queue, onAsk }: GuidanceListProps) {
  const r = useRuntimeTexts();
  const items = useStore(queue.items);
  const [error, setError] = useState<unknown>(null);
  if (items.length === 0 && error === null) return null;
  const change = (work: Promise<void>) => {
    setError(null);
    work.catch(setError);
  };
  return (
    <section className="guidance" aria-label={r.guidanceWaiting}>
      {items.length > 0 && <p className="hint">{r.guidanceWaiting}</p>}
      <ul>
        {items.map((item) => (
          <GuidanceRow
            key={item.guidance_id}
            item={item}
            onEdit={(text) => change(queue.edit(item.guidance_id, text))}
            onDelete={() => change(queue.remove(item.guidance_id))}
            onAsk={onAsk && (() => onAsk(item))}
          />
        ))}
      </ul>
      {error !== null && <Notice kind="warning">{errorText(error)}</Notice>}
    </section>
  );
}

interface RowProps {
  item: Guidance;
  onEdit: (text: string) => void;
  onDelete: () => void;
  onAsk?: () => void;
}

function GuidanceRow({ item, onEdit, onDelete, onAsk }: RowProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const text = textOf(item);
  const [draft, setDraft] = useState<string | null>(null);
  const save = () => {
    const wanted = draft?.trim() ?? "";
    if (wanted !== "" && wanted !== text) onEdit(wanted);
    setDraft(null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") save();
    if (event.key === "Escape") setDraft(null);
  };
  if (draft !== null)
    return (
      <li>
        <input
          className="rename"
          // biome-ignore lint/a11y/noAutofocus: the person has just asked to type here
          autoFocus
          aria-label={r.guidanceEdit}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
          onBlur={save}
        />
      </li>
    );
  return (
    <li>
      <Icon name="log" size={15} />
      <span>{text}</span>
      {onAsk && (
        <button type="button" className="button small" onClick={onAsk}>
          {r.askNow}
        </button>
      )}
      <IconAction icon="edit" size="small" label={`${t.edit}: ${text}`} onClick={() => setDraft(text)} />
      <IconAction icon="trash" size="small" label={`${t.delete}: ${text}`} onClick={onDelete} />
    </li>
  );
}
