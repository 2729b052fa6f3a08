import { useContext, useState } from "react";
import { errorText } from "../../kit/errors";
import { useRuntimeTexts } from "../../texts/runtime";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { SidePanel } from "../../ui/SidePanel";
import { interruptRun } from "./api";
import { ChildrenContext } from "./ChildRuns";
import { Items } from "./Items";
import { Markdown } from "./Markdown";
import { type Transcript, textOf } from "./transcript";
import { toTurns } from "./view-items";
import type { Decision } from "./wire";

interface ChildPanelProps {
  transcript: Transcript;
  sessionId: string;
  title: string;
  onDecided: (approvalId: string, decision: Decision) => void;
  onClose: () => void;
}

/** What another agent does for this conversation, while it does it. */
export function ChildPanel({ transcript, sessionId, title, onDecided, onClose }: ChildPanelProps) {
  const r = useRuntimeTexts();
  const child = useContext(ChildrenContext)?.find(sessionId);
  const turns = toTurns(transcript, sessionId);
  const isLive = child?.state === "running";
  const [error, setError] = useState<unknown>(null);
  const stop = () => interruptRun(sessionId).catch(setError);
  return (
    <SidePanel
      title={r.childPanel(title)}
      onClose={onClose}
      actions={isLive && <IconAction icon="stop" label={r.childStop} onClick={stop} />}
    >
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {turns.length === 0 && <p className="muted">{r.childNothing}</p>}
      <div className="child-transcript" role="log" aria-label={title} aria-busy={isLive}>
        {turns.map((turn) => (
          <div className="turn" key={turn.user?.message_id ?? "start"}>
            {turn.user !== null && (
              <div className="child-task">
                <Markdown text={textOf(turn.user)} />
              </div>
            )}
            <Items
              items={turn.items}
              isLive={isLive}
              decisions={transcript.decisions}
              onDecided={onDecided}
            />
          </div>
        ))}
      </div>
    </SidePanel>
  );
}
