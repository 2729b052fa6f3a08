import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

type Kind = "info" | "warning" | "error" | "success";
const ICONS: Record<Kind, IconName> = {
  info: "info",
  warning: "warning",
  error: "warning",
  success: "check",
};

export function Notice({ kind, children, action }: { kind: Kind; children: ReactNode; action?: ReactNode }) {
  return (
    <div className={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      <Icon name={ICONS[kind]} />
      <div className="notice-text">{children}</div>
      {action}
    </div>
  );
}
