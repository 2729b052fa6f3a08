import type { RuntimeTexts } from "../../texts/runtime";

/** The tools every server has, in the order the form shows them. */
export const FOUNDATION_TOOLS = [
  "todo_write",
  "todo_read",
  "file_read",
  "file_write",
  "file_update",
  "list_dir",
  "grep",
  "execute_shell_command",
] as const;

/** What a tool does in a word or two; its own name where no text is known. */
export function toolTitle(r: RuntimeTexts, name: string): string {
  const title: unknown = (r as Record<string, unknown>)[`tool_${name}`];
  return typeof title === "string" ? title : name || r.tool;
}
