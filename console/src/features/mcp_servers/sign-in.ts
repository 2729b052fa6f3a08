/** The way to a server of tools that wants to know the person, and back (product.md 8.5). */
import { hrefOf, type Route } from "../../kit/route";
import { startSignIn } from "./api";

/** Leaves the page for the sign-in; the way back leads to `route`. */
export async function goSignIn(name: string, route: Route, agentId?: string): Promise<void> {
  const { authorization_url } = await startSignIn(name, `/${hrefOf(route)}`, agentId);
  if (/^https?:/i.test(authorization_url)) location.assign(authorization_url);
}

/** What went wrong on the way back, told once: it stands in the address and leaves it. */
export function takeFault(): string | null {
  const query = new URLSearchParams(location.search);
  const fault = query.get("mcp_error");
  if (fault !== null) history.replaceState(null, "", location.pathname + location.hash);
  return fault;
}
