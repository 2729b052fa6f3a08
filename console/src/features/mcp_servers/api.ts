import { get, post, put, remove } from "../../kit/http";

export type Protocol = "streamable_http" | "sse" | "stdio";
export type Auth = "none" | "api_key" | "oauth";

/** A server of tools as a list shows it; secrets are masks (product.md 8.2). */
export interface Server {
  name: string;
  protocol: Protocol;
  disabled: boolean;
  streamable_http_url: string | null;
  sse_url: string | null;
  api_key: string | null;
  user_id: string;
  description: string;
  headers: Record<string, string>;
  auth: Auth;
  authorized: boolean;
  state: "ready" | "unreachable" | "frozen" | "needs_authorization" | "disabled";
  error: string | null;
  tool_count: number;
  hash: string | null;
  pending_hash: string | null;
  last_checked_at: string | null;
}

export interface ServerDraft {
  name: string;
  protocol: Protocol;
  streamable_http_url?: string;
  sse_url?: string;
  command?: string;
  api_key?: string;
  description: string;
  headers: Record<string, string>;
  auth: Auth;
  oauth?: { client_id?: string; client_secret?: string; scope?: string };
  disabled?: boolean;
}

interface Definition {
  description?: string;
  input_schema?: unknown;
}

export interface ServerTool extends Definition {
  name: string;
  wire_name: string;
  change: "same" | "new" | "changed" | "removed";
  /** What was approved; null for a tool that was not there then. */
  pinned: Definition | null;
}

interface Named {
  name: string;
  description?: string;
}

export interface Offer {
  state: Server["state"];
  hash: string | null;
  pending_hash: string | null;
  tools: ServerTool[];
  resources?: Named[];
  prompts?: Named[];
  instructions?: string | null;
}

export interface Added {
  server_name: string;
  status: "success" | "needs_authorization";
  authorization_url?: string;
  warnings?: unknown[];
}

const PREFIX = "/api/mcp";

/** Administrators see servers of several people, which may have one name. */
const path = ({ name, user_id }: Pick<Server, "name" | "user_id">, action = "") =>
  `${PREFIX}/${encodeURIComponent(name)}${action}?${new URLSearchParams({ user_id })}`;

export const listServers = async (): Promise<Server[]> =>
  (await get<{ servers: Server[] }>(`${PREFIX}/list`)).servers;
export const addServer = (draft: ServerDraft) => post<Added>(`${PREFIX}/add`, draft);
export const updateServer = (server: Server, draft: ServerDraft) => put<unknown>(path(server), draft);
export const deleteServer = (server: Server) => remove<unknown>(path(server));
export const toggleServer = (server: Server) =>
  put<unknown>(path(server, "/toggle"), { disabled: !server.disabled });
export const refreshServer = (server: Server) =>
  post<{ status: string; error?: string }>(path(server, "/refresh"));
export const readOffer = (server: Server) => get<Offer>(path(server, "/tools"));
export const approveOffer = (server: Server, hash: string) =>
  post<unknown>(path(server, "/approve"), { hash });

/**
 * Where a person signs in to the server; the way back leads to `next`. With `agentId` it is a server of the owner of
 * an agent that is shared with the person.
 */
export function startSignIn(name: string, next: string, agentId?: string) {
  const query = new URLSearchParams({ next, ...(agentId && { agent_id: agentId }) });
  return get<{ authorization_url: string }>(`${PREFIX}/${encodeURIComponent(name)}/oauth/start?${query}`);
}
export const endSignIn = (name: string) => remove<unknown>(`${PREFIX}/${encodeURIComponent(name)}/oauth`);
