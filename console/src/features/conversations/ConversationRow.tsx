import { type KeyboardEvent, useState } from "react";
import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import type { Conversation } from "./api";

interface RowProps {
  conversation: Conversation;
  isOpen: boolean;
  isRunning: boolean;
  onRename: (title: string) => Promise<void>;
  onDelete: () => void;
}

export function ConversationRow({ conversation, isOpen, isRunning, onRename, onDelete }: RowProps) {
  const t = useTexts();
  const [isRenaming, setRenaming] = useState(false);
  if (isRenaming) {
    return <RenameField title={conversation.title} onRename={onRename} onDone={() => setRenaming(false)} />;
  }
  return (
    <li className={isOpen ? "history-row open" : "history-row"}>
      <a
        href={hrefOf({ page: "chat", sessionId: conversation.session_id })}
        aria-current={isOpen ? "page" : undefined}
        title={conversation.title}
      >
        <span className="history-title">{conversation.title}</span>
        {conversation.snippet && <small>{conversation.snippet}</small>}
      </a>
      {isRunning && <span className="running-dot" role="img" aria-label={t.running} title={t.running} />}
      <Menu
        label={t.actionsFor(conversation.title)}
        triggerClass="icon-button small row-menu"
        trigger={<Icon name="more" size={16} />}
        entries={[
          { label: t.rename, icon: "edit", onSelect: () => setRenaming(true) },
          { label: t.delete, icon: "trash", isDangerous: true, onSelect: onDelete },
        ]}
      />
    </li>
  );
}

interface RenameProps {
  title: string;
  onRename: (title: string) => Promise<void>;
  onDone: () => void;
}

function RenameField({ title, onRename, onDone }: RenameProps) {
  const t = useTexts();
  const [text, setText] = useState(title);
  const save = () => {
    const wanted = text.trim();
    // A refused name leaves the old one standing in the list.
    if (wanted !== "" && wanted !== title) onRename(wanted).catch(() => {});
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") save();
    if (event.key === "Escape") onDone();
  };
  return (
    <li className="history-row">
      <input
        className="rename"
        // biome-ignore lint/a11y/noAutofocus: the person has just asked to type here
        autoFocus
        aria-label={t.rename}
        maxLength={255}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onFocus={(event) => event.target.select()}
        onKeyDown={onKeyDown}
        onBlur={save}
      />
    </li>
  );
}
