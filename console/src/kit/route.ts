/** Hash routes, so the server needs to know one page only. */
import { useSyncExternalStore } from "react";

export type Route =
  | { page: "chat"; sessionId: string | null }
  | { page: "agents"; agentId: string | null }
  | { page: "models" }
  | { page: "sign-up" }
  | { page: "account"; section: AccountSection; id?: string | null }
  | { page: "admin"; section: AdminSection; id?: string | null };

export const ACCOUNT_SECTIONS = ["profile", "security", "keys", "apps", "groups", "activity"] as const;
export const ADMIN_SECTIONS = ["users", "groups", "clients", "audit"] as const;
export type AccountSection = (typeof ACCOUNT_SECTIONS)[number];
export type AdminSection = (typeof ADMIN_SECTIONS)[number];

export function parseRoute(hash: string): Route {
  const [page, id, more] = hash.replace(/^#\/?/, "").split("/");
  const value = id ? safeDecode(id) : null;
  if (page === "agents") return { page, agentId: value };
  if (page === "models" || page === "sign-up") return { page };
  const inner = more ? safeDecode(more) : null;
  if (page === "account") return { page, section: oneOf(ACCOUNT_SECTIONS, value), id: inner };
  if (page === "admin") return { page, section: oneOf(ADMIN_SECTIONS, value), id: inner };
  return { page: "chat", sessionId: page === "c" ? value : null };
}

const oneOf = <T extends string>(words: readonly [T, ...T[]], word: string | null): T =>
  words.find((each) => each === word) ?? words[0];

function safeDecode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export function hrefOf(route: Route): string {
  if (route.page === "agents")
    return route.agentId ? `#/agents/${encodeURIComponent(route.agentId)}` : "#/agents";
  if (route.page === "models" || route.page === "sign-up") return `#/${route.page}`;
  if (route.page === "account" || route.page === "admin")
    return `#/${route.page}/${route.section}${route.id ? `/${encodeURIComponent(route.id)}` : ""}`;
  return route.sessionId ? `#/c/${encodeURIComponent(route.sessionId)}` : "#/";
}

export function goTo(route: Route, options: { replace?: boolean } = {}): void {
  const href = hrefOf(route);
  if (!options.replace) {
    location.hash = href;
    return;
  }
  history.replaceState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return parseRoute(hash);
}
