/** What a person may do with a base, and how it is called on a page. */
import type { Access, IndexState } from "./api";

export const mayOwn = (access: Access): boolean => access === "owner" || access === "admin";
export const mayWrite = (access: Access): boolean => access !== "read";

/** The kinds one can choose from; other words of old bases are shown as they are. */
export const KINDS = ["document", "qa"] as const;

/** Bases of questions and answers take tables only (product.md 5.8). */
export const isQa = (type: string): boolean => type === "qa";
export const TABLE_FILES = ".csv,.xlsx,.xls";
export const isTable = (name: string): boolean => /\.(csv|xlsx|xls)$/i.test(name);

/** A model as a person reads it: its name and size, or how it is chosen. */
export function modelText(
  model: { mode: string; model?: string | null; dims?: number | null } | null | undefined,
  modeWord: (mode: string) => string,
): string {
  if (model == null) return modeWord("none");
  const size = model.dims ? ` (${model.dims})` : "";
  return model.model ? `${model.model}${size}` : `${modeWord(model.mode)}${size}`;
}

/** A server that has no model of its own is asked for one in vain. */
export const isInUse = (model: { mode: string; model?: string | null } | null | undefined): boolean =>
  model != null && model.mode !== "none" && Boolean(model.model);

/** A share between 0 and 1 as percent without a sign. */
export const percentOf = (share: number): string => String(Math.round(share * 1000) / 10);

export const isBuilding = (index: IndexState): boolean => index.state === "building";
