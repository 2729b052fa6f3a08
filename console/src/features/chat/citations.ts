/** Which passages an answer cites: `[n]` in its text, and what the server knows of the numbers (product.md 5.10). */
import { createContext } from "react";
import { get } from "../../kit/http";
import type { Transcript } from "./transcript";
import { textOf } from "./transcript";

export interface Citation {
  message_id: string;
  n: number;
  valid: boolean;
  doc_id: string | null;
  title: string | null;
  page: number | null;
  start: number | null;
  end: number | null;
  deleted: boolean;
}

/** A citation that leads somewhere. */
export interface Source {
  n: number;
  docId: string;
  title: string;
  page: number | null;
  start: number;
  end: number;
  isDeleted: boolean;
}

export type Sources = ReadonlyMap<number, Source>;

const MARK = /\[([1-9]\d{0,8})\]/;

export const listCitations = async (sessionId: string, signal?: AbortSignal): Promise<Citation[]> =>
  (await get<{ items: Citation[] }>(`/api/conversations/${encodeURIComponent(sessionId)}/citations`, signal))
    .items;

/** Whether it is worth asking: an answer without marks cites nothing. */
export const hasMarks = ({ messages }: Transcript): boolean =>
  messages.some((message) => message.role === "assistant" && MARK.test(textOf(message)));

/** The numbers of each message that lead to a passage. */
export function sourcesByMessage(citations: readonly Citation[]): Map<string, Sources> {
  const messages = new Map<string, Map<number, Source>>();
  for (const citation of citations) {
    const source = toSource(citation);
    if (source === null) continue;
    const sources = messages.get(citation.message_id) ?? new Map<number, Source>();
    messages.set(citation.message_id, sources.set(source.n, source));
  }
  return messages;
}

function toSource({ n, valid, doc_id, title, page, start, end, deleted }: Citation): Source | null {
  if (!valid || doc_id === null || start === null || end === null) return null;
  return { n, docId: doc_id, title: title ?? "", page, start, end, isDeleted: deleted };
}

/** Of the open conversation, by message. */
export const CitationsContext = createContext<ReadonlyMap<string, Sources>>(new Map());
/** Of the message around. */
export const SourcesContext = createContext<Sources>(new Map());

interface Node {
  type: string;
  tagName?: string;
  value?: string;
  properties?: Record<string, unknown>;
  children?: Node[];
}

/** Where a mark is no mark: it belongs to a program, or leads elsewhere already. */
const CLOSED = new Set(["code", "pre", "a"]);

/** A plugin for Markdown: each `[n]` in running text becomes a `cite` element with the number as its text. */
export function markCitations() {
  return (tree: Node): void => replaceIn(tree);
}

function replaceIn(node: Node): void {
  if (node.children === undefined || CLOSED.has(node.tagName ?? "")) return;
  node.children = node.children.flatMap((child) => {
    if (child.type === "text") return splitMarks(child.value ?? "");
    replaceIn(child);
    return [child];
  });
}

function splitMarks(value: string): Node[] {
  // Every second piece is a number, because the pattern has one group.
  return value.split(new RegExp(MARK, "g")).flatMap((piece, index): Node[] => {
    if (index % 2 === 1)
      return [{ type: "element", tagName: "cite", properties: {}, children: [text(piece)] }];
    return piece === "" ? [] : [text(piece)];
  });
}

const text = (value: string): Node => ({ type: "text", value });
