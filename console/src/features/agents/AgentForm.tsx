import { type FormEvent, useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { ApiError } from "../../kit/http";
import { useTexts } from "../../kit/i18n";
import { goTo, hrefOf } from "../../kit/route";
import { useWorkshopTexts } from "../../texts/workshop";
import { unfoldInvalid } from "../../ui/FormSection";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import { refreshAccount } from "../accounts/account-store";
import { AgentFields } from "./AgentFields";
import { AgentWarnings } from "./AgentWarnings";
import { loadAgents } from "./agent-store";
import { type Agent, createAgent, getAgent, updateAgent } from "./api";
import { DraftBox } from "./DraftBox";
import { type AgentFormValues, newAgentValues, toDraft, toValues } from "./form-values";

interface AgentFormProps {
  agentId: string | null;
  /** Who is signed in, and so whose a new agent will be. */
  userId: string;
}

export function AgentForm({ agentId, userId }: AgentFormProps) {
  const t = useTexts();
  const [agent, setAgent] = useState<Agent | null>(null);
  const [values, setValues] = useState<AgentFormValues | null>(() =>
    agentId === null ? newAgentValues() : null,
  );
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  const load = async (id: string) => {
    setError(null);
    const loaded = await getAgent(id);
    setAgent(loaded);
    setValues(toValues(loaded));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another agent is another form
  useEffect(() => {
    if (agentId !== null) load(agentId).catch(setError);
  }, [agentId]);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (values === null) return;
    setBusy(true);
    setError(null);
    try {
      const draft = toDraft(values, agent?.budget?.currency);
      const saved = await (agent === null ? createAgent(draft) : updateAgent(agent, draft));
      await Promise.all([loadAgents(), refreshAccount()]);
      // What has no effect is told before the form is left.
      if ((saved.warnings ?? []).length === 0) goTo({ page: "agents", agentId: null });
      else if (agent === null) goTo({ page: "agents", agentId: saved.agent_id }, { replace: true });
      else await load(agent.id);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };

  return (
    <form className="page" onSubmit={save} onInvalidCapture={unfoldInvalid}>
      <header className="page-head">
        <h1>{agentId === null ? t.newAgent : t.editAgent}</h1>
      </header>
      {values === null && error === null && <Spinner />}
      {agentId === null && <DraftBox onDraft={(draft) => setValues(toValues(draft))} />}
      <AgentWarnings warnings={agent?.warnings ?? []} />
      {values !== null && (
        <AgentFields
          values={values}
          agentId={agentId}
          ownerId={agent?.user_id ?? userId}
          onChange={setValues}
        />
      )}
      {error !== null && <SaveError error={error} onReload={() => agent && load(agent.id).catch(setError)} />}
      <div className="form-actions sticky">
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

function SaveError({ error, onReload }: { error: unknown; onReload: () => void }) {
  const w = useWorkshopTexts();
  const isStale = error instanceof ApiError && error.slug === "version_conflict";
  const reload = (
    <button type="button" className="button small" onClick={onReload}>
      {w.reloadAgent}
    </button>
  );
  return (
    <Notice kind="error" action={isStale ? reload : undefined}>
      {errorText(error)}
    </Notice>
  );
}
