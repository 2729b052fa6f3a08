/** Which of the person's conversations are answering right now, kept up to date by the server. */
import { ApiError, send, toApiError } from "../../kit/http";
import { LineSplitter } from "../../kit/line-splitter";
import { Store } from "../../kit/store";
import { delay } from "../../kit/time";

export interface ActiveSession {
  session_id: string;
  run_id: string;
  status: string;
  query: string;
}

const RECONNECT_MS = 5000;

export const activeStore = new Store<ReadonlyMap<string, ActiveSession>>(new Map());

/** Follows the feed until the signal fires, connecting again after each break. */
export async function watchActiveSessions(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await readFeed(signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
    }
    await delay(RECONNECT_MS, signal).catch(() => {});
  }
}

async function readFeed(signal: AbortSignal): Promise<void> {
  const response = await send("/api/stream/active_sessions", {
    signal,
    headers: { Accept: "text/event-stream" },
  });
  if (!response.ok || response.body === null) throw await toApiError(response);
  const splitter = new LineSplitter();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const line of splitter.push(value)) takeLine(line);
  }
}

function takeLine(line: string): void {
  const sessions = parseFrame(line);
  if (sessions !== null) activeStore.set(new Map(sessions.map((session) => [session.session_id, session])));
}

/** The snapshot of a `data:` line; null for comments and anything else. */
export function parseFrame(line: string): ActiveSession[] | null {
  if (!line.startsWith("data:")) return null;
  try {
    const value: unknown = JSON.parse(line.slice(5));
    return Array.isArray(value) ? (value as ActiveSession[]) : null;
  } catch {
    return null;
  }
}
