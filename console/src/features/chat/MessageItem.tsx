import { memo, useContext } from "react";
import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { ApprovalCard } from "./ApprovalCard";
import { CitationsContext, type Sources, SourcesContext } from "./citations";
import { splitQuestions, type WithQuestions, withoutUnfinished } from "./inline-questions";
import { Markdown } from "./Markdown";
import { InlineQuestions, QuestionCard } from "./QuestionCard";
import { ToolCard } from "./ToolCard";
import { textOf } from "./transcript";
import { type Item, isFailedCheck, isSuperseded } from "./view-items";
import { type Decision, isApproval, type MessageLine } from "./wire";

interface ItemProps {
  item: Item;
  /** The newest item of a run that is going on. */
  isGrowing: boolean;
  isLive: boolean;
  isNewestPlan?: boolean;
  decisions?: Readonly<Record<string, Decision>>;
  onDecided?: (approvalId: string, decision: Decision) => void;
  /** Sends the answers to a question as the next message; null where it is too late for that. */
  onReply?: ((text: string) => void) | null;
}

export function MessageItem(props: ItemProps) {
  const { item, isGrowing, isLive, isNewestPlan = false, decisions = {} } = props;
  const { message, kind } = item;
  if (kind === "question" && item.call)
    return (
      <QuestionCard
        message={message}
        call={item.call}
        result={item.result}
        isLive={isLive}
        onReply={props.onReply ?? null}
      />
    );
  if (isApproval(message))
    return (
      <ApprovalCard
        line={message}
        decision={decisions[message.approval_id]}
        isLive={isLive}
        onDecided={props.onDecided ?? (() => {})}
      />
    );
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
  const parts = isGrowing ? null : splitQuestions(textOf(message), message.message_id);
  if (parts !== null) return <Asking message={message} parts={parts} onReply={props.onReply ?? null} />;
  return <Cited message={message} isGrowing={isGrowing} />;
}

const NO_SOURCES: Sources = new Map();

/** An answer with the passages it cites, where they are known. */
function Cited({ message, isGrowing }: { message: MessageLine; isGrowing: boolean }) {
  const sources = useContext(CitationsContext).get(message.message_id) ?? NO_SOURCES;
  return (
    <SourcesContext.Provider value={sources}>
      <Answer message={message} isGrowing={isGrowing} />
    </SourcesContext.Provider>
  );
}

const Answer = memo(function Answer({ message, isGrowing }: { message: MessageLine; isGrowing: boolean }) {
  const text = textOf(message);
  return (
    <div className="answer" data-message={message.message_id}>
      <Markdown text={isGrowing ? withoutUnfinished(text) : text} isGrowing={isGrowing} />
    </div>
  );
});

interface AskingProps {
  message: MessageLine;
  parts: WithQuestions;
  onReply: ((text: string) => void) | null;
}

function Asking({ message, parts, onReply }: AskingProps) {
  return (
    <div className="answer" data-message={message.message_id}>
      {parts.before !== "" && <Markdown text={parts.before} />}
      <InlineQuestions questionnaire={parts.questionnaire} onReply={onReply} />
      {parts.after !== "" && <Markdown text={parts.after} />}
    </div>
  );
}

const Thought = memo(function Thought({ message, isGrowing }: { message: MessageLine; isGrowing: boolean }) {
  const t = useTexts();
  const r = useRuntimeTexts();
  if (isSuperseded(message)) return null;
  const labels: Record<string, string> = {
    reasoning_content: t.thoughts,
    planning: r.planned,
    observation: r.observed,
  };
  const label = labels[message.type] ?? t.analysis;
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
    // A line of this type tells of a trouble that the run has got over.
    <Notice kind={message.type === "error" ? "warning" : "error"}>
      {message.type === "final_answer" && <strong>{t.runFailed}</strong>}
      <p>{message.error_info?.message || textOf(message)}</p>
    </Notice>
  );
}

const noticeKind = (message: MessageLine) => (isFailedCheck(message) ? "warning" : "info");
