import { useEffect, useRef, useState } from "react";
import { goTo } from "../../kit/route";
import { ChatSession } from "./chat-session";

/** The session of the address: opened when the address changes, and kept when a new chat gets its address. */
export function useChatSession(sessionId: string | null): ChatSession {
  const [session, setSession] = useState(() => openSession(sessionId));
  const current = useRef(session);

  useEffect(() => {
    if (isShown(current.current, sessionId)) return;
    current.current.close();
    const next = openSession(sessionId);
    current.current = next;
    setSession(next);
  }, [sessionId]);

  useEffect(() => () => current.current.close(), []);
  return session;
}

function openSession(sessionId: string | null): ChatSession {
  if (sessionId === null) return new ChatSession(`session_${Date.now()}`, true);
  const session = new ChatSession(sessionId, false);
  void session.open();
  return session;
}

/** An unused new chat fits the address without an id; a used one has an address of its own. */
function isShown(session: ChatSession, sessionId: string | null): boolean {
  if (sessionId !== null) return session.sessionId === sessionId;
  return session.state.get().transcript.messages.length === 0 && session.state.get().phase === "idle";
}

/** Gives a chat that has just been sent its own address. */
export function showAddressOf(session: ChatSession): void {
  goTo({ page: "chat", sessionId: session.sessionId }, { replace: true });
}
