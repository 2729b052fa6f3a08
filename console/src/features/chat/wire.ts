/** The lines of a chat stream and the messages of history, as they travel. */

export interface ToolCall {
  id: string;
  type?: string | null;
  index?: number;
  function: { name: string | null; arguments: string };
}

export interface ErrorInfo {
  kind: string;
  message: string;
  retryable?: boolean;
}

export interface TokenTotals {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
}

/** A text for the agent that waits until it looks up (10.3). */
export interface Guidance {
  guidance_id: string;
  content: Content;
}

export interface TextPart {
  type: "text";
  text: string;
}

export interface ImagePart {
  type: "image_url";
  image_url: { url: string };
}

export type Content = string | (TextPart | ImagePart)[] | Record<string, unknown>;

export interface MessageLine {
  role: "assistant" | "tool" | "user" | "system";
  type: string;
  message_id: string;
  session_id: string;
  timestamp?: number;
  agent_name?: string;
  content?: Content;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
  is_error?: boolean;
  error_info?: ErrorInfo;
  metadata?: Record<string, unknown>;
}

/** A call that waits for the person's word (S9.13), at most until `expires_at`. */
export interface ApprovalLine extends MessageLine {
  type: "sandbox_approval_requested";
  approval_id: string;
  tool_name?: string;
  command?: string;
  command_hash?: string;
  category?: string;
  reason?: string;
  hint?: string;
  expires_at?: string | number;
}

export interface DecisionLine extends MessageLine {
  type: "sandbox_approval_resolved";
  approval_id: string;
  decision: Decision;
}

export type Decision = "approve" | "deny" | "expired";

export interface ProgressLine {
  type: "tool_progress";
  session_id: string;
  tool_call_id: string;
  text: string;
  stream: "stdout" | "stderr" | "info";
  closed: boolean;
}

export interface EndLine {
  type: "stream_end";
  session_id: string;
  status?: RunStatus;
  run_id?: string;
  end_reason?: string;
  resume_fallback?: boolean;
}

export type RunStatus = "completed" | "interrupted" | "failed" | "replaced" | "running" | "queued";
export type Line = MessageLine | ProgressLine | EndLine;

export const isEnd = (line: Line): line is EndLine => line.type === "stream_end";
export const isApproval = (line: Line): line is ApprovalLine => line.type === "sandbox_approval_requested";
export const isDecision = (line: Line): line is DecisionLine => line.type === "sandbox_approval_resolved";
export const isProgress = (line: Line): line is ProgressLine => line.type === "tool_progress";

export interface History {
  conversation_id: string;
  messages: MessageLine[];
  next_stream_index?: number;
  next_stream_run_id?: string | null;
  conversation_info?: { agent_id?: string | null; agent_name?: string | null; title?: string };
}

export interface TaskItem {
  id: string;
  name: string;
  status: "pending" | "in_progress" | "completed" | "failed";
  conclusion?: string | null;
}
