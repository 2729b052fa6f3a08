import { type FormEvent, useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo, hrefOf } from "../../kit/route";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import { refreshAccount } from "../accounts/account-store";
import { listProviders, type Provider } from "../llm_providers/api";
import { AgentFields } from "./AgentFields";
import { loadAgents } from "./agent-store";
import { type Agent, type AgentDraft, createAgent, getAgent, updateAgent } from "./api";
import { FOUNDATION_TOOLS } from "./tools";

export interface AgentFormValues {
  name: string;
  description: string;
  systemPrefix: string;
  llm_provider_id: string;
  availableTools: string[];
  maxLoopCount: string;
  deepThinking: "model" | "on" | "off";
  moreSuggest: boolean;
}

const NEW_AGENT: AgentFormValues = {
  name: "",
  description: "",
  systemPrefix: "",
  llm_provider_id: "",
  availableTools: [...FOUNDATION_TOOLS],
  maxLoopCount: "50",
  deepThinking: "model",
  moreSuggest: false,
};

export function AgentForm({ agentId }: { agentId: string | null }) {
  const t = useTexts();
  const [agent, setAgent] = useState<Agent | null>(null);
  const [values, setValues] = useState<AgentFormValues | null>(agentId === null ? NEW_AGENT : null);
  const [providers, setProviders] = useState<Provider[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    listProviders().then(setProviders).catch(setError);
    if (agentId === null) return;
    getAgent(agentId)
      .then((loaded) => {
        setAgent(loaded);
        setValues(toValues(loaded));
      })
      .catch(setError);
  }, [agentId]);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (values === null) return;
    setBusy(true);
    setError(null);
    try {
      await (agent === null ? createAgent(toDraft(values)) : updateAgent(agent, toDraft(values)));
      await Promise.all([loadAgents(), refreshAccount()]);
      goTo({ page: "agents", agentId: null });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };

  return (
    <form className="page" onSubmit={save}>
      <header className="page-head">
        <h1>{agentId === null ? t.newAgent : t.editAgent}</h1>
      </header>
      {values === null && error === null && <Spinner />}
      {values !== null && <AgentFields values={values} providers={providers} onChange={setValues} />}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="form-actions">
        <a className="button" href={hrefOf({ page: "agents", agentId: null })}>
          {t.cancel}
        </a>
        <button type="submit" className="button primary" disabled={isBusy || values === null}>
          {t.save}
        </button>
      </div>
    </form>
  );
}

function toValues(agent: Agent): AgentFormValues {
  return {
    name: agent.name,
    description: agent.description ?? "",
    systemPrefix: agent.systemPrefix ?? "",
    llm_provider_id: agent.llm_provider_id ?? "",
    availableTools: agent.availableTools,
    maxLoopCount: String(agent.maxLoopCount),
    deepThinking: agent.deepThinking === null ? "model" : agent.deepThinking ? "on" : "off",
    moreSuggest: agent.moreSuggest ?? false,
  };
}

export function toDraft(values: AgentFormValues): AgentDraft {
  return {
    name: values.name.trim(),
    description: values.description,
    systemPrefix: values.systemPrefix.trim() === "" ? null : values.systemPrefix,
    llm_provider_id: values.llm_provider_id || null,
    availableTools: values.availableTools,
    maxLoopCount: Number(values.maxLoopCount) || 50,
    deepThinking: values.deepThinking === "model" ? null : values.deepThinking === "on",
    moreSuggest: values.moreSuggest,
  };
}
