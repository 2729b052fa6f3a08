import { lazy, useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { type AgentPart, goTo, hrefOf } from "../../kit/route";
import { useStore } from "../../kit/store";
import { useWorkshopTexts } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import type { MenuEntry } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { Badge, MoreActions } from "../../ui/Rows";
import { Spinner } from "../../ui/Spinner";
import { refreshAccount } from "../accounts/account-store";
import type { Account } from "../accounts/api";
import { AgentForm } from "./AgentForm";
import { agentStore, chooseAgent, loadAgents, ownsAgent } from "./agent-store";
import { type Agent, deleteAgent } from "./api";
import { ShareDialog } from "./ShareDialog";
import { StarterOffer } from "./StarterOffer";
import { VersionsPage } from "./VersionsPage";

const MemoryPage = lazy(() =>
  import("../memory/MemoryPage").then((module) => ({ default: module.MemoryPage })),
);

interface AgentsPageProps {
  agentId: string | null;
  part: AgentPart | null;
  account: Account;
}

export function AgentsPage({ agentId, part, account }: AgentsPageProps) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever comes back to the list sees it as it is now
  useEffect(() => {
    void loadAgents();
  }, [agentId, part]);
  if (agentId !== null && part === "memory") return <MemoryPage key={agentId} agentId={agentId} />;
  if (agentId !== null && part === "versions") return <VersionsPage key={agentId} agentId={agentId} />;
  const { userid } = account.user;
  if (agentId !== null)
    return <AgentForm key={agentId} agentId={agentId === "new" ? null : agentId} userId={userid} />;
  return <AgentList account={account} />;
}

function AgentList({ account }: { account: Account }) {
  const t = useTexts();
  const state = useStore(agentStore);
  const [doomed, setDoomed] = useState<Agent | null>(null);
  const [shared, setShared] = useState<Agent | null>(null);
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.agents}</h1>
          <p className="muted">{t.agentsIntro}</p>
        </div>
        <a className="button primary" href={hrefOf({ page: "agents", agentId: "new" })}>
          <Icon name="plus" size={16} />
          {t.newAgent}
        </a>
      </header>
      {state.error !== null && <Notice kind="error">{errorText(state.error)}</Notice>}
      {state.agents === null && state.error === null && <Spinner />}
      {!ownsAgent(state, account.user.userid) && <StarterOffer />}
      <ul className="cards">
        {state.agents?.map((agent) => (
          <AgentCard
            key={agent.id}
            agent={agent}
            onShare={() => setShared(agent)}
            onDelete={() => setDoomed(agent)}
          />
        ))}
      </ul>
      {shared !== null && <ShareDialog agent={shared} onClose={() => setShared(null)} />}
      {doomed !== null && <DeleteDialog agent={doomed} onClose={() => setDoomed(null)} />}
    </div>
  );
}

interface CardProps {
  agent: Agent;
  onShare: () => void;
  onDelete: () => void;
}

function AgentCard({ agent, onShare, onDelete }: CardProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const isEditable = agent.access === "owner" || agent.access === "admin";
  const chat = () => {
    chooseAgent(agent.id);
    goTo({ page: "chat", sessionId: null });
  };
  const open = (part: AgentPart) => () => goTo({ page: "agents", agentId: agent.id, part });
  const memory: MenuEntry = { label: w.memory, icon: "memory", onSelect: open("memory") };
  const ownActions: MenuEntry[] = [
    { label: t.share, icon: "people", onSelect: onShare },
    { label: w.versions, icon: "log", onSelect: open("versions") },
    { label: t.delete, icon: "trash", isDangerous: true, onSelect: onDelete },
  ];
  return (
    <li className="card">
      <div className="card-text">
        <strong>{agent.name}</strong>
        {agent.is_default && <Badge>{t.isDefault}</Badge>}
        {agent.access === "use" && <Badge>{w.sharedWithMe}</Badge>}
        <p className="muted">
          {agent.access === "builtin" ? t.builtinAgent : agent.description || t.noDescription}
        </p>
        {agent.access !== "builtin" && <p className="hint">{t.toolCount(agent.availableTools.length)}</p>}
      </div>
      <div className="card-actions">
        <button type="button" className="button" onClick={chat}>
          {t.chat}
        </button>
        {isEditable && (
          <a
            className="icon-button"
            href={hrefOf({ page: "agents", agentId: agent.id })}
            aria-label={t.editNamed(agent.name)}
            title={t.edit}
          >
            <Icon name="edit" />
          </a>
        )}
        <MoreActions
          label={t.actionsFor(agent.name)}
          entries={isEditable ? [memory, ...ownActions] : [memory]}
        />
      </div>
    </li>
  );
}

function DeleteDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const t = useTexts();
  const run = async () => {
    await deleteAgent(agent.id);
    await Promise.all([loadAgents(), refreshAccount()]);
  };
  return (
    <ActionDialog title={t.deleteAgentTitle} action={t.delete} isDangerous onAction={run} onClose={onClose}>
      <p>{t.deleteAgentText(agent.name)}</p>
    </ActionDialog>
  );
}
