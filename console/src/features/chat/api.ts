import { call, get, type RequestOptions, send } from "../../kit/http";
import { currentLocale } from "../../kit/i18n";
import type { History, TaskItem } from "./wire";

const path = (sessionId: string) => encodeURIComponent(sessionId);

export interface ChatRequest {
  sessionId: string;
  agentId: string | null;
  messageId: string;
  text: string;
  idempotencyKey: string;
}

export function startRun(request: ChatRequest, signal: AbortSignal): Promise<Response> {
  const body = {
    messages: [{ role: "user", content: request.text, message_id: request.messageId }],
    session_id: request.sessionId,
    agent_id: request.agentId,
    system_context: { response_language: currentLocale() === "zh" ? "zh-CN(简体中文)" : "en-US(English)" },
    stream_options: { tool_progress: true },
  };
  const headers = { "Idempotency-Key": request.idempotencyKey };
  return send("/api/web-stream", { body, headers, signal } satisfies RequestOptions);
}

export function resumeRun(
  sessionId: string,
  index: number,
  runId: string | null,
  signal: AbortSignal,
): Promise<Response> {
  const query = new URLSearchParams({ last_index: String(index) });
  if (runId !== null) query.set("run_id", runId);
  return send(`/api/stream/resume/${path(sessionId)}?${query}`, { signal });
}

export const loadHistory = (sessionId: string, signal?: AbortSignal) =>
  get<History>(`/api/conversations/${path(sessionId)}/messages`, signal);

/** The note that tells the next run why this one stopped; a fixed text of the interface. */
const INTERRUPT_NOTE = "用户请求中断";

export const interruptRun = (sessionId: string) =>
  call<unknown>(`/api/sessions/${path(sessionId)}/interrupt`, { body: { message: INTERRUPT_NOTE } });

export async function loadTasks(sessionId: string): Promise<TaskItem[]> {
  const data = await call<{ tasks_status?: { tasks?: TaskItem[] } }>(
    `/api/sessions/${path(sessionId)}/tasks_status`,
    { body: {} },
  );
  return data.tasks_status?.tasks ?? [];
}

/** Where a file that an answer links to can be fetched. */
export function workspaceFileUrl(agentId: string, sessionId: string, filePath: string): string {
  const query = new URLSearchParams({ file_path: filePath, session_id: sessionId });
  return `/api/agent/${encodeURIComponent(agentId)}/file_workspace/download?${query}`;
}
