/** What the state of a document means to a person. */
import type { KnowledgeTexts } from "../../texts/knowledge";
import type { DocFacts } from "./documents-api";

export const isUnderway = ({ status }: DocFacts): boolean => status === 0 || status === 1;

/** There is a text to look at; while it is read again, that of before. */
export const hasText = (doc: DocFacts): boolean => doc.status === 2 || doc.passages > 0;

/** How it stands with a document, in a few words. */
export function stateText(doc: DocFacts, k: KnowledgeTexts): string {
  if (doc.status === 1) return k.readingPercent(doc.progress);
  if (doc.status === 0 && doc.attempts > 0) return `${k.status_0} · ${k.tryingAgain(doc.attempts + 1)}`;
  if (doc.error_kind === "cancelled") return k.status_stopped;
  return k[`status_${doc.status}`];
}

/** Why nothing can be read, and what can be done about it; null where there is nothing to say. */
export function refusalText(doc: DocFacts, k: KnowledgeTexts): string | null {
  if (doc.status !== 3) return null;
  const cause = doc.error_kind ?? doc.outcome ?? "internal";
  const advice: unknown = (k as Record<string, unknown>)[`advice_${cause}`];
  const message = doc.outcome_message ?? "";
  if (typeof advice !== "string") return message;
  if (message === "" || cause === "cancelled") return advice;
  return /[.。!！?？]$/.test(message) ? `${message} ${advice}` : `${message}${k.sentenceEnd}${advice}`;
}

/** What was left out of a document that is read all the same. */
export function remarksOf({ metadata }: DocFacts, k: KnowledgeTexts): string[] {
  const remarks: string[] = [];
  const skipped = Number(metadata.skipped_rows ?? 0);
  if (skipped > 0) remarks.push(k.skippedRows(skipped));
  const parts = Array.isArray(metadata.attachments) ? metadata.attachments : [];
  const broken = parts
    .filter((part): part is { name: string; outcome: string } => typeof part?.name === "string")
    .filter(({ outcome }) => outcome !== "ok")
    .map(({ name }) => name);
  if (broken.length > 0) remarks.push(k.brokenParts(broken.join(", ")));
  return remarks;
}
