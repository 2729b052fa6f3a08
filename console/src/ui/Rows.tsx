import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import { Menu, type MenuEntry } from "./Menu";

interface RowProps {
  title: ReactNode;
  /** Short marks behind the title. */
  marks?: (string | false | null | undefined)[];
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
        {marks.map((mark) => mark && <Badge key={mark}>{mark}</Badge>)}
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

export const Badge = ({ children }: { children: ReactNode }) => <span className="badge">{children}</span>;

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
