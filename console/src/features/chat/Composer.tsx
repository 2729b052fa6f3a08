import { type KeyboardEvent, type ReactNode, type RefObject, useLayoutEffect } from "react";
import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { IconAction } from "../../ui/Rows";
import { Spinner } from "../../ui/Spinner";

interface ComposerProps {
  text: string;
  onText: (text: string) => void;
  /** A message, or while a run goes on something to add to it. */
  onSend: (text: string) => void;
  onStop: () => void;
  /** Writes the draft better; absent where that is not offered. */
  onImprove?: () => void;
  isBusy: boolean;
  isStopping: boolean;
  isImproving?: boolean;
  /** The menu of what can go with the message. */
  extras?: ReactNode;
  /** Takes files that are pasted or dropped. */
  onFiles?: (files: File[]) => void;
  /** Something that belongs to the message is still on its way. */
  isWaiting?: boolean;
  inputRef: RefObject<HTMLTextAreaElement | null>;
}

const TALLEST_PX = 260;

export function Composer(props: ComposerProps) {
  const {
    text,
    onText,
    onSend,
    onStop,
    onImprove,
    isBusy,
    isStopping,
    isImproving = false,
    extras,
    onFiles,
    isWaiting = false,
    inputRef,
  } = props;
  const t = useTexts();
  const r = useRuntimeTexts();
  const hasText = text.trim() !== "";
  const canSend = hasText && !isStopping && !isImproving && !isWaiting;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const area = inputRef.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, TALLEST_PX)}px`;
  }, [text, inputRef]);

  const send = () => {
    if (canSend) onSend(text.trim());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && isBusy) {
      onStop();
      return;
    }
    // While characters are being composed, Enter belongs to the input method; 229 is its key code in older browsers.
    const isComposing = event.nativeEvent.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the menu is the first
    <div
      className={extras ? "composer with-extras" : "composer"}
      onDragOver={(event) => onFiles && event.preventDefault()}
      onDrop={(event) => {
        if (onFiles === undefined || event.dataTransfer.files.length === 0) return;
        event.preventDefault();
        onFiles([...event.dataTransfer.files]);
      }}
    >
      {extras}
      <textarea
        ref={inputRef}
        rows={1}
        value={text}
        placeholder={isBusy ? r.guideHint : t.composerHint}
        aria-label={t.composerLabel}
        enterKeyHint="send"
        onChange={(event) => onText(event.target.value)}
        onKeyDown={onKeyDown}
        onPaste={(event) => {
          const files = [...event.clipboardData.files];
          if (onFiles === undefined || files.length === 0) return;
          event.preventDefault();
          onFiles(files);
        }}
      />
      {isImproving && <Spinner label={r.improving} />}
      {onImprove && hasText && !isImproving && (
        <IconAction icon="spark" label={r.improve} onClick={onImprove} />
      )}
      {isBusy && (
        <button
          type="button"
          className="send stop"
          aria-label={t.stop}
          title={`${t.stop} (Esc)`}
          disabled={isStopping}
          onClick={onStop}
        >
          <Icon name="stop" size={20} />
        </button>
      )}
      {(!isBusy || hasText) && (
        <button
          type="button"
          className="send"
          aria-label={isBusy ? r.guide : t.send}
          title={isBusy ? r.guide : t.send}
          disabled={!canSend}
          onClick={send}
        >
          <Icon name={isBusy ? "plus" : "send"} size={20} />
        </button>
      )}
    </div>
  );
}
