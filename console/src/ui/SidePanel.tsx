import { type ReactNode, useEffect, useRef } from "react";
import { useRuntimeTexts } from "../texts/runtime";
import { IconAction } from "./Rows";

interface SidePanelProps {
  title: string;
  onClose: () => void;
  actions?: ReactNode;
  children: ReactNode;
}

/** A column beside the page, and over it where there is no room. Escape closes it and gives the focus back. */
export function SidePanel({ title, onClose, actions, children }: SidePanelProps) {
  const r = useRuntimeTexts();
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    panel.current?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <aside
      className="side-panel"
      aria-label={title}
      tabIndex={-1}
      ref={panel}
      onKeyDown={(event) => {
        // A window that was opened from here stands elsewhere in the page, and closes by its own Escape.
        const isInside = panel.current?.contains(event.target as Node) === true;
        if (event.key !== "Escape" || !isInside) return;
        event.stopPropagation();
        onClose();
      }}
    >
      <header className="side-panel-head">
        <h2>{title}</h2>
        {actions}
        <IconAction icon="close" label={r.closePanel} onClick={onClose} />
      </header>
      <div className="side-panel-body">{children}</div>
    </aside>
  );
}
