import { get } from "../../kit/http";
import { currentLocale } from "../../kit/i18n";

/** A tool as the server lists it (product.md 6.1). */
export interface Tool {
  name: string;
  description: string;
  type: "basic" | "sage_mcp" | "mcp";
  source: string;
  /** Of the owner of its server; empty for what is built in. */
  user_id?: string;
  server_name?: string | null;
  available: boolean;
  unavailable_reason?: string | null;
}

export const listTools = async (): Promise<Tool[]> =>
  (await get<{ tools: Tool[] }>(`/api/tools?language=${currentLocale()}`)).tools;
