/** Knowledge bases, who may use them, and what they find (product.md 5.2, 5.3, 5.6). */
import { get, post, remove } from "../../kit/http";
import { query } from "../../kit/query";

export type Access = "owner" | "admin" | "write" | "read";
export type Mode = "hybrid" | "lexical" | "vector";

/** A base of a list. */
export interface Base {
  id: string;
  name: string;
  intro: string | null;
  createTime: string;
  type: string;
  docNum: number;
  access: Access;
}

export interface Embedding {
  mode: "server" | "embedded" | "none" | "provider";
  provider_id?: string;
  model?: string | null;
  dims?: number | null;
}

export interface Reranker {
  mode: "server" | "none" | "provider";
  provider_id?: string;
  model?: string | null;
}

/** What is not named here is kept as it came. */
export interface BaseSetting {
  kdbAttach?: { language?: string; [key: string]: unknown };
  embedding?: Embedding;
  reranker?: Reranker;
  chunk?: { target_chars?: number; overlap_chars?: number };
  retrieval?: { top_k?: number; mode?: Mode; min_score?: number };
}

export interface IndexState {
  version: number;
  state: "ready" | "building";
  progress: number;
  embedding: { mode: string; model?: string | null; dims?: number | null } | null;
  reranker: { mode: string; model?: string | null } | null;
  vectors: "complete" | "partial" | "none";
  error?: { kind: string; message: string } | null;
  /** The test questions find less than with the version before; both are shares. */
  warning?: { kind: string; recall: number; previous: number } | null;
}

export interface Counts {
  pending: number;
  processing: number;
  success: number;
  failed: number;
}

export interface BaseInfo {
  kdbId: string;
  name: string;
  intro: string | null;
  type: string;
  createdAt: number;
  updatedAt: number;
  kdbSetting: BaseSetting;
  user_id: string;
  docNum: number;
  access: Access;
  counts: Counts;
  size_bytes: number;
  passages: number;
  index: IndexState;
}

export interface BaseDraft {
  name: string;
  type?: string;
  intro: string;
  language?: string;
  kdb_setting?: BaseSetting;
}

export interface Grant {
  kind: "user" | "group";
  id: string;
  name?: string;
  permission: "read" | "write";
}

export const KNOWLEDGE = "/api/knowledge-base";
export const BASES_PER_PAGE = 20;

export const listBases = (queryName: string, type: string, page: number, pageSize = BASES_PER_PAGE) =>
  get<{ list: Base[]; total: number }>(
    `${KNOWLEDGE}/list${query({ query_name: queryName, type, page, page_size: pageSize })}`,
  );
/** As many as one answer holds, for lists to choose from. */
export const allBases = async (): Promise<Base[]> => (await listBases("", "", 1, 1000)).list;
export const getBase = (kdbId: string) => get<BaseInfo>(`${KNOWLEDGE}/info${query({ kdb_id: kdbId })}`);
export const addBase = (draft: BaseDraft) => post<{ kdb_id: string }>(`${KNOWLEDGE}/add`, draft);
export const updateBase = (kdbId: string, draft: Partial<BaseDraft>) =>
  post<{ reindex_task_id?: string | null }>(`${KNOWLEDGE}/update`, { kdb_id: kdbId, ...draft });
export const deleteBase = (kdbId: string) =>
  remove<unknown>(`${KNOWLEDGE}/delete/${encodeURIComponent(kdbId)}`);
export const clearBase = (kdbId: string) => post<unknown>(`${KNOWLEDGE}/clear`, { kdb_id: kdbId });
export const redoBase = (kdbId: string) =>
  post<{ task_id: string }>(`${KNOWLEDGE}/redo_all`, { kdb_id: kdbId });

export const getGrants = async (kdbId: string): Promise<Grant[]> =>
  (await get<{ grants: Grant[] }>(`${KNOWLEDGE}/auth${query({ kdb_id: kdbId })}`)).grants;
export const setGrants = (kdbId: string, grants: Grant[]) =>
  post<unknown>(`${KNOWLEDGE}/auth`, {
    kdb_id: kdbId,
    grants: grants.map(({ kind, id, permission }) => ({ kind, id, permission })),
  });

export interface Question {
  kdb_id?: string;
  kdb_ids?: string[];
  query: string;
  top_k: number;
  mode: Mode;
  filters?: { doc_names?: string[]; types?: string[]; created_after?: string };
  rerank?: boolean;
  min_score?: number;
  highlight: true;
  explain: true;
  merge?: boolean;
  neighbours?: number;
}

export interface Scores {
  lexical: number | null;
  lexical_rank: number | null;
  vector: number | null;
  vector_rank: number | null;
  fused: number | null;
  rerank: number | null;
}

export interface Hit {
  doc_id: string;
  doc_segment_id: string;
  doc_content: string;
  score: number;
  start: number;
  end: number;
  title: string;
  path: string;
  metadata: Record<string, unknown>;
  kdb_id?: string;
  page?: number | null;
  heading_path?: string[] | null;
  part?: string | null;
  highlights?: [number, number][];
  scores?: Scores;
}

export interface Found {
  results: Hit[];
  total: number;
  mode: Mode;
  warnings: string[];
  took_ms: number;
}

export const retrieve = (question: Question) => post<Found>(`${KNOWLEDGE}/retrieve`, question);
