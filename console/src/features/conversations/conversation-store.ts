/** The pages of the history that are loaded, for one search text. */
import { Store } from "../../kit/store";
import { type Conversation, deleteConversation, listConversations, renameConversation } from "./api";

export interface HistoryState {
  items: Conversation[] | null;
  search: string;
  page: number;
  hasNext: boolean;
  error: unknown;
}

const EMPTY: HistoryState = { items: null, search: "", page: 0, hasNext: false, error: null };

export class ConversationHistory {
  readonly state = new Store<HistoryState>(EMPTY);
  private loading: AbortController | null = null;

  constructor(private readonly userId: string) {}

  search(text: string): Promise<void> {
    this.change({ search: text });
    return this.refresh();
  }

  /** Loads the pages shown so far again. */
  async refresh(): Promise<void> {
    const wanted = Math.max(1, this.state.get().page);
    await this.load(async (signal, search) => {
      const items: Conversation[] = [];
      let hasNext = true;
      let page = 0;
      while (hasNext && page < wanted) {
        page += 1;
        const answer = await listConversations(page, search, this.userId, signal);
        items.push(...answer.list);
        hasNext = answer.has_next;
      }
      return { items: withoutDoubles(items), page, hasNext };
    });
  }

  async loadMore(): Promise<void> {
    const { page, items } = this.state.get();
    await this.load(async (signal, search) => {
      const answer = await listConversations(page + 1, search, this.userId, signal);
      return {
        items: withoutDoubles([...(items ?? []), ...answer.list]),
        page: page + 1,
        hasNext: answer.has_next,
      };
    });
  }

  async rename(id: string, title: string): Promise<void> {
    const answer = await renameConversation(id, title);
    const items = this.state.get().items ?? [];
    this.change({
      items: items.map((item) => (item.session_id === id ? { ...item, title: answer.title } : item)),
    });
  }

  async remove(id: string): Promise<void> {
    await deleteConversation(id);
    this.change({ items: (this.state.get().items ?? []).filter((item) => item.session_id !== id) });
  }

  private async load(
    read: (signal: AbortSignal, search: string) => Promise<Partial<HistoryState>>,
  ): Promise<void> {
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    try {
      const part = await read(loading.signal, this.state.get().search);
      if (!loading.signal.aborted) this.change({ ...part, error: null });
    } catch (error) {
      if (!loading.signal.aborted) this.change({ error });
    }
  }

  private change(part: Partial<HistoryState>): void {
    this.state.update((state) => ({ ...state, ...part }));
  }
}

/** Rows move between pages while runs start and end. */
function withoutDoubles(items: Conversation[]): Conversation[] {
  return [...new Map(items.map((item) => [item.session_id, item])).values()];
}
