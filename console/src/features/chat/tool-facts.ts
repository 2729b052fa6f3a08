/** Reads what a card needs from the arguments and results of the known tools. */
import type { useTexts } from "../../kit/i18n";
import { textOf } from "./transcript";
import type { MessageLine, ToolCall } from "./wire";

export type Values = Record<string, unknown>;

export function argumentsOf(call: ToolCall): Values {
  try {
    const value: unknown = JSON.parse(call.function.arguments || "{}");
    return isObject(value) ? value : {};
  } catch {
    return { _raw: call.function.arguments }; // Still being streamed, or never valid.
  }
}

export function resultOf(result: MessageLine | undefined): Values {
  return result !== undefined && isObject(result.content) ? result.content : {};
}

export const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const str = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : "";

/** The sentence of a failed result, or null. A command that ends with another code than 0 has failed too. */
export function failureOf(result: MessageLine | undefined, t: ReturnType<typeof useTexts>): string | null {
  if (result === undefined) return null;
  const values = resultOf(result);
  if (result.is_error || values.error === true) {
    if (values.error_type === "INTERRUPTED") return t.toolInterrupted;
    return str(values.message) || str(values.error) || textOf(result) || t.failed;
  }
  if (values.status === "error") return str(values.message) || t.failed;
  if (typeof values.return_code === "number" && values.return_code !== 0)
    return t.exitCode(values.return_code);
  return null;
}

/** What stands in the closed card beside the name of the tool. */
export function summaryOf(name: string, args: Values, result: MessageLine | undefined): string {
  const values = resultOf(result);
  if (name === "todo_write" || name === "todo_read") return str(values.summary);
  if (name === "sys_delegate_task") return "";
  if (name === "fetch_webpages" && Array.isArray(args.urls)) return args.urls.map(str).join(" ");
  const known =
    args.skill_name ??
    args.workflow_name ??
    args.name ??
    args.command ??
    args.file_path ??
    args.pattern ??
    args.path ??
    args.query ??
    args.code;
  if (known !== undefined) return firstLine(str(known));
  const first = Object.values(args).find((value) => typeof value === "string");
  return firstLine(str(first));
}

const firstLine = (text: string): string => text.trim().split("\n")[0] ?? "";

const LANGUAGES: Record<string, string> = {
  py: "python",
  js: "javascript",
  mjs: "javascript",
  ts: "typescript",
  tsx: "typescript",
  sh: "bash",
  md: "markdown",
  json: "json",
  yml: "yaml",
  yaml: "yaml",
  toml: "ini",
  html: "xml",
  css: "css",
  sql: "sql",
  go: "go",
  rs: "rust",
};

export const languageOfPath = (path: string): string => LANGUAGES[path.split(".").pop() ?? ""] ?? "";
