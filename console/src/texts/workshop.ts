/** The texts of what agents are made of; loaded with those pages, not with the chat. */
import { textsOf } from "../kit/i18n";
import type { Shape } from "./shape";
import { workshopEn } from "./workshop-en";
import { workshopZh } from "./workshop-zh";

export type WorkshopTexts = Shape<typeof workshopEn>;
export const useWorkshopTexts = textsOf(workshopEn, workshopZh);

/** A text whose key comes over the wire, such as `state_ready`; the word itself where none is known. */
export function wordOf(w: WorkshopTexts, prefix: string, word: string): string {
  const text: unknown = (w as Record<string, unknown>)[`${prefix}_${word}`];
  return typeof text === "string" ? text : word;
}
