/** Hash routes, so the server needs to know one page only. */
import { useSyncExternalStore } from "react";
import { query } from "./query";

export type Route =
  | { page: "chat"; sessionId: string | null }
  | { page: "agents"; agentId: string | null; part?: AgentPart | null }
  /** `path` is that of the wire, such as `user/report`. */
  | { page: "skills"; path: string | null }
  /** `ownerId` only where a server of somebody else is meant. */
  | { page: "servers"; name: string | null; ownerId?: string | null }
  | { page: "knowledge"; kdbId: string | null; part?: KnowledgePart | null }
  /** A document of a knowledge base; `start` and `end` are the characters to show. */
  | { page: "document"; docId: string; start?: number | null; end?: number | null }
  /** Scheduled tasks; the API has `/tasks`, so no page may. */
  | { page: "schedules"; taskId: string | null }
  | { page: "models" }
  | { page: "sign-up" }
  | { page: "account"; section: AccountSection; id?: string | null }
  | { page: "admin"; section: AdminSection; id?: string | null };

export const ACCOUNT_SECTIONS = [
  "profile",
  "security",
  "keys",
  "apps",
  "groups",
  "budgets",
  "usage",
  "runs",
  "activity",
] as const;
export const ADMIN_SECTIONS = ["users", "groups", "budgets", "usage", "runs", "clients", "audit"] as const;
const AGENT_PARTS = ["memory", "versions"] as const;
const KNOWLEDGE_PARTS = ["search", "questions", "settings"] as const;
export type KnowledgePart = (typeof KNOWLEDGE_PARTS)[number];
export type AgentPart = (typeof AGENT_PARTS)[number];
export type AccountSection = (typeof ACCOUNT_SECTIONS)[number];
export type AdminSection = (typeof ADMIN_SECTIONS)[number];

export function parseRoute(hash: string): Route {
  const [path = "", search] = hash.replace(/^#\/?/, "").split("?");
  const [page, id, more] = path.split("/");
  const value = id ? safeDecode(id) : null;
  if (page === "models" || page === "sign-up") return { page };
  const inner = more ? safeDecode(more) : null;
  if (page === "agents")
    return { page, agentId: value, part: AGENT_PARTS.find((part) => part === inner) ?? null };
  if (page === "skills") return { page, path: value };
  if (page === "servers") return { page, name: value, ownerId: inner };
  if (page === "knowledge")
    return { page, kdbId: value, part: KNOWLEDGE_PARTS.find((part) => part === inner) ?? null };
  if (page === "schedules") return { page, taskId: value };
  if (page === "document" && value !== null) return { page, docId: value, ...spanOf(search) };
  if (page === "account") return { page, section: oneOf(ACCOUNT_SECTIONS, value), id: inner };
  if (page === "admin") return { page, section: oneOf(ADMIN_SECTIONS, value), id: inner };
  return { page: "chat", sessionId: page === "c" ? value : null };
}

function spanOf(search = ""): { start: number | null; end: number | null } {
  const given = new URLSearchParams(search);
  const [start, end] = ["start", "end"].map((key) => {
    const text = given.get(key) ?? "";
    return /^\d{1,9}$/.test(text) ? Number(text) : null;
  });
  return { start: start ?? null, end: end ?? null };
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
  if (route.page === "agents") return addressOf("agents", route.agentId, route.part);
  if (route.page === "skills") return addressOf("skills", route.path);
  if (route.page === "servers") return addressOf("servers", route.name, route.ownerId);
  if (route.page === "knowledge") return addressOf("knowledge", route.kdbId, route.part);
  if (route.page === "schedules") return addressOf("schedules", route.taskId);
  if (route.page === "document") {
    const { start, end } = route;
    return `${addressOf("document", route.docId)}${query({ start, end })}`;
  }
  if (route.page === "models" || route.page === "sign-up") return addressOf(route.page);
  if (route.page === "account" || route.page === "admin")
    return addressOf(route.page, route.section, route.id);
  return route.sessionId ? addressOf("c", route.sessionId) : "#/";
}

/** The parts of an address up to the first that is absent. */
function addressOf(page: string, ...parts: (string | null | undefined)[]): string {
  const end = parts.findIndex((part) => !part);
  const present = end === -1 ? parts : parts.slice(0, end);
  return ["#", page, ...present.map((part) => encodeURIComponent(part ?? ""))].join("/");
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
