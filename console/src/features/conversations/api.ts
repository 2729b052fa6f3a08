import { get, post, remove } from "../../kit/http";

export interface Conversation {
  session_id: string;
  title: string;
  agent_id: string | null;
  agent_name: string | null;
  updated_at: string;
  status?: "idle" | "queued" | "running" | "waiting";
  snippet?: string;
}

export interface ConversationPage {
  list: Conversation[];
  total: number;
  page: number;
  has_next: boolean;
}

export const PAGE_SIZE = 30;
const path = (id: string) => `/api/conversations/${encodeURIComponent(id)}`;

export function listConversations(
  page: number,
  search: string,
  userId: string,
  signal?: AbortSignal,
): Promise<ConversationPage> {
  // Administrators would get everybody's rows; the side bar is about the own ones.
  const query = new URLSearchParams({ page: String(page), page_size: String(PAGE_SIZE), user_id: userId });
  if (search.trim() !== "") query.set("search", search.trim());
  return get<ConversationPage>(`/api/conversations?${query}`, signal);
}

export const renameConversation = (id: string, title: string) =>
  post<{ title: string }>(`${path(id)}/title`, { title });
export const deleteConversation = (id: string) => remove<unknown>(path(id));
