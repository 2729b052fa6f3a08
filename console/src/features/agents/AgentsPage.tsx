import { useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo, hrefOf } from "../../kit/route";
import { useStore } from "../../kit/store";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import { refreshAccount } from "../accounts/account-store";
import type { Account } from "../accounts/api";
import { AgentForm } from "./AgentForm";
import { agentStore, chooseAgent, loadAgents, ownsAgent } from "./agent-store";
import { type Agent, deleteAgent } from "./api";
import { ShareDialog } from "./ShareDialog";
import { StarterOffer } from "./StarterOffer";

export function AgentsPage({ agentId, account }: { agentId: string | null; account: Account }) {
  useEffect(() => {
    void loadAgents();
  }, []);
  if (agentId !== null) return <AgentForm key={agentId} agentId={agentId === "new" ? null : agentId} />;
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
  const isEditable = agent.access === "owner" || agent.access === "admin";
  const chat = () => {
    chooseAgent(agent.id);
    goTo({ page: "chat", sessionId: null });
  };
  return (
    <li className="card">
      <div className="card-text">
        <strong>{agent.name}</strong>
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
          <>
            <a
              className="icon-button"
              href={hrefOf({ page: "agents", agentId: agent.id })}
              aria-label={t.editNamed(agent.name)}
              title={t.edit}
            >
              <Icon name="edit" />
            </a>
            <button
              type="button"
              className="icon-button"
              onClick={onShare}
              aria-label={t.shareNamed(agent.name)}
              title={t.share}
            >
              <Icon name="people" />
            </button>
            <button
              type="button"
              className="icon-button"
              onClick={onDelete}
              aria-label={t.deleteNamed(agent.name)}
              title={t.delete}
            >
              <Icon name="trash" />
            </button>
          </>
        )}
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
