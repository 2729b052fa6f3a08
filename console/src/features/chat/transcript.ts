/**
 * The messages of one conversation as the person sees them, built from history and stream lines.
 * Every change gives a new transcript that shares the untouched messages, so a view redraws only what changed.
 */
import {
  type Content,
  type Decision,
  type EndLine,
  type History,
  isApproval,
  isDecision,
  isEnd,
  isProgress,
  type Line,
  type MessageLine,
  type ProgressLine,
  type TokenTotals,
  type ToolCall,
} from "./wire";

export interface Transcript {
  sessionId: string;
  messages: readonly MessageLine[];
  /** Live output of tools that have not answered yet, by call id. */
  progress: Readonly<Record<string, string>>;
  usage: TokenTotals | null;
  end: EndLine | null;
  /** What was decided about calls that needed a word of the person, by approval id. */
  decisions: Readonly<Record<string, Decision>>;
  /** Conversations of other agents that have ended. */
  endedChildren: ReadonlySet<string>;
}

const MAX_PROGRESS_CHARACTERS = 20_000;

export function emptyTranscript(sessionId: string): Transcript {
  const nothing = { messages: [], progress: {}, usage: null, end: null };
  return { ...nothing, sessionId, decisions: {}, endedChildren: new Set() };
}

export function fromHistory(sessionId: string, history: History): Transcript {
  return history.messages.reduce<Transcript>(
    (transcript, message) => applyLine(transcript, message),
    emptyTranscript(sessionId),
  );
}

/** A message of the person, shown before the server has said anything. */
export function withUserMessage(
  transcript: Transcript,
  id: string,
  content: Content,
  now: number,
): Transcript {
  const message: MessageLine = {
    role: "user",
    type: "normal",
    message_id: id,
    session_id: transcript.sessionId,
    content,
    timestamp: now / 1000,
  };
  return { ...putMessage(transcript, message), usage: null, end: null, progress: {} };
}

export function applyLine(transcript: Transcript, line: Line): Transcript {
  if (isEnd(line)) return { ...transcript, end: line };
  if (isProgress(line)) return addProgress(transcript, line);
  if (line.type === "token_usage") return withUsage(transcript, line);
  if (isDecision(line)) return withDecision(transcript, line.approval_id, line.decision);
  if (isApproval(line)) return putMessage(transcript, { ...line, message_id: line.approval_id });
  if (line.message_id === undefined) return transcript;
  return mergeMessage(transcript, line);
}

function mergeMessage(transcript: Transcript, line: MessageLine): Transcript {
  const existing = findMessage(transcript, line.message_id);
  if (line.role !== "assistant" || existing === undefined) return putMessage(transcript, line);
  return putMessage(transcript, mergeAssistant(existing, line));
}

/** Lines of one id are deltas; a marker line adds only its metadata; call fragments join their arguments. */
function mergeAssistant(existing: MessageLine, line: MessageLine): MessageLine {
  const merged: MessageLine = { ...existing, metadata: { ...existing.metadata, ...line.metadata } };
  if (line.error_info) merged.error_info = line.error_info;
  if (line.tool_calls) merged.tool_calls = mergeCalls(existing.tool_calls, line.tool_calls);
  const added = typeof line.content === "string" ? line.content : "";
  if (added !== "") merged.content = (typeof existing.content === "string" ? existing.content : "") + added;
  return merged;
}

function mergeCalls(existing: ToolCall[] | undefined, calls: ToolCall[]): ToolCall[] {
  const before = existing?.[0];
  const call = calls[0];
  // Only fragments carry an index; the complete line replaces them.
  if (before === undefined || call === undefined || call.index === undefined) return calls;
  const name = before.function.name ?? call.function.name;
  const text = before.function.arguments + call.function.arguments;
  return [{ ...before, id: before.id ?? call.id, function: { name, arguments: text } }];
}

function findMessage(transcript: Transcript, id: string): MessageLine | undefined {
  // Deltas nearly always belong to one of the newest messages.
  return transcript.messages.findLast((message) => message.message_id === id);
}

function putMessage(transcript: Transcript, message: MessageLine): Transcript {
  const index = transcript.messages.findLastIndex((old) => old.message_id === message.message_id);
  const messages = [...transcript.messages];
  if (index === -1) messages.push(message);
  else messages[index] = message;
  return { ...transcript, messages };
}

function addProgress(transcript: Transcript, line: ProgressLine): Transcript {
  if (!line.text) return transcript;
  const text = ((transcript.progress[line.tool_call_id] ?? "") + line.text).slice(-MAX_PROGRESS_CHARACTERS);
  return { ...transcript, progress: { ...transcript.progress, [line.tool_call_id]: text } };
}

function withUsage(transcript: Transcript, line: MessageLine): Transcript {
  if (line.session_id !== transcript.sessionId)
    return { ...transcript, endedChildren: new Set([...transcript.endedChildren, line.session_id]) };
  const usage = line.metadata?.token_usage as { total_info?: TokenTotals } | undefined;
  return { ...transcript, usage: usage?.total_info ?? null };
}

export function withDecision(transcript: Transcript, approvalId: string, decision: Decision): Transcript {
  return { ...transcript, decisions: { ...transcript.decisions, [approvalId]: decision } };
}

/** The question that an answer is written to anew: the last message of the person. */
export function lastQuestion(transcript: Transcript): MessageLine | undefined {
  return transcript.messages.findLast(
    (message) => message.role === "user" && message.session_id === transcript.sessionId,
  );
}

/** Only what stands up to the last question, which may get another content. */
export function cutAfterQuestion(transcript: Transcript, content?: Content): Transcript {
  const question = lastQuestion(transcript);
  if (question === undefined) return transcript;
  const messages = transcript.messages.slice(0, transcript.messages.indexOf(question));
  messages.push(content === undefined ? question : { ...question, content });
  return { ...transcript, messages, usage: null, end: null, progress: {} };
}

/** The content of a message with another text; pictures stay. */
export function withText(content: Content | undefined, text: string): Content {
  if (!Array.isArray(content)) return text;
  return [{ type: "text", text }, ...content.filter((part) => part.type !== "text")];
}

/** The text of a message, whatever shape its content has. */
export function textOf(message: Pick<MessageLine, "content">): string {
  const { content } = message;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}
