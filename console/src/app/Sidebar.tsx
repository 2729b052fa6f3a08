import { useEffect, useRef } from "react";
import { AccountMenu } from "../features/accounts/AccountMenu";
import type { Account, SystemInfo } from "../features/accounts/api";
import { ConversationList } from "../features/conversations/ConversationList";
import type { ConversationHistory } from "../features/conversations/conversation-store";
import { useTexts } from "../kit/i18n";
import { hrefOf, type Route } from "../kit/route";
import { Icon, type IconName } from "../ui/Icon";
import { Mark } from "../ui/Spinner";

interface SidebarProps {
  account: Account;
  info: SystemInfo;
  history: ConversationHistory;
  route: Route;
  /** Only on narrow screens, where the side bar is a drawer. */
  isOpen: boolean;
  onClose: () => void;
}

export function Sidebar({ account, info, history, route, isOpen, onClose }: SidebarProps) {
  const t = useTexts();
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    panel.current?.querySelector<HTMLElement>("a, button")?.focus();
    const onKeyDown = (event: KeyboardEvent) => {
      const isForDialog = document.querySelector("dialog[open]") !== null;
      if (event.key === "Escape" && !isForDialog) onClose();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [isOpen, onClose]);
  return (
    <>
      {isOpen && <button type="button" className="backdrop" aria-label={t.closeSidebar} onClick={onClose} />}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: following a link by keyboard is a click as well */}
      <aside
        className={isOpen ? "sidebar open" : "sidebar"}
        ref={panel}
        aria-label={t.sidebar}
        onClick={(event) => event.target instanceof Element && event.target.closest("a") && onClose()}
      >
        <div className="brand">
          <Mark size={26} />
          <span>{info.instance_name}</span>
          <button
            type="button"
            className="icon-button drawer-button"
            aria-label={t.closeSidebar}
            onClick={onClose}
          >
            <Icon name="close" />
          </button>
        </div>
        <div className="side-links">
          <SideLink
            icon="plus"
            label={t.newChat}
            href={hrefOf({ page: "chat", sessionId: null })}
            keys="Ctrl K"
          />
          <SideLink
            icon="agent"
            label={t.agents}
            href={hrefOf({ page: "agents", agentId: null })}
            isHere={route.page === "agents"}
          />
          <SideLink
            icon="skill"
            label={t.skills}
            href={hrefOf({ page: "skills", path: null })}
            isHere={route.page === "skills"}
          />
          <SideLink
            icon="knowledge"
            label={t.knowledge}
            href={hrefOf({ page: "knowledge", kdbId: null })}
            isHere={route.page === "knowledge" || route.page === "document"}
          />
          <SideLink
            icon="schedule"
            label={t.schedules}
            href={hrefOf({ page: "schedules", taskId: null })}
            isHere={route.page === "schedules"}
          />
          <SideLink
            icon="plug"
            label={t.servers}
            href={hrefOf({ page: "servers", name: null })}
            isHere={route.page === "servers"}
          />
          <SideLink
            icon="model"
            label={t.models}
            href={hrefOf({ page: "models" })}
            isHere={route.page === "models"}
          />
          {account.user.role === "admin" && (
            <SideLink
              icon="shield"
              label={t.administration}
              href={hrefOf({ page: "admin", section: "users" })}
              isHere={route.page === "admin"}
            />
          )}
        </div>
        <ConversationList history={history} openId={route.page === "chat" ? route.sessionId : null} />
        <AccountMenu account={account} info={info} />
      </aside>
    </>
  );
}

interface SideLinkProps {
  icon: IconName;
  label: string;
  href: string;
  isHere?: boolean;
  keys?: string;
}

function SideLink({ icon, label, href, isHere = false, keys }: SideLinkProps) {
  return (
    <a className="side-link" href={href} aria-label={label} aria-current={isHere ? "page" : undefined}>
      <Icon name={icon} />
      <span>{label}</span>
      {keys && <kbd>{keys}</kbd>}
    </a>
  );
}
