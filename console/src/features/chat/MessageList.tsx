import { memo, useCallback, useMemo } from "react";
import { useTexts } from "../../kit/i18n";
import { CopyButton } from "../../ui/CopyButton";
import { ChildrenContext } from "./ChildRuns";
import type { Phase } from "./chat-session";
import { MessageItem } from "./MessageItem";
import { type Transcript, textOf } from "./transcript";
import { answerText, type Item, suggestionsOf, type Turn, toTurns } from "./view-items";
import type { MessageLine, TokenTotals } from "./wire";

interface ListProps {
  transcript: Transcript;
  phase: Phase;
  onSuggestion: (text: string) => void;
}

const LIVE_PHASES: Phase[] = ["sending", "streaming", "reconnecting", "stopping"];

export function MessageList({ transcript, phase, onSuggestion }: ListProps) {
  const t = useTexts();
  const turns = useMemo(() => toTurns(transcript), [transcript]);
  const isLive = LIVE_PHASES.includes(phase);
  const renderChild = useCallback(
    (sessionId: string) => <ChildTranscript transcript={transcript} sessionId={sessionId} isLive={isLive} />,
    [transcript, isLive],
  );
  return (
    <ChildrenContext.Provider value={renderChild}>
      <div className="messages" role="log" aria-label={t.messages} aria-live="polite" aria-busy={isLive}>
        {turns.map((turn, index) => {
          const isLast = index === turns.length - 1;
          return (
            <TurnView
              key={turn.user?.message_id ?? "start"}
              turn={turn}
              isLive={isLive && isLast}
              phase={phase}
              usage={isLast ? transcript.usage : null}
              isStopped={isLast && !isLive && isStopped(transcript, turn)}
              onSuggestion={isLast && !isLive ? onSuggestion : null}
            />
          );
        })}
      </div>
    </ChildrenContext.Provider>
  );
}

interface TurnProps {
  turn: Turn;
  isLive: boolean;
  phase: Phase;
  usage: TokenTotals | null;
  isStopped: boolean;
  onSuggestion: ((text: string) => void) | null;
}

function TurnView({ turn, isLive, phase, usage, isStopped, onSuggestion }: TurnProps) {
  const t = useTexts();
  const shown = turn.items.filter((item) => item.kind !== "suggestions");
  const copied = answerText(turn);
  return (
    <article className="turn">
      {turn.user !== null && <UserMessage message={turn.user} />}
      <Items items={shown} isLive={isLive} />
      {isLive && <Activity phase={phase} last={shown.at(-1)} />}
      {isStopped && <p className="stopped">{t.stopped}</p>}
      {!isLive && copied !== "" && (
        <footer className="turn-foot">
          <CopyButton text={copied} label={t.copyAnswer} />
          {usage?.total_tokens !== undefined && (
            <span className="usage" title={usageDetail(t, usage)}>
              {t.tokens(usage.total_tokens)}
            </span>
          )}
        </footer>
      )}
      {onSuggestion !== null && <Suggestions turn={turn} onChoose={onSuggestion} />}
    </article>
  );
}

function Items({ items, isLive }: { items: Item[]; isLive: boolean }) {
  const newestPlan = items.findLast((item) => item.call?.function.name === "todo_write");
  return items.map((item, index) => (
    <MessageItem
      key={item.call?.id ?? item.message.message_id}
      item={item}
      isLive={isLive}
      isNewestPlan={item === newestPlan}
      isGrowing={isLive && index === items.length - 1}
    />
  ));
}

const UserMessage = memo(function UserMessage({ message }: { message: MessageLine }) {
  const t = useTexts();
  const text = textOf(message);
  return (
    <div className="user-row">
      <div className="user-message">
        <span className="visually-hidden">{t.youSaid}</span>
        {text}
      </div>
      <CopyButton text={text} label={t.copyMessage} />
    </div>
  );
});

/** Shows that something goes on when nothing else on the page moves. */
function Activity({ phase, last }: { phase: Phase; last: Item | undefined }) {
  const t = useTexts();
  if (phase === "reconnecting") return <p className="activity shimmer">{t.reconnecting}</p>;
  if (phase === "stopping") return <p className="activity shimmer">{t.stopping}</p>;
  const isQuiet = last === undefined || (last.kind === "tool" && last.result !== undefined);
  if (!isQuiet) return null;
  return (
    <p className="activity">
      <span className="dots" role="img" aria-label={t.working}>
        <i />
        <i />
        <i />
      </span>
    </p>
  );
}

function Suggestions({ turn, onChoose }: { turn: Turn; onChoose: (text: string) => void }) {
  const t = useTexts();
  const item = turn.items.findLast((candidate) => candidate.kind === "suggestions");
  if (item === undefined) return null;
  return (
    <ul className="suggestions" aria-label={t.suggestions}>
      {suggestionsOf(item.message).map((text) => (
        <li key={text}>
          <button type="button" onClick={() => onChoose(text)}>
            {text}
          </button>
        </li>
      ))}
    </ul>
  );
}

interface ChildProps {
  transcript: Transcript;
  sessionId: string;
  isLive: boolean;
}

function ChildTranscript({ transcript, sessionId, isLive }: ChildProps) {
  const turns = toTurns(transcript, sessionId);
  return (
    <div className="child-transcript">
      {turns.map((turn) => (
        <div key={turn.user?.message_id ?? "start"}>
          {turn.user !== null && <p className="muted">{textOf(turn.user)}</p>}
          <Items items={turn.items} isLive={isLive} />
        </div>
      ))}
    </div>
  );
}

function isStopped(transcript: Transcript, turn: Turn): boolean {
  const wasCut = turn.items.some((item) => item.message.metadata?.interrupted === true);
  return wasCut || transcript.end?.status === "interrupted";
}

function usageDetail(t: ReturnType<typeof useTexts>, usage: TokenTotals): string {
  return t.tokenDetail(usage.prompt_tokens ?? 0, usage.completion_tokens ?? 0);
}
