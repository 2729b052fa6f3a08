/** What a person changes about the own account (platform.md 4.8). */
import { get, put, remove } from "../../kit/http";
import type { Claims } from "./api";

export interface LoginSession {
  id: string;
  current: boolean;
  /** `password` or `upstream:<id>`. */
  method: string;
  address: string;
  user_agent: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
}

export interface LinkedIdentity {
  provider_id: string;
  name: string;
  username: string | null;
  email: string | null;
  linked_at: string;
}

export interface Profile {
  nickname: string;
  phonenum: string;
  avatar_url: string;
}

export const saveProfile = (profile: Profile) => put<Claims>("/api/user/profile", profile);

export const listSessions = () => get<LoginSession[]>("/api/user/sessions");
export const endSession = (id: string) => remove<unknown>(`/api/user/sessions/${encodeURIComponent(id)}`);
export const endOtherSessions = () => remove<{ ended: number }>("/api/user/sessions");

export const listIdentities = () => get<LinkedIdentity[]>("/api/user/identities");
export const unlinkIdentity = (providerId: string) =>
  remove<unknown>(`/api/user/identities/${encodeURIComponent(providerId)}`);
