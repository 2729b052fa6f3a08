import { type KeyboardEvent, type RefObject, useLayoutEffect } from "react";
import { useTexts } from "../../kit/i18n";
import { Icon } from "../../ui/Icon";

interface ComposerProps {
  text: string;
  onText: (text: string) => void;
  onSend: (text: string) => void;
  onStop: () => void;
  isBusy: boolean;
  isStopping: boolean;
  inputRef: RefObject<HTMLTextAreaElement | null>;
}

const TALLEST_PX = 260;

export function Composer({ text, onText, onSend, onStop, isBusy, isStopping, inputRef }: ComposerProps) {
  const t = useTexts();
  const canSend = text.trim() !== "" && !isBusy;
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
    <div className="composer">
      <textarea
        ref={inputRef}
        rows={1}
        value={text}
        placeholder={t.composerHint}
        aria-label={t.composerLabel}
        enterKeyHint="send"
        onChange={(event) => onText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {isBusy ? (
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
      ) : (
        <button
          type="button"
          className="send"
          aria-label={t.send}
          title={t.send}
          disabled={!canSend}
          onClick={send}
        >
          <Icon name="send" size={20} />
        </button>
      )}
    </div>
  );
}
