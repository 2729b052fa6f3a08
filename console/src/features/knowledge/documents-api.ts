/** Documents of a knowledge base (product.md 5.4, 5.5). */
import { get, post, put, remove } from "../../kit/http";
import { query } from "../../kit/query";
import { uploadForm } from "../../kit/upload";
import { KNOWLEDGE } from "./api";

/** Waits, is being read, is ready, has failed. */
export type DocStatus = 0 | 1 | 2 | 3;
export type Outcome = "ok" | "unsupported" | "encrypted" | "damaged" | "too_large" | "empty";

export interface DocFacts {
  id: string;
  status: DocStatus;
  metadata: Record<string, unknown>;
  outcome: Outcome | null;
  outcome_message: string | null;
  error_kind: "internal" | "storage" | "cancelled" | null;
  progress: number;
  attempts: number;
  size: number;
  passages: number;
  pages: number | null;
  vectors: "complete" | "pending" | "none";
  update_time: string;
}

export interface Doc extends DocFacts {
  doc_name: string;
  create_time: string;
  task_id: string;
}

export interface DocInfo extends DocFacts {
  kdb_id: string;
  type: "file" | "qa" | "eml";
  dataName: string;
  createTime: string;
  taskId: string;
}

export interface DocQuery {
  name: string;
  status: string;
  taskId: string;
  page: number;
}

export interface TaskProgress {
  success: number;
  fail: number;
  inProgress: number;
  waiting: number;
  total: number;
  taskProcess: number;
}

export interface Content {
  doc_id: string;
  kdb_id: string;
  title: string;
  total_chars: number;
  start: number;
  end: number;
  text: string;
  pages: { page: number; start: number; end: number }[];
  headings: { level: number; title: string; start: number }[];
}

const DOCUMENTS = `${KNOWLEDGE}/doc`;
export const DOCUMENTS_PER_PAGE = 20;
const path = (action: string, docId: string) => `${DOCUMENTS}/${action}/${encodeURIComponent(docId)}`;

export const listDocuments = (kdbId: string, { name, status, taskId, page }: DocQuery) =>
  get<{ list: Doc[]; total: number }>(
    `${DOCUMENTS}/list${query({
      kdb_id: kdbId,
      query_name: name,
      query_status: status,
      task_id: taskId,
      page_no: page,
      page_size: DOCUMENTS_PER_PAGE,
    })}`,
  );
/** Null for a document that is gone or that one may not see. */
export const getDocument = (docId: string) => get<DocInfo | null>(path("info", docId));
export const getContent = (docId: string, start: number, end: number) =>
  get<Content>(`${path("content", docId)}${query({ start, end })}`);
export const downloadUrl = (docId: string): string => path("download", docId);
/** Has the browser save the original file; it stays on the page when the server refuses. */
export function fetchOriginal(docId: string): void {
  const link = document.createElement("a");
  link.href = downloadUrl(docId);
  link.download = "";
  link.click();
}

export const deleteDocument = (docId: string) => remove<unknown>(path("delete", docId));
export const redoDocument = (docId: string) => put<{ task_id: string }>(path("redo", docId), {});
export const cancelDocument = (kdbId: string, docId: string) =>
  post<{ cancelled: number }>(`${DOCUMENTS}/cancel`, { kdb_id: kdbId, doc_id: docId });
export const cancelTask = (kdbId: string, taskId: string) =>
  post<{ cancelled: number }>(`${DOCUMENTS}/cancel`, { kdb_id: kdbId, task_id: taskId });
export const redoTask = (kdbId: string, taskId: string) =>
  post<{ task_id: string }>(`${DOCUMENTS}/task_redo`, { kdb_id: kdbId, task_id: taskId });
export const getTask = (kdbId: string, taskId: string) =>
  get<TaskProgress>(`${DOCUMENTS}/task_process${query({ kdb_id: kdbId, task_id: taskId })}`);

export function uploadDocuments(
  kdbId: string,
  files: readonly File[],
  isReplacing: boolean,
  onProgress?: (percent: number) => void,
  signal?: AbortSignal,
): Promise<{ taskId: string }> {
  const form = new FormData();
  form.append("kdb_id", kdbId);
  form.append("override", String(isReplacing));
  for (const file of files) form.append("files", file, file.name);
  return uploadForm(`${DOCUMENTS}/add_by_files`, form, onProgress, signal);
}
