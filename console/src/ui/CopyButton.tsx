import { useEffect, useState } from "react";
import { useTexts } from "../kit/i18n";
import { Icon } from "./Icon";

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const t = useTexts();
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (!isDone) return;
    const timer = setTimeout(() => setDone(false), 1600);
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = () => writeClipboard(text).then(setDone);
  return (
    <button
      type="button"
      className="icon-button small"
      title={label ?? t.copy}
      aria-label={label ?? t.copy}
      onClick={copy}
    >
      <Icon name={isDone ? "check" : "copy"} size={15} />
      <span className="visually-hidden" role="status">
        {isDone ? t.copied : ""}
      </span>
    </button>
  );
}

/** The clipboard of the browser, or the older way where the page is served without TLS. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}
