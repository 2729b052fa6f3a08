/** Users as administrators see them (platform.md 4.8). */
import { get, post } from "../../kit/http";
import { query } from "../../kit/query";

export type Role = "user" | "admin";

export interface User {
  user_id: string;
  username: string;
  nickname: string;
  email: string | null;
  phonenum: string | null;
  role: Role;
  status: "active" | "disabled";
  groups: { id: string; name: string }[];
  auth_sources: string[];
  created_at: string;
  last_login_at: string | null;
}

export interface UserFilter {
  q: string;
  role: string;
  status: string;
}

export interface FreshUser {
  username: string;
  password?: string;
  email?: string;
  phonenum?: string;
  nickname?: string;
  role: Role;
}

/** Null clears a text. */
export interface UserChange {
  nickname?: string | null;
  email?: string | null;
  phonenum?: string | null;
  role?: Role;
  disabled?: boolean;
}

/** What becomes of the objects of a deleted person. */
export type Fate = "delete" | "transfer" | "delete_all";

export const listUsers = (filter: UserFilter, page: number, pageSize: number) =>
  get<{ items: User[]; total: number }>(`/api/user/list${query({ ...filter, page, page_size: pageSize })}`);
export const addUser = (user: FreshUser) => post<{ user_id: string }>("/api/user/add", user);
export const updateUser = (userId: string, change: UserChange) =>
  post<{ user_id: string }>("/api/user/update", { user_id: userId, ...change });
/** Answers the password only when the server made it up. */
export const resetPassword = (userId: string, password: string) =>
  post<{ password?: string }>("/api/user/reset-password", {
    user_id: userId,
    ...(password === "" ? {} : { new_password: password }),
  });
export const deleteUser = (userId: string, objects: Fate, transferTo: string) =>
  post<unknown>("/api/user/delete", {
    user_id: userId,
    objects,
    ...(objects === "transfer" ? { transfer_to: transferTo } : {}),
  });
