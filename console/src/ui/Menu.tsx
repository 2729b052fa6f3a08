import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Icon, type IconName } from "./Icon";

export interface MenuEntry {
  label: string;
  icon?: IconName;
  isDangerous?: boolean;
  /** One of several choices of which one counts. */
  isChecked?: boolean;
  /** A choice by itself. */
  isOn?: boolean;
  detail?: string;
  onSelect: () => void;
}

interface MenuProps {
  label: string;
  trigger: ReactNode;
  triggerClass: string;
  entries: MenuEntry[];
  placement?: "below" | "above";
  align?: "start" | "end";
}

/** A button with a list of actions; arrows move, Escape and leaving close it. */
export function Menu({
  label,
  trigger,
  triggerClass,
  entries,
  placement = "below",
  align = "end",
}: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    root.current?.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    const leave = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", leave);
    return () => removeEventListener("pointerdown", leave);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isOpen) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      moveFocus(root.current, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Tab") setOpen(false);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the controls inside
    <div className="menu-root" ref={root} onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        className={triggerClass}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {trigger}
      </button>
      {isOpen && (
        <div className={`menu ${placement} ${align}`} role="menu" aria-label={label}>
          {entries.map((entry) => (
            <Entry key={entry.label} entry={entry} onDone={close} />
          ))}
        </div>
      )}
    </div>
  );
}

function Entry({ entry, onDone }: { entry: MenuEntry; onDone: () => void }) {
  const role =
    entry.isOn !== undefined
      ? "menuitemcheckbox"
      : entry.isChecked !== undefined
        ? "menuitemradio"
        : "menuitem";
  const isChecked = entry.isOn ?? entry.isChecked;
  const select = () => {
    onDone();
    entry.onSelect();
  };
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: set only together with the role of a choice
    <button
      type="button"
      role={role}
      aria-checked={isChecked}
      tabIndex={-1}
      className={entry.isDangerous ? "menu-entry danger" : "menu-entry"}
      onClick={select}
    >
      {entry.icon && <Icon name={entry.icon} size={16} />}
      <span className="menu-text">
        {entry.label}
        {entry.detail && <small>{entry.detail}</small>}
      </span>
      {isChecked && <Icon name="check" size={16} />}
    </button>
  );
}

function moveFocus(root: HTMLElement | null, step: number): void {
  const entries = [...(root?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  const index = entries.indexOf(document.activeElement as HTMLElement);
  entries[(index + step + entries.length) % entries.length]?.focus();
}
