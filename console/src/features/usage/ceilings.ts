/** Ceilings as the texts of a form, and back. */
import type { Budget, Ceiling } from "./api";

export type CeilingTexts = Partial<Record<Ceiling, string>>;

export const toTexts = ({ currency: _, ...ceilings }: Budget): CeilingTexts =>
  Object.fromEntries(Object.entries(ceilings).map(([key, value]) => [key, value?.toString() ?? ""]));

/** Every ceiling that was filled in; the whole of it replaces what was there. */
export function toBudget(texts: CeilingTexts): Budget {
  const filled = Object.entries(texts).filter(([, text]) => text !== undefined && text.trim() !== "");
  return Object.fromEntries(filled.map(([key, text]) => [key, Number(text)]));
}
