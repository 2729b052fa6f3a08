import { call, get, patch, post, type RequestOptions, remove, send } from "../../kit/http";
import { currentLocale } from "../../kit/i18n";
import type { ApprovalLine, Content, Guidance, History, TaskItem } from "./wire";

const path = (sessionId: string) => encodeURIComponent(sessionId);

export interface ChatRequest {
  sessionId: string;
  agentId: string | null;
  messageId: string;
  content: Content;
  idempotencyKey: string;
}

/** What the page can show beside the answer itself. */
const STREAM_OPTIONS = { tool_progress: true, approvals: true };

export function startRun(request: ChatRequest, signal: AbortSignal): Promise<Response> {
  const body = {
    messages: [{ role: "user", content: request.content, message_id: request.messageId }],
    session_id: request.sessionId,
    agent_id: request.agentId,
    system_context: { response_language: currentLocale() === "zh" ? "zh-CN(简体中文)" : "en-US(English)" },
    stream_options: STREAM_OPTIONS,
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

export interface RerunRequest {
  sessionId: string;
  idempotencyKey: string;
  /** A waiting text that becomes the next question; without it the last question is answered again. */
  guidance?: { id: string; text: string };
}

/** Answers the last question again (10.1). */
export function rerun(request: RerunRequest, signal: AbortSignal): Promise<Response> {
  const { guidance } = request;
  const body = {
    stream_options: STREAM_OPTIONS,
    guidance_content: guidance?.text,
    guidance_id: guidance?.id,
  };
  const headers = { "Idempotency-Key": request.idempotencyKey };
  return send(`/api/conversations/${path(request.sessionId)}/rerun-stream`, { body, headers, signal });
}

/** Replaces the last question; starts nothing (10.2). */
export const editLastQuestion = (sessionId: string, content: Content) =>
  post<{ title?: string }>(`/api/conversations/${path(sessionId)}/edit-last-user-message`, { content });

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

const guidancePath = (sessionId: string) => `/api/sessions/${path(sessionId)}/inject-user-message`;

export const addGuidance = (sessionId: string, { guidance_id, content }: Guidance) =>
  post<unknown>(guidancePath(sessionId), { guidance_id, content });
export const listGuidance = async (sessionId: string): Promise<Guidance[]> =>
  (await get<{ items?: Guidance[] }>(guidancePath(sessionId))).items ?? [];
export const editGuidance = (sessionId: string, id: string, content: Content) =>
  patch<unknown>(`${guidancePath(sessionId)}/${path(id)}`, { content });
export const deleteGuidance = (sessionId: string, id: string) =>
  remove<unknown>(`${guidancePath(sessionId)}/${path(id)}`);

/** Writes a draft better, with the same intent (10.4). */
export const improveDraft = (
  draft: { text: string; sessionId: string; agentId: string | null },
  signal: AbortSignal,
) =>
  call<{ optimized_input: string }>("/api/chat/optimize-input", {
    body: {
      current_input: draft.text,
      session_id: draft.sessionId,
      agent_id: draft.agentId,
      language: currentLocale(),
    },
    signal,
  });

export type Answers = Record<string, string | string[]>;

/** Raises `ApiError` with the status of HTTP: 409 when it was answered already, 410 when it is closed (10.5). */
export const submitAnswers = (questionnaireId: string, answers: Answers) =>
  post<unknown>(`/api/questionnaires/${path(questionnaireId)}/submit`, { answers });

export const decide = (line: ApprovalLine, decision: "approve" | "deny") =>
  post<{ status: "approved" | "denied" }>("/api/sandbox/approval", {
    session_id: line.session_id,
    approval_id: line.approval_id,
    decision,
    command_hash: line.command_hash,
  });

/** Something that was asked for and that a run did without (S3.2). */
export interface RunWarning {
  field: string;
  value: string;
  reason: string;
}

interface RunState {
  waiting?: { kind: string } | null;
  warnings?: RunWarning[];
}

const readRun = (runId: string) => get<RunState>(`/api/runs/${path(runId)}`);

/** Whether the run waits for a decision. Its request is a line of the log only, which history does not repeat. */
export const awaitsApproval = async (runId: string): Promise<boolean> =>
  (await readRun(runId)).waiting?.kind === "approval";
export const listWarnings = async (runId: string): Promise<RunWarning[]> =>
  (await readRun(runId)).warnings ?? [];
