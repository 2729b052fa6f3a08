import { get, post } from "../../kit/http";

export interface SignInProvider {
  id: string;
  type: string;
  name: string;
  button_text: string;
  login_url: string;
}

export interface SystemInfo {
  instance_name: string;
  announcement: string;
  auth_mode: "native" | "trusted_proxy" | "oauth";
  has_local_auth: boolean;
  native_login_admin_only: boolean;
  auth_providers: SignInProvider[];
  demo_model: boolean;
  version?: string;
}

export interface Account {
  user: { userid: string; username: string; nickname: string; email: string; role: string };
  has_provider: boolean;
  has_agent: boolean;
}

export const loadSystemInfo = () => get<SystemInfo>("/api/system/info");
export const loadAccount = () => get<Account>("/api/auth/session");
export const signIn = (name: string, password: string) =>
  post<unknown>("/api/auth/login", { username_or_email: name, password });
export const signOut = () => post<{ logout_url?: string } | null>("/api/auth/logout");
export const changePassword = (oldPassword: string, newPassword: string) =>
  post<unknown>("/api/user/change-password", { old_password: oldPassword, new_password: newPassword });
