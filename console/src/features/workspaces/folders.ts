/** Folders out of the flat list of a workspace. */
import type { WorkspaceFile } from "./api";

export const parentOf = (path: string): string => path.split("/").slice(0, -1).join("/");
export const nameOf = (path: string): string => path.split("/").at(-1) ?? "";

/** What lies directly in a folder (`""` is the root): folders first, each by name. */
export function contentOf(files: WorkspaceFile[], folder: string): WorkspaceFile[] {
  return files
    .filter((file) => parentOf(clean(file.path)) === folder)
    .sort((a, b) => Number(b.is_directory) - Number(a.is_directory) || a.name.localeCompare(b.name));
}

/** Each folder on the way to a folder, itself included: `a/b` gives `a` and `a/b`. */
export function trailOf(folder: string): string[] {
  const parts = folder === "" ? [] : folder.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

export const clean = (path: string): string => path.replace(/^\/+|\/+$/g, "");

const UNITS = ["B", "KB", "MB", "GB"];

export function sizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}
