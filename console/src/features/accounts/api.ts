import { get, post } from "../../kit/http";

export interface SignInProvider {
  id: string;
  type: string;
  name: string;
  button_text: string;
  icon?: string;
  login_url: string;
}

export interface SystemInfo {
  instance_name: string;
  announcement: string;
  auth_mode: "native" | "trusted_proxy" | "oauth";
  has_local_auth: boolean;
  native_login_admin_only: boolean;
  auth_providers: SignInProvider[];
  allow_registration?: boolean;
  demo_model: boolean;
  version?: string;
}

/** What the server says about a person; every text is empty when it is not set. */
export interface Claims {
  userid: string;
  username: string;
  nickname: string;
  phonenum: string;
  email: string;
  role: string;
  avatar_url: string;
}

export interface Account {
  user: Claims & { groups?: { id: string; name: string }[] };
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

/** Mails a code; answers in how many seconds the next one may be asked for. */
export const sendCode = (email: string) =>
  post<{ expires_in: number; retry_after: number }>("/api/auth/register/send-code", { email });

export interface Registration {
  username: string;
  password: string;
  email: string;
  verification_code: string;
}
export const register = (registration: Registration) =>
  post<{ user_id: string }>("/api/auth/register", registration);
