import { get, post, put, remove } from "../../kit/http";

export interface Agent {
  id: string;
  user_id: string;
  name: string;
  description: string;
  systemPrefix: string | null;
  availableTools: string[];
  llm_provider_id: string | null;
  maxLoopCount: number;
  deepThinking: boolean | null;
  moreSuggest: boolean;
  access: "owner" | "admin" | "use" | "builtin";
  version?: number;
}

/** What a form sends. All other keys of an agent go back as they came, because a PUT replaces them. */
export type AgentDraft = Partial<Agent> & { name: string };

const path = (id: string) => `/api/agent/${encodeURIComponent(id)}`;

export const listAgents = () => get<Agent[]>("/api/agent/list");
export const getAgent = (id: string) => get<Agent>(path(id));
export const createAgent = (draft: AgentDraft) => post<{ agent_id: string }>("/api/agent/create", draft);
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

export function updateAgent(agent: Agent, draft: AgentDraft): Promise<unknown> {
  const headers = agent.version === undefined ? undefined : { "If-Match": `"${agent.version}"` };
  return put<unknown>(path(agent.id), { ...agent, ...draft }, headers);
}
