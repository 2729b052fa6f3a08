/** Where the sign-in page may send a person afterwards: the rule of the server, judged once more in the browser. */

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
