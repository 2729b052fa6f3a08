import { createContext, useContext } from "react";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { Spinner } from "../../ui/Spinner";
import { isObject, str, type Values } from "./tool-facts";
import { type Transcript, textOf } from "./transcript";
import type { MessageLine } from "./wire";

export interface ChildRun {
  sessionId: string;
  agentName: string;
  state: "waiting" | "running" | "done";
  /** The newest words of it, to see that something goes on. */
  lastText: string;
}

interface Children {
  find: (sessionId: string) => ChildRun;
  open: (sessionId: string, title: string) => void;
}

/** The work of other agents, as the page knows it; given by the message list. */
export const ChildrenContext = createContext<Children | null>(null);

/** What is known of a child conversation. `isLive` says whether the run that started it goes on. */
export function findChild(transcript: Transcript, sessionId: string, isLive: boolean): ChildRun {
  const messages = transcript.messages.filter((message) => message.session_id === sessionId);
  const isEnded = transcript.endedChildren.has(sessionId) || !isLive;
  return {
    sessionId,
    agentName: messages.find((message) => message.agent_name)?.agent_name ?? "",
    state: messages.length === 0 ? (isLive ? "waiting" : "done") : isEnded ? "done" : "running",
    lastText: lastLine(messages),
  };
}

function lastLine(messages: MessageLine[]): string {
  const spoken = messages.findLast((message) => message.role === "assistant" && textOf(message) !== "");
  return spoken === undefined ? "" : (textOf(spoken).trim().split("\n").at(-1) ?? "");
}

/** One row for each task of a delegation, with the way to what its agent does. */
export function ChildRows({ args, isAnswered }: { args: Values; isAnswered: boolean }) {
  const r = useRuntimeTexts();
  const children = useContext(ChildrenContext);
  const tasks = Array.isArray(args.tasks) ? args.tasks.filter(isObject) : [];
  if (children === null || tasks.length === 0) return null;
  const words = { waiting: r.childWaiting, running: r.childRunning, done: r.childDone };
  return (
    <ul className="child-rows">
      {tasks.map((task) => {
        const id = str(task.session_id);
        const child = children.find(id);
        const state = isAnswered ? "done" : child.state;
        const title = str(task.task_name) || child.agentName || str(task.agent_id);
        return (
          <li key={id} data-child={id} data-state={state}>
            <button
              type="button"
              aria-label={r.childOpenNamed(title)}
              onClick={() => children.open(id, title)}
            >
              {state === "running" ? (
                <Spinner label={words[state]} />
              ) : (
                <span className="tool-mark" role="img" aria-label={words[state]} title={words[state]}>
                  <Icon name={state === "done" ? "check" : "more"} size={15} />
                </span>
              )}
              <span className="child-title">{title}</span>
              <span className="child-text">{child.lastText || child.agentName}</span>
              <Icon name="right" size={15} />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
