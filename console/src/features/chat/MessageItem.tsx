import { memo } from "react";
import { useTexts } from "../../kit/i18n";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Markdown } from "./Markdown";
import { ToolCard } from "./ToolCard";
import { textOf } from "./transcript";
import { type Item, isSuperseded } from "./view-items";
import type { MessageLine } from "./wire";

interface ItemProps {
  item: Item;
  /** The newest item of a run that is going on. */
  isGrowing: boolean;
  isLive: boolean;
  isNewestPlan?: boolean;
}

export function MessageItem({ item, isGrowing, isLive, isNewestPlan = false }: ItemProps) {
  const { message, kind } = item;
  if (kind === "tool" && item.call) {
    return (
      <ToolCard
        call={item.call}
        result={item.result}
        progress={item.progress}
        isLive={isLive}
        isNewestPlan={isNewestPlan}
      />
    );
  }
  if (kind === "thought") return <Thought message={message} isGrowing={isGrowing} />;
  if (kind === "failure") return <Failure message={message} />;
  if (kind === "notice") return <Notice kind={noticeKind(message)}>{textOf(message)}</Notice>;
  if (isSuperseded(message)) return <Superseded message={message} />;
  return <Answer message={message} isGrowing={isGrowing} />;
}

const Answer = memo(function Answer({ message, isGrowing }: { message: MessageLine; isGrowing: boolean }) {
  return (
    <div className="answer" data-message={message.message_id}>
      <Markdown text={textOf(message)} isGrowing={isGrowing} />
    </div>
  );
});

const Thought = memo(function Thought({ message, isGrowing }: { message: MessageLine; isGrowing: boolean }) {
  const t = useTexts();
  if (isSuperseded(message)) return null;
  const label = message.type === "reasoning_content" ? t.thoughts : t.analysis;
  return (
    <details className="thought">
      <summary>
        <Icon name="thought" size={16} />
        <span className={isGrowing ? "shimmer" : ""}>{isGrowing ? t.thinking : label}</span>
        <Icon name="right" size={14} />
      </summary>
      <div className="thought-text">{textOf(message)}</div>
    </details>
  );
});

/** An attempt that broke off and was begun again below. */
function Superseded({ message }: { message: MessageLine }) {
  const t = useTexts();
  return (
    <details className="superseded">
      <summary>{t.superseded}</summary>
      <del>{textOf(message)}</del>
    </details>
  );
}

function Failure({ message }: { message: MessageLine }) {
  const t = useTexts();
  return (
    <Notice kind="error">
      {message.type === "final_answer" && <strong>{t.runFailed}</strong>}
      <p>{message.error_info?.message || textOf(message)}</p>
    </Notice>
  );
}

const noticeKind = (message: MessageLine) => (message.type === "observation" ? "warning" : "info");
