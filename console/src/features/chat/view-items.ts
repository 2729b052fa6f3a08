/** Sorts the messages of a transcript into turns, and pairs calls with their results, for the views. */
import { type Transcript, textOf } from "./transcript";
import { isApproval, type MessageLine, type ToolCall } from "./wire";

export type ItemKind =
  | "text"
  | "thought"
  | "tool"
  | "question"
  | "approval"
  | "notice"
  | "failure"
  | "suggestions";

export interface Item {
  kind: ItemKind;
  message: MessageLine;
  /** Only for tools and questions. */
  call?: ToolCall;
  result?: MessageLine;
  progress?: string;
}

export interface Turn {
  /** The message that opened the turn; absent for lines before the first one. */
  user: MessageLine | null;
  items: Item[];
}

const THOUGHTS = new Set(["reasoning_content", "task_analysis", "planning", "observation"]);
const QUESTIONS = new Set(["questionnaire", "questionnaire_async"]);

export function toTurns(transcript: Transcript, sessionId = transcript.sessionId): Turn[] {
  const results = resultsByCall(transcript.messages);
  const turns: Turn[] = [];
  for (const message of transcript.messages) {
    if (message.session_id !== sessionId || message.role === "tool") continue;
    if (message.role === "user") {
      turns.push({ user: message, items: [] });
      continue;
    }
    if (turns.length === 0) turns.push({ user: null, items: [] });
    turns.at(-1)?.items.push(...toItems(message, results, transcript.progress));
  }
  return turns;
}

function toItems(
  message: MessageLine,
  results: Map<string, MessageLine>,
  progress: Transcript["progress"],
): Item[] {
  if (message.tool_calls) {
    return message.tool_calls.map((call) => ({
      kind: QUESTIONS.has(call.function.name ?? "") ? "question" : "tool",
      message,
      call,
      result: results.get(call.id),
      progress: progress[call.id],
    }));
  }
  if (isApproval(message)) return [{ kind: "approval", message }];
  if (textOf(message) === "") return [];
  return [{ kind: kindOf(message), message }];
}

function kindOf(message: MessageLine): ItemKind {
  if (message.type === "error" || message.error_info) return "failure";
  if (message.type === "query_suggest") return "suggestions";
  if (message.type === "normal" || message.role === "system" || isFailedCheck(message)) return "notice";
  return THOUGHTS.has(message.type) ? "thought" : "text";
}

function resultsByCall(messages: readonly MessageLine[]): Map<string, MessageLine> {
  const results = new Map<string, MessageLine>();
  for (const message of messages) {
    if (message.role === "tool" && message.tool_call_id) results.set(message.tool_call_id, message);
  }
  return results;
}

/** The agent has looked at its own work and found something wrong; it goes on to mend it. */
export const isFailedCheck = (message: MessageLine): boolean => message.metadata?.self_check_passed === false;

/**
 * What agents that work for this one want to know or may do; nobody would see it in their own panes, and they wait.
 * Only what is still open.
 */
export function openChildItems(transcript: Transcript): Item[] {
  const results = resultsByCall(transcript.messages);
  return transcript.messages
    .filter(
      ({ session_id }) => session_id !== transcript.sessionId && !transcript.endedChildren.has(session_id),
    )
    .flatMap((message) => toItems(message, results, transcript.progress))
    .filter((item) => isOpenQuestion(item) || isOpenApproval(item, transcript));
}

const isOpenQuestion = (item: Item): boolean => item.kind === "question" && item.result === undefined;
const isOpenApproval = ({ kind, message }: Item, { decisions }: Transcript): boolean =>
  kind === "approval" && isApproval(message) && decisions[message.approval_id] === undefined;

export const isSuperseded = (message: MessageLine): boolean => message.metadata?.superseded === true;

/** What "copy" takes from a turn: the answer, without thoughts and tools. */
export function answerText(turn: Turn): string {
  return turn.items
    .filter((item) => item.kind === "text" && !isSuperseded(item.message))
    .map((item) => textOf(item.message).trim())
    .join("\n\n");
}

/** Follow-up questions of a `query_suggest` message. */
export function suggestionsOf(message: MessageLine): string[] {
  const listed = message.metadata?.suggestions;
  const lines = Array.isArray(listed) ? listed.map(String) : textOf(message).split("\n");
  return lines
    .map((line) => line.replace(/^\s*(?:[-*•]|\d+[.)])\s*/, "").trim())
    .filter((line) => line !== "");
}
