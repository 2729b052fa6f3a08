import { useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { useStore } from "../../kit/store";
import { type DayGroup, dayGroup } from "../../kit/time";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import { activeStore } from "./active-sessions";
import type { Conversation } from "./api";
import { ConversationRow } from "./ConversationRow";
import type { ConversationHistory } from "./conversation-store";

interface ListProps {
  history: ConversationHistory;
  openId: string | null;
}

const SEARCH_PAUSE_MS = 250;

export function ConversationList({ history, openId }: ListProps) {
  const t = useTexts();
  const state = useStore(history.state);
  const active = useStore(activeStore);
  const [doomed, setDoomed] = useState<Conversation | null>(null);
  const remove = async (conversation: Conversation) => {
    await history.remove(conversation.session_id);
    if (conversation.session_id === openId) goTo({ page: "chat", sessionId: null });
  };
  return (
    <nav className="history" aria-label={t.history}>
      <SearchField history={history} />
      <div className="history-scroll">
        {state.error !== null && <Notice kind="error">{errorText(state.error)}</Notice>}
        {state.items === null && state.error === null && <Spinner />}
        {state.items?.length === 0 && (
          <p className="history-empty muted">{state.search ? t.nothingFound : t.noHistory}</p>
        )}
        {groups(state.items ?? []).map(([group, items]) => (
          <section key={group} aria-label={groupTitle(t, group)}>
            <h2>{groupTitle(t, group)}</h2>
            <ul>
              {items.map((item) => (
                <ConversationRow
                  key={item.session_id}
                  conversation={item}
                  isOpen={item.session_id === openId}
                  isRunning={active.has(item.session_id)}
                  onRename={(title) => history.rename(item.session_id, title)}
                  onDelete={() => setDoomed(item)}
                />
              ))}
            </ul>
          </section>
        ))}
        {state.hasNext && (
          <button type="button" className="button quiet wide" onClick={() => history.loadMore()}>
            {t.showMore}
          </button>
        )}
      </div>
      {doomed !== null && (
        <ActionDialog
          title={t.deleteChatTitle}
          action={t.delete}
          isDangerous
          onAction={() => remove(doomed)}
          onClose={() => setDoomed(null)}
        >
          <p>{t.deleteChatText(doomed.title)}</p>
        </ActionDialog>
      )}
    </nav>
  );
}

function SearchField({ history }: { history: ConversationHistory }) {
  const t = useTexts();
  const [text, setText] = useState("");
  useEffect(() => {
    if (text === history.state.get().search) return;
    const timer = setTimeout(() => history.search(text), SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, history]);
  return (
    <div className="search">
      <Icon name="search" size={16} />
      <input
        type="search"
        value={text}
        placeholder={t.searchHistory}
        aria-label={t.searchHistory}
        onChange={(event) => setText(event.target.value)}
      />
    </div>
  );
}

function groups(items: Conversation[]): [DayGroup, Conversation[]][] {
  const now = new Date();
  const found = new Map<DayGroup, Conversation[]>();
  for (const item of items) {
    const group = dayGroup(item.updated_at, now);
    found.set(group, [...(found.get(group) ?? []), item]);
  }
  return [...found];
}

function groupTitle(t: ReturnType<typeof useTexts>, group: DayGroup): string {
  return { today: t.today, yesterday: t.yesterday, week: t.lastWeek, earlier: t.earlier }[group];
}
