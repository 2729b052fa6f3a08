import { get, post, put, remove } from "../../kit/http";

/** What an agent may spend; an absent or null member is no ceiling. */
export interface AgentBudget {
  tokens_per_run?: number | null;
  cost_per_run?: number | null;
  tokens_per_day?: number | null;
  cost_per_day?: number | null;
  currency?: string | null;
}

/** AgentConfigDTO (product.md 3.1). */
export interface Agent {
  id: string;
  user_id: string;
  name: string;
  description: string;
  systemPrefix: string | null;
  systemContext: Record<string, unknown>;
  availableWorkflows: Record<string, string[]>;
  availableTools: string[];
  availableSubAgentIds: string[];
  availableSkills: string[];
  availableKnowledgeBases: string[];
  memoryType: string;
  llm_provider_id: string | null;
  fast_llm_provider_id: string | null;
  maxLoopCount: number;
  deepThinking: boolean | null;
  thinkingLevel: string | null;
  enableMultimodal: boolean;
  moreSuggest: boolean;
  multiAgent: boolean;
  agentMode: string;
  subAgentSelectionMode: string;
  is_default: boolean;
  contextBudgetConfig: Record<string, number> | null;
  toolApprovalMode: string;
  commandPolicy: { deny?: string[] };
  egressAllowList: string[];
  budget: AgentBudget | null;
  access: "owner" | "admin" | "use" | "builtin";
  version?: number;
  warnings?: AgentWarning[];
}

export interface AgentWarning {
  field: string;
  value: unknown;
  reason: "unknown" | "not_usable" | "protected" | "clamped";
}

/** What a form sends. All other keys of an agent go back as they came, because a PUT replaces them. */
export type AgentDraft = Partial<Agent> & { name: string };

const path = (id: string) => `/api/agent/${encodeURIComponent(id)}`;

export const listAgents = () => get<Agent[]>("/api/agent/list");
export const getAgent = (id: string) => get<Agent>(path(id));
export interface Saved {
  agent_id: string;
  warnings?: AgentWarning[];
}

export const createAgent = (draft: AgentDraft) => post<Saved>("/api/agent/create", draft);
export const deleteAgent = (id: string) => remove<unknown>(path(id));

/** Who may use an agent beside its owner (product.md 3.3). */
export interface AgentGrants {
  user_ids: string[];
  group_ids: string[];
  grants: { kind: "user" | "group"; id: string; name: string; granted_by: string; granted_at: string }[];
}

export const getAgentGrants = (id: string) => get<AgentGrants>(`${path(id)}/auth?detail=true`);
export const shareAgent = (id: string, userIds: string[], groupIds: string[]) =>
  post<unknown>(`${path(id)}/auth`, { user_ids: userIds, group_ids: groupIds });

export function updateAgent(agent: Agent, draft: AgentDraft): Promise<Saved> {
  const headers = agent.version === undefined ? undefined : { "If-Match": `"${agent.version}"` };
  return put<Saved>(path(agent.id), { ...agent, ...draft }, headers);
}

/** A model writes a draft or better instructions; nothing is saved by it (product.md 3.6). */
export const draftAgent = (description: string, language: string) =>
  post<Partial<Agent>>("/api/agent/auto-generate", { agent_description: description, language });
export const improvePrompt = async (prompt: string, language: string): Promise<string> =>
  (
    await post<{ optimized_prompt: string }>("/api/agent/system-prompt/optimize", {
      original_prompt: prompt,
      language,
    })
  ).optimized_prompt;
export const defaultPrompt = async (language: string): Promise<string> =>
  (await get<{ content: string }>(`/api/agent/template/default_system_prompt?language=${language}`)).content;

export interface AgentVersion {
  version: number;
  name: string;
  created_at: string;
  changed: string[];
}

export const VERSIONS_PER_PAGE = 20;
export const listVersions = (id: string, page: number) =>
  get<{ items: AgentVersion[]; total: number }>(
    `${path(id)}/versions?page=${page}&page_size=${VERSIONS_PER_PAGE}`,
  );
export const restoreVersion = (id: string, version: number) =>
  post<unknown>(`${path(id)}/versions/${version}/restore`);
