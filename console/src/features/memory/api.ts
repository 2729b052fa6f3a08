import { get, post, put, remove } from "../../kit/http";

/** Something an agent remembers of one person (product.md 2.4). */
export interface Note {
  id: string;
  content: string;
  source: "user" | "agent";
  session_id?: string;
  created_at: string;
  updated_at: string;
}

export interface NotePage {
  items: Note[];
  total: number;
  page: number;
  page_size: number;
}

export const NOTES_PER_PAGE = 20;
export const LONGEST_NOTE = 2000;

const path = (agentId: string, id?: string) =>
  `/api/agent/${encodeURIComponent(agentId)}/memories${id === undefined ? "" : `/${encodeURIComponent(id)}`}`;

export function listNotes(agentId: string, q: string, page: number): Promise<NotePage> {
  const query = new URLSearchParams({ page: String(page), page_size: String(NOTES_PER_PAGE) });
  if (q !== "") query.set("q", q);
  return get<NotePage>(`${path(agentId)}?${query}`);
}

export const addNote = (agentId: string, content: string) => post<Note>(path(agentId), { content });
export const changeNote = (agentId: string, id: string, content: string) =>
  put<Note>(path(agentId, id), { content });
export const forgetNote = (agentId: string, id: string) => remove<unknown>(path(agentId, id));
export const forgetAll = (agentId: string) => remove<{ deleted: number }>(`${path(agentId)}?confirm=true`);
