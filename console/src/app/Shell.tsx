import { lazy, Suspense, useEffect, useRef, useState } from "react";
import type { Account, SystemInfo } from "../features/accounts/api";
import { AgentPicker } from "../features/agents/AgentPicker";
import { loadAgents } from "../features/agents/agent-store";
import { ChatPage } from "../features/chat/ChatPage";
import { FilesButton } from "../features/chat/FilesButton";
import { activeStore, watchActiveSessions } from "../features/conversations/active-sessions";
import { ConversationHistory } from "../features/conversations/conversation-store";
import { useTexts } from "../kit/i18n";
import { goTo, type Route, useRoute } from "../kit/route";
import { Icon } from "../ui/Icon";
import { Spinner } from "../ui/Spinner";
import { Sidebar } from "./Sidebar";
import { useShortcuts } from "./use-shortcuts";

const AgentsPage = lazy(() =>
  import("../features/agents/AgentsPage").then((module) => ({ default: module.AgentsPage })),
);
const ProvidersPage = lazy(() =>
  import("../features/llm_providers/ProvidersPage").then((module) => ({ default: module.ProvidersPage })),
);
const SkillsPage = lazy(() =>
  import("../features/skills/SkillsPage").then((module) => ({ default: module.SkillsPage })),
);
const ServersPage = lazy(() =>
  import("../features/mcp_servers/ServersPage").then((module) => ({ default: module.ServersPage })),
);
const BasesPage = lazy(() =>
  import("../features/knowledge/BasesPage").then((module) => ({ default: module.BasesPage })),
);
const DocumentPage = lazy(() =>
  import("../features/knowledge/DocumentPage").then((module) => ({ default: module.DocumentPage })),
);
const TasksPage = lazy(() =>
  import("../features/schedules/TasksPage").then((module) => ({ default: module.TasksPage })),
);
const AccountPage = lazy(() => import("./AccountPage").then((module) => ({ default: module.AccountPage })));
const AdminPage = lazy(() => import("./AdminPage").then((module) => ({ default: module.AdminPage })));

interface ShellProps {
  account: Account;
  info: SystemInfo;
}

/** The page of a signed-in person: side bar, top bar, and the page of the address. */
export function Shell({ account, info }: ShellProps) {
  const t = useTexts();
  const route = useRoute();
  const history = useHistory(account.user.userid);
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  const newChat = () => goTo({ page: "chat", sessionId: null });
  useShortcuts({ onNewChat: newChat });
  useEffect(() => {
    void loadAgents();
  }, []);
  useFocusAfterMoving();
  // biome-ignore lint/correctness/useExhaustiveDependencies: every change of place closes the drawer
  useEffect(() => setDrawerOpen(false), [location.hash]);
  return (
    <div className="shell">
      {/* biome-ignore lint/a11y/useValidAnchor: the address belongs to the routes, so the jump is made by hand */}
      <a className="skip-link" href="#main" onClick={skipToMain}>
        {t.skipToMain}
      </a>
      <Sidebar
        account={account}
        info={info}
        history={history}
        route={route}
        isOpen={isDrawerOpen}
        onClose={() => setDrawerOpen(false)}
      />
      <main className="main" id="main" tabIndex={-1}>
        <header className="topbar">
          <button
            type="button"
            className="icon-button drawer-button"
            aria-label={t.openSidebar}
            aria-expanded={isDrawerOpen}
            onClick={() => setDrawerOpen(true)}
          >
            <Icon name="menu" size={20} />
          </button>
          {route.page === "chat" ? (
            <AgentPicker />
          ) : (
            <span className="topbar-title">{info.instance_name}</span>
          )}
          {route.page === "chat" && <FilesButton />}
          <button
            type="button"
            className="icon-button topbar-new"
            aria-label={t.newChat}
            title={t.newChat}
            onClick={newChat}
          >
            <Icon name="plus" size={20} />
          </button>
        </header>
        <Suspense fallback={<Spinner />}>
          <Page route={route} account={account} info={info} history={history} />
        </Suspense>
      </main>
    </div>
  );
}

function Page({
  route,
  account,
  info,
  history,
}: ShellProps & { route: Route; history: ConversationHistory }) {
  if (route.page === "agents")
    return <AgentsPage agentId={route.agentId} part={route.part ?? null} account={account} />;
  if (route.page === "skills") return <SkillsPage path={route.path} user={account.user} />;
  if (route.page === "servers")
    return <ServersPage name={route.name} ownerId={route.ownerId ?? null} user={account.user} />;
  if (route.page === "knowledge") return <BasesPage kdbId={route.kdbId} part={route.part ?? null} />;
  if (route.page === "document") {
    const { docId, start = null, end = null } = route;
    return <DocumentPage key={docId} docId={docId} start={start} end={end} />;
  }
  if (route.page === "schedules")
    return <TasksPage taskId={route.taskId} onStarted={() => void history.refresh()} />;
  if (route.page === "models") return <ProvidersPage />;
  if (route.page === "account") return <AccountPage {...route} account={account} info={info} />;
  if (route.page === "admin" && account.user.role === "admin")
    return <AdminPage {...route} account={account} info={info} />;
  const sessionId = route.page === "chat" ? route.sessionId : null;
  return <ChatPage sessionId={sessionId} account={account} info={info} />;
}

/** The list of conversations, read again whenever a run starts or ends. */
function useHistory(userId: string): ConversationHistory {
  const [history] = useState(() => new ConversationHistory(userId));
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    const watching = new AbortController();
    void history.refresh();
    void watchActiveSessions(watching.signal);
    const unsubscribe = activeStore.subscribe(() => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => history.refresh(), 300);
    });
    return () => {
      unsubscribe();
      clearTimeout(timer.current);
      watching.abort();
    };
  }, [history]);
  return history;
}

/** When what was followed is gone with its page, the keyboard goes on at the new page and not at the top of all. */
function useFocusAfterMoving(): void {
  useEffect(() => {
    const catchUp = () =>
      requestAnimationFrame(() => {
        if (document.activeElement === document.body) document.getElementById("main")?.focus();
      });
    addEventListener("hashchange", catchUp);
    return () => removeEventListener("hashchange", catchUp);
  }, []);
}

function skipToMain(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
