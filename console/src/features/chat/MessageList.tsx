import { useCallback, useMemo } from "react";
import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { CopyButton } from "../../ui/CopyButton";
import { IconAction } from "../../ui/Rows";
import type { Phase } from "./chat-session";
import { Items } from "./Items";
import type { Transcript } from "./transcript";
import { UserMessage } from "./UserMessage";
import { answerText, type Item, openChildItems, suggestionsOf, type Turn, toTurns } from "./view-items";
import type { Decision, TokenTotals } from "./wire";

export interface ChatActions {
  onRegenerate: () => void;
  onEdit: (text: string) => Promise<void>;
  onDecided: (approvalId: string, decision: Decision) => void;
}

interface ListProps {
  transcript: Transcript;
  phase: Phase;
  onSuggestion: (text: string) => void;
  /** Absent where the conversation is only looked at. */
  actions?: ChatActions;
}

export const LIVE_PHASES: Phase[] = ["sending", "streaming", "reconnecting", "stopping"];

export function MessageList({ transcript, phase, onSuggestion, actions }: ListProps) {
  const t = useTexts();
  const turns = useMemo(() => toTurns(transcript), [transcript]);
  const isLive = LIVE_PHASES.includes(phase);
  const onEdit = useCallback(async (text: string) => actions?.onEdit(text), [actions]);
  return (
    <div className="messages" role="log" aria-label={t.messages} aria-live="polite" aria-busy={isLive}>
      {turns.map((turn, index) => {
        const isLast = index === turns.length - 1;
        const isAtRest = isLast && !isLive;
        return (
          <TurnView
            key={turn.user?.message_id ?? "start"}
            turn={turn}
            transcript={transcript}
            isLive={isLive && isLast}
            phase={phase}
            usage={isLast ? transcript.usage : null}
            isStopped={isAtRest && isStopped(transcript, turn)}
            onSuggestion={isAtRest ? onSuggestion : null}
            onRegenerate={isAtRest && turn.user !== null ? actions?.onRegenerate : undefined}
            onEdit={isAtRest && actions ? onEdit : undefined}
            onDecided={actions?.onDecided}
          />
        );
      })}
    </div>
  );
}

interface TurnProps {
  turn: Turn;
  transcript: Transcript;
  isLive: boolean;
  phase: Phase;
  usage: TokenTotals | null;
  isStopped: boolean;
  onSuggestion: ((text: string) => void) | null;
  onRegenerate?: () => void;
  onEdit?: (text: string) => Promise<void>;
  onDecided?: (approvalId: string, decision: Decision) => void;
}

function TurnView(props: TurnProps) {
  const { turn, transcript, isLive, phase, isStopped, onSuggestion, onDecided } = props;
  const t = useTexts();
  const shown = turn.items.filter((item) => item.kind !== "suggestions");
  const { decisions } = transcript;
  return (
    <article className="turn">
      {turn.user !== null && <UserMessage message={turn.user} onEdit={props.onEdit} />}
      <Items
        items={shown}
        isLive={isLive}
        decisions={decisions}
        onDecided={onDecided}
        onReply={onSuggestion}
      />
      {isLive && <ChildQuestions transcript={transcript} onDecided={onDecided} />}
      {isLive && <Activity phase={phase} last={shown.at(-1)} />}
      {isStopped && <p className="stopped">{t.stopped}</p>}
      {!isLive && <TurnFoot turn={turn} usage={props.usage} onRegenerate={props.onRegenerate} />}
      {onSuggestion !== null && <Suggestions turn={turn} onChoose={onSuggestion} />}
    </article>
  );
}

/** What helpers want to know stands in the conversation itself: the whole run waits for it. */
function ChildQuestions({ transcript, onDecided }: Pick<TurnProps, "transcript" | "onDecided">) {
  const r = useRuntimeTexts();
  const items = openChildItems(transcript);
  if (items.length === 0) return null;
  return (
    <section className="child-questions" aria-label={r.waitingForYou}>
      {items.map((item) => (
        <div key={item.call?.id ?? item.message.message_id}>
          <p className="hint">{item.message.agent_name}</p>
          <Items items={[item]} isLive decisions={transcript.decisions} onDecided={onDecided} />
        </div>
      ))}
    </section>
  );
}

function TurnFoot({ turn, usage, onRegenerate }: Pick<TurnProps, "turn" | "usage" | "onRegenerate">) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const copied = answerText(turn);
  if (copied === "" && onRegenerate === undefined) return null;
  return (
    <footer className="turn-foot">
      {copied !== "" && <CopyButton text={copied} label={t.copyAnswer} />}
      {onRegenerate && <IconAction icon="turn" size="small" label={r.regenerate} onClick={onRegenerate} />}
      {usage?.total_tokens !== undefined && (
        <span className="usage" title={usageDetail(t, usage)}>
          {t.tokens(usage.total_tokens)}
        </span>
      )}
    </footer>
  );
}

/** Shows that something goes on when nothing else on the page moves. */
function Activity({ phase, last }: { phase: Phase; last: Item | undefined }) {
  const t = useTexts();
  if (phase === "reconnecting") return <p className="activity shimmer">{t.reconnecting}</p>;
  if (phase === "stopping") return <p className="activity shimmer">{t.stopping}</p>;
  const isQuiet = last === undefined || (last.call !== undefined && last.result !== undefined);
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

function isStopped(transcript: Transcript, turn: Turn): boolean {
  const wasCut = turn.items.some((item) => item.message.metadata?.interrupted === true);
  return wasCut || transcript.end?.status === "interrupted";
}

function usageDetail(t: ReturnType<typeof useTexts>, usage: TokenTotals): string {
  return t.tokenDetail(usage.prompt_tokens ?? 0, usage.completion_tokens ?? 0);
}
