import { useState } from "react";
import { errorText } from "../../kit/errors";
import { clockText, momentOf, useDeadline } from "../../kit/use-deadline";
import { type RuntimeTexts, useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { toolTitle } from "../agents/tools";
import { decide } from "./api";
import type { ApprovalLine, Decision } from "./wire";

interface ApprovalCardProps {
  line: ApprovalLine;
  decision: Decision | undefined;
  isLive: boolean;
  onDecided: (approvalId: string, decision: Decision) => void;
}

/** A call that runs only with the person's consent (S9.13). Nothing is chosen beforehand, and no key consents by itself. */
export function ApprovalCard({ line, decision, isLive, onDecided }: ApprovalCardProps) {
  const r = useRuntimeTexts();
  const words = { approve: r.approved, deny: r.denied, expired: r.approvalExpired };
  const state = decision ?? (isLive ? null : "expired");
  return (
    <article
      className={`ask approval ${state ?? "open"}`}
      aria-label={r.approvalNeeded}
      data-decision={state ?? "open"}
    >
      <h2>
        <Icon name="shield" size={17} />
        {r.approvalNeeded}
        {state !== null && (
          <span className={state === "approve" ? "badge" : "badge bad"}>{words[state]}</span>
        )}
      </h2>
      <p className="muted">
        {toolTitle(r, line.tool_name ?? "")}
        {line.category && ` · ${categoryText(r, line.category)}`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre className="approval-command" tabIndex={0}>
        {line.command}
      </pre>
      {line.reason && <p>{line.reason}</p>}
      {state === null && line.hint && <p className="hint">{line.hint}</p>}
      {state === null && <DecisionButtons line={line} onDecided={onDecided} />}
    </article>
  );
}

function categoryText(r: RuntimeTexts, category: string): string {
  const known: unknown = (r as Record<string, unknown>)[`category_${category}`];
  return typeof known === "string" ? known : category;
}

function DecisionButtons({ line, onDecided }: Pick<ApprovalCardProps, "line" | "onDecided">) {
  const r = useRuntimeTexts();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const left = useDeadline(momentOf(line.expires_at), () => onDecided(line.approval_id, "expired"));
  const answer = async (decision: "approve" | "deny") => {
    setBusy(true);
    setError(null);
    try {
      const { status } = await decide(line, decision);
      onDecided(line.approval_id, status === "denied" ? "deny" : "approve");
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <>
      {error !== null && <Notice kind="warning">{errorText(error)}</Notice>}
      <div className="ask-foot">
        {left !== null && (
          <span className="countdown" role="timer" aria-label={r.timeLeft}>
            <Icon name="log" size={15} />
            {clockText(left)}
          </span>
        )}
        <button type="button" className="button small" disabled={isBusy} onClick={() => answer("deny")}>
          {r.deny}
        </button>
        <button
          type="button"
          className="button primary small"
          disabled={isBusy}
          onClick={() => answer("approve")}
        >
          {r.approve}
        </button>
      </div>
    </>
  );
}
