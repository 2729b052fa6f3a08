import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import { Menu, type MenuEntry } from "./Menu";

export interface Mark {
  text: string;
  kind: "warn" | "bad" | "usual";
}

interface RowProps {
  title: ReactNode;
  /** Short marks behind the title. */
  marks?: (string | Mark | false | null | undefined)[];
  lines?: (ReactNode | false | null | undefined)[];
  actions?: ReactNode;
  isFaded?: boolean;
}

/** One thing of a list: what it is called, what there is to know, and what can be done with it. */
export function Row({ title, marks = [], lines = [], actions, isFaded = false }: RowProps) {
  const shown = lines.map((line, place) => ({ line, place })).filter(({ line }) => Boolean(line));
  return (
    <li className={isFaded ? "card faded" : "card"}>
      <div className="card-text">
        <strong>{title}</strong>
        {marks.map((mark) => {
          if (!mark) return null;
          const { text, kind } = typeof mark === "string" ? { text: mark, kind: "usual" as const } : mark;
          return (
            <Badge key={text} kind={kind}>
              {text}
            </Badge>
          );
        })}
        {shown.map(({ line, place }) => (
          <p className="muted" key={place}>
            {line}
          </p>
        ))}
      </div>
      {actions && <div className="card-actions">{actions}</div>}
    </li>
  );
}

export const Badge = ({ children, kind = "usual" }: { children: ReactNode; kind?: Mark["kind"] }) => (
  <span className={kind === "usual" ? "badge" : `badge ${kind}`}>{children}</span>
);

interface IconActionProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  size?: "usual" | "small";
  isDisabled?: boolean;
}

export function IconAction({ icon, label, onClick, size = "usual", isDisabled = false }: IconActionProps) {
  const isSmall = size === "small";
  return (
    <button
      type="button"
      className={isSmall ? "icon-button small" : "icon-button"}
      aria-label={label}
      title={label}
      disabled={isDisabled}
      onClick={onClick}
    >
      <Icon name={icon} size={isSmall ? 15 : 18} />
    </button>
  );
}

/** The further actions of a row behind one button. */
export function MoreActions({ label, entries }: { label: string; entries: MenuEntry[] }) {
  return <Menu label={label} triggerClass="icon-button" trigger={<Icon name="more" />} entries={entries} />;
}
