/** Hash routes, so the server needs to know one page only. */
import { useSyncExternalStore } from "react";

export type Route =
  | { page: "chat"; sessionId: string | null }
  | { page: "agents"; agentId: string | null }
  | { page: "models" };

export function parseRoute(hash: string): Route {
  const [page, id] = hash.replace(/^#\/?/, "").split("/");
  const value = id ? safeDecode(id) : null;
  if (page === "agents") return { page, agentId: value };
  if (page === "models") return { page };
  return { page: "chat", sessionId: page === "c" ? value : null };
}

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
  if (route.page === "models") return "#/models";
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
