import type { useTexts } from "../../kit/i18n";

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
export function toolTitle(t: ReturnType<typeof useTexts>, name: string): string {
  const titles: Record<string, string> = {
    todo_write: t.toolTodoWrite,
    todo_read: t.toolTodoRead,
    file_read: t.toolFileRead,
    file_write: t.toolFileWrite,
    file_update: t.toolFileUpdate,
    list_dir: t.toolListDir,
    grep: t.toolGrep,
    execute_shell_command: t.toolShell,
    execute_python_code: t.toolPython,
    sys_delegate_task: t.toolDelegate,
  };
  return titles[name] ?? name;
}
