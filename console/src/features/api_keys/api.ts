/** Personal API keys (platform.md 7.1). */
import { get, post, put, remove } from "../../kit/http";
import type { Budget } from "../usage/api";

export const SCOPES = ["read", "chat", "write", "mcp", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export interface KeyFields {
  name: string;
  scopes: Scope[];
  /** UTC, or null for a key without an end. */
  expires_at: string | null;
  /** Empty means every agent. */
  agent_ids: string[];
  /** Addresses or networks; empty means from anywhere. */
  addresses: string[];
  /** What runs started with it may spend; null is no limit. */
  budget?: Budget | null;
}

export interface ApiKey extends KeyFields {
  id: string;
  prefix: string;
  status: "active" | "expired";
  created_at: string;
  last_used_at: string | null;
  last_used_address: string | null;
}

/** The only answers that carry the secret itself. */
export type FreshKey = ApiKey & { key: string };

const PATH = "/api/user/keys";
const path = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

export const listKeys = () => get<ApiKey[]>(PATH);
export const createKey = (fields: KeyFields) => post<FreshKey>(PATH, fields);
/** Absent fields stay; a null end makes the key last as long as the server allows. */
export const updateKey = (id: string, fields: Partial<KeyFields>) => put<ApiKey>(path(id), fields);
export const rotateKey = (id: string, overlapSeconds: number) =>
  post<FreshKey>(`${path(id)}/rotate`, { overlap_seconds: overlapSeconds });
export const deleteKey = (id: string) => remove<unknown>(path(id));

const ofUser = (userId: string) => `/api/user/${encodeURIComponent(userId)}/keys`;
export const listKeysOf = (userId: string) => get<ApiKey[]>(ofUser(userId));
export const deleteKeyOf = (userId: string, id: string) =>
  remove<unknown>(`${ofUser(userId)}/${encodeURIComponent(id)}`);
