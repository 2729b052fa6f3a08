import { useEffect } from "react";

interface Shortcuts {
  onNewChat: () => void;
}

/** Ctrl or Cmd + K begins a new chat; a slash goes to the place where one types. */
export function useShortcuts({ onNewChat }: Shortcuts): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (document.querySelector("dialog[open]") !== null) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        onNewChat();
        focusComposer();
      } else if (event.key === "/" && !isTyping(event.target)) {
        event.preventDefault();
        focusComposer();
      }
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  });
}

const focusComposer = () => document.querySelector<HTMLElement>(".composer textarea")?.focus();

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}
