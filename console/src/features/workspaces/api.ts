import { call, remove } from "../../kit/http";

export interface WorkspaceFile {
  name: string;
  /** From the root of the workspace, without a leading slash. */
  path: string;
  size: number;
  modified_time: number;
  is_directory: boolean;
}

export interface FileListing {
  files: WorkspaceFile[];
  truncated?: boolean;
}

/** Whose workspace: that of this person with an agent, or of a conversation where no agent is saved. */
export interface Workspace {
  agentId: string;
  sessionId: string;
  /** It is of a conversation that the server does not know yet, and so takes no files (product.md 4). */
  isMissing?: boolean;
}

function address(
  { agentId, sessionId }: Workspace,
  action: string,
  values: Record<string, string> = {},
): string {
  const query = new URLSearchParams({ ...values, session_id: sessionId });
  return `/api/agent/${encodeURIComponent(agentId)}/file_workspace${action}?${query}`;
}

export const listFiles = (workspace: Workspace) => call<FileListing>(address(workspace, ""), { body: {} });
export const deleteFile = (workspace: Workspace, path: string) =>
  remove<unknown>(address(workspace, "/delete", { file_path: path, missing_ok: "true" }));

/** Where a file can be fetched; a folder comes as a ZIP. */
export const fileUrl = (workspace: Workspace, path: string, isInline = false): string =>
  address(workspace, "/download", { file_path: path, ...(isInline && { inline: "true" }) });

export const uploadUrl = (workspace: Workspace): string => address(workspace, "/upload");
