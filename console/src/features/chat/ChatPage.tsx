import { useEffect, useMemo, useRef, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { useStore } from "../../kit/store";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import type { Account, SystemInfo } from "../accounts/api";
import { agentStore, chooseAgent, chosenAgent, ownsAgent } from "../agents/agent-store";
import { activeStore } from "../conversations/active-sessions";
import { ModelBanner } from "../llm_providers/ModelBanner";
import { Composer } from "./Composer";
import { WorkspaceContext } from "./Markdown";
import { MessageList } from "./MessageList";
import { TaskPanel } from "./TaskPanel";
import { showAddressOf, useChatSession } from "./use-chat-session";
import { useStickToBottom } from "./use-stick-to-bottom";
import { Welcome } from "./Welcome";

interface ChatPageProps {
  sessionId: string | null;
  account: Account;
  info: SystemInfo;
}

export function ChatPage({ sessionId, account, info }: ChatPageProps) {
  const t = useTexts();
  const session = useChatSession(sessionId);
  const state = useStore(session.state);
  const agents = useStore(agentStore);
  const [text, setText] = useState("");
  const input = useRef<HTMLTextAreaElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { isAway, toBottom } = useStickToBottom(box, state);
  const agent = chosenAgent(agents);
  const isEmpty = state.transcript.messages.length === 0 && state.phase === "idle" && state.error === null;

  useTakeUpForeignRun(session);
  useEffect(() => {
    if (state.agentId !== null) chooseAgent(state.agentId);
  }, [state.agentId]);
  useEffect(() => {
    if (state.unsent !== null) setText((written) => written || (state.unsent ?? ""));
  }, [state.unsent]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a newly opened chat is ready to type in
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
  }, [session]);

  const send = (message: string) => {
    setText("");
    void session.send(message, agent?.id ?? null);
    showAddressOf(session);
    toBottom();
  };
  const workspace = useMemo(
    () => ({ agentId: state.agentId ?? "default_agent", sessionId: session.sessionId }),
    [state.agentId, session],
  );
  const retry = (
    <button type="button" className="button small" onClick={() => session.open()}>
      {t.retry}
    </button>
  );

  if (state.phase === "missing") return <Missing />;
  return (
    <WorkspaceContext.Provider value={workspace}>
      <div className="chat">
        <div className="chat-scroll" ref={box}>
          <div className="chat-column">
            {!isEmpty && <h1 className="visually-hidden">{state.title || t.chat}</h1>}
            <ModelBanner account={account} info={info} />
            {state.phase === "loading" && <Spinner />}
            {isEmpty ? (
              <Welcome agent={agent} needsStarter={!ownsAgent(agents, account.user.userid)} onSend={send} />
            ) : (
              <MessageList transcript={state.transcript} phase={state.phase} onSuggestion={send} />
            )}
            {state.error !== null && (
              <Notice kind="error" action={state.unsent === null ? retry : undefined}>
                {errorText(state.error)}
              </Notice>
            )}
          </div>
        </div>
        <div className="chat-foot">
          {isAway && (
            <button type="button" className="to-bottom" onClick={toBottom} aria-label={t.toNewest}>
              <Icon name="down" />
            </button>
          )}
          <TaskPanel tasks={state.tasks} />
          <Composer
            text={text}
            onText={setText}
            onSend={send}
            onStop={() => session.stop()}
            isBusy={session.isBusy}
            isStopping={state.phase === "stopping"}
            inputRef={input}
          />
          <p className="small-print">{t.smallPrint}</p>
        </div>
      </div>
    </WorkspaceContext.Provider>
  );
}

/** Another window or device may start a run in the conversation that is open here. */
function useTakeUpForeignRun(session: ReturnType<typeof useChatSession>): void {
  const active = useStore(activeStore);
  useEffect(() => {
    const run = active.get(session.sessionId);
    const isKnown = run === undefined || run.run_id === session.runId;
    if (!isKnown && session.state.get().phase === "idle") void session.open();
  }, [active, session]);
}

function Missing() {
  const t = useTexts();
  return (
    <div className="page">
      <Notice
        kind="warning"
        action={
          <button
            type="button"
            className="button small"
            onClick={() => goTo({ page: "chat", sessionId: null })}
          >
            {t.newChat}
          </button>
        }
      >
        {t.chatMissing}
      </Notice>
    </div>
  );
}
