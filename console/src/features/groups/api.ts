/** Groups of people (platform.md 7.2). */
import { get, post, put, remove } from "../../kit/http";
import { query } from "../../kit/query";

export type GroupRole = "member" | "manager";

export interface Group {
  id: string;
  name: string;
  description: string;
  /** `manual`, `trusted_proxy` or `upstream:<id>`. */
  source: string;
  member_count: number;
  my_role: GroupRole | null;
  created_at: string;
}

export interface Member {
  user_id: string;
  username: string;
  nickname: string;
  role: GroupRole;
  source: string;
  added_at: string;
}

/** A name to choose, as `/options` lists answer it. */
export interface Option {
  label: string;
  value: string;
}

const path = (id: string) => `/api/groups/${encodeURIComponent(id)}`;

export const listGroups = (page: number, pageSize: number, q: string) =>
  get<{ items: Group[]; total: number }>(`/api/groups${query({ page, page_size: pageSize, q })}`);
export const getGroup = (id: string) => get<Group & { members: Member[] }>(path(id));
export const createGroup = (fields: { name: string; description: string }) =>
  post<Group>("/api/groups", fields);
export const updateGroup = (id: string, fields: { name?: string; description?: string }) =>
  put<Group>(path(id), fields);
export const deleteGroup = (id: string) => remove<unknown>(path(id));
export const addMembers = (id: string, userIds: string[], role?: GroupRole) =>
  post<{ added: number }>(`${path(id)}/members`, { user_ids: userIds, role });
export const removeMember = (id: string, userId: string) =>
  remove<unknown>(`${path(id)}/members/${encodeURIComponent(userId)}`);

/** Up to 1000 by name; `q` narrows them. */
export const groupOptions = (q = "") => get<Option[]>(`/api/groups/options${query({ q })}`);
export const userOptions = (q = "") => get<Option[]>(`/api/user/options${query({ q })}`);
