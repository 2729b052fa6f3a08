/** Where the sign-in page may send a person afterwards: the rule of the server, judged once more in the browser. */
import { goTo } from "./route";

/** The path of a safe `next`, or null. A foreign address, however it is written, is never followed. */
export function safeNext(next: string | null, origin: string = location.origin): string | null {
  if (next === null || next.length > 2048) return null;
  const path = next.startsWith(`${origin}/`) ? next.slice(origin.length) : next;
  const decoded = decodeOnce(path);
  if (decoded === null || !isOwnPath(path) || !isOwnPath(decoded)) return null;
  return new URL(path, origin).origin === origin ? path : null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\\\u0000-\u001f\u007f-\u009f]/;
const isOwnPath = (path: string): boolean => /^\/(?!\/)/.test(path) && !FORBIDDEN.test(path);

function decodeOnce(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** Whether the address is the sign-in page itself, and not a page that asks for a sign-in first. */
export const isSignInAddress = (): boolean => location.pathname.endsWith("/login");

/** The path the console stands under, with its last slash. */
export const basePath = (): string => location.pathname.replace(/[^/]*$/, "");

export interface SignInWishes {
  next: string | null;
  error: string | null;
  isLocalOnly: boolean;
}

/** What the query of the sign-in page asks for. */
export function signInWishes(search: string = location.search): SignInWishes {
  const values = new URLSearchParams(search);
  return {
    next: safeNext(values.get("next")),
    error: values.get("error") || null,
    isLocalOnly: values.get("local_only") === "1",
  };
}

/** The address of a page of this console, to come back to from another site; null for the plain start. */
export function hereOrNull(): string | null {
  const isPage = location.hash.length > 2 && !location.hash.startsWith("#/sign-up");
  return isPage ? `${basePath()}${location.hash}` : null;
}

/**
 * Goes where the sign-in page was asked to lead. Answers false when the browser is on its way to another page, which
 * is loaded whole: only the server knows what stands under `/api/`, `/oauth2/` and `/jaeger/`.
 */
export function followNext(next: string | null): boolean {
  if (next !== null && !isConsolePage(next)) {
    location.assign(next);
    return false;
  }
  if (next !== null) history.replaceState(null, "", next);
  else if (isSignInAddress()) history.replaceState(null, "", `${basePath()}${location.hash}`);
  if (location.hash.startsWith("#/sign-up")) goTo({ page: "chat", sessionId: null }, { replace: true });
  else dispatchEvent(new HashChangeEvent("hashchange"));
  return true;
}

const isConsolePage = (path: string): boolean => path.split(/[?#]/)[0] === basePath();
