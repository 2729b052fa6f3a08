/** Clients of the authorization server, and the consent one has given (platform.md 6.1). */
import { get, post, put, remove } from "../../kit/http";
import { query } from "../../kit/query";

export const CLIENT_SCOPES = [
  "openid",
  "profile",
  "email",
  "groups",
  "offline_access",
  "read",
  "chat",
  "write",
  "mcp",
  "admin",
] as const;
export const AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

export interface ClientFields {
  client_name: string;
  client_uri: string | null;
  redirect_uris: string[];
  token_endpoint_auth_method: AuthMethod;
  /** Scopes with blanks between them. */
  scope: string;
  skip_consent: boolean;
  require_pkce: boolean;
  introspect_all: boolean;
  enabled: boolean;
}

export interface Client extends ClientFields {
  client_id: string;
  source: string;
  created_at: string;
  last_used_at: string | null;
}

export interface Grant {
  client_id: string;
  client_name: string;
  scope: string;
  resource: string | null;
  created_at: string;
  last_used_at: string | null;
}

const PATH = "/api/oauth2/clients";
const path = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

export const listClients = (page: number, pageSize: number, q: string) =>
  get<{ items: Client[]; total: number }>(`${PATH}${query({ page, page_size: pageSize, q })}`);
export const createClient = (fields: ClientFields & { client_id?: string }) =>
  post<Client & { client_secret: string | null }>(PATH, fields);
export const updateClient = (id: string, fields: Partial<ClientFields>) => put<Client>(path(id), fields);
export const renewSecret = (id: string, overlapSeconds: number) =>
  post<{ client_secret: string }>(`${path(id)}/secret`, { overlap_seconds: overlapSeconds });
export const deleteClient = (id: string) => remove<unknown>(path(id));

export const listGrants = () => get<Grant[]>("/api/oauth2/grants");
export const removeGrant = (clientId: string) =>
  remove<unknown>(`/api/oauth2/grants/${encodeURIComponent(clientId)}`);
