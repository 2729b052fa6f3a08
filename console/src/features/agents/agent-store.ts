/** The agents a person may talk to, and which one was chosen last. */
import { readStored, writeStored } from "../../kit/i18n";
import { Store } from "../../kit/store";
import { refreshAccount } from "../accounts/account-store";
import { type Agent, type AgentDraft, createAgent, getAgent, listAgents } from "./api";
import { FOUNDATION_TOOLS } from "./tools";

export const BUILTIN_AGENT = "default_agent";
const STORAGE_KEY = "clary.agent";

export interface AgentsState {
  /** The built-in agent first, then the listed ones. Null until they are loaded. */
  agents: Agent[] | null;
  /** Empty where nobody has chosen yet. */
  chosenId: string;
  error: unknown;
}

export const agentStore = new Store<AgentsState>({
  agents: null,
  chosenId: readStored(STORAGE_KEY) ?? "",
  error: null,
});

export async function loadAgents(): Promise<void> {
  try {
    const [listed, builtin] = await Promise.all([listAgents(), getAgent(BUILTIN_AGENT).catch(() => null)]);
    const agents = builtin === null ? listed : [builtin, ...listed];
    agentStore.update((state) => ({ ...state, agents, error: null }));
  } catch (error) {
    agentStore.update((state) => ({ ...state, error }));
  }
}

export function chooseAgent(id: string): void {
  writeStored(STORAGE_KEY, id);
  agentStore.update((state) => ({ ...state, chosenId: id }));
}

/** The chosen agent; without a choice, or when it is gone, the person's default one, else the built-in one. */
export function chosenAgent({ agents, chosenId }: AgentsState): Agent | null {
  if (agents === null) return null;
  // Administrators see everybody's agents, and everybody may have a default one.
  const byDefault = (agent: Agent) => agent.is_default && agent.access === "owner";
  return agents.find((agent) => agent.id === chosenId) ?? agents.find(byDefault) ?? agents[0] ?? null;
}

export const ownsAgent = (state: AgentsState, userId: string): boolean =>
  state.agents === null || state.agents.some((agent) => agent.user_id === userId);

/** Creates an agent with every foundation tool and makes it the chosen one. */
export async function createStarterAgent(name: string, description: string): Promise<void> {
  const draft: AgentDraft = { name, description, availableTools: [...FOUNDATION_TOOLS], moreSuggest: true };
  const { agent_id } = await createAgent(draft);
  await loadAgents();
  chooseAgent(agent_id);
  await refreshAccount();
}
