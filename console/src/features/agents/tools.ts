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

export type FoundationTool = (typeof FOUNDATION_TOOLS)[number];
