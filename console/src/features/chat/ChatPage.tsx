import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { useStore } from "../../kit/store";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import type { Account, SystemInfo } from "../accounts/api";
import { agentStore, BUILTIN_AGENT, chooseAgent, chosenAgent, ownsAgent } from "../agents/agent-store";
import { activeStore } from "../conversations/active-sessions";
import { ModelBanner } from "../llm_providers/ModelBanner";
import type { Workspace } from "../workspaces/api";
import { contentWith, tagsOf } from "./attachments";
import { ChildrenContext, findChild } from "./ChildRuns";
import { Composer } from "./Composer";
import type { ChatSession, ChatState } from "./chat-session";
import { CitationsContext, sourcesByMessage } from "./citations";
import { DraftNotice } from "./DraftNotice";
import { ExtrasMenu } from "./ExtrasMenu";
import { ExtrasRow } from "./ExtrasRow";
import { GuidanceList } from "./GuidanceList";
import { WorkspaceContext } from "./Markdown";
import { MessageList } from "./MessageList";
import { closePanel, panelStore } from "./panel-store";
import { RunWarnings } from "./RunWarnings";
import { TaskPanel } from "./TaskPanel";
import { textOf } from "./transcript";
import { showAddressOf, useChatSession } from "./use-chat-session";
import { useExtras } from "./use-extras";
import { useImprove } from "./use-improve";
import { useStickToBottom } from "./use-stick-to-bottom";
import { Welcome } from "./Welcome";

const FilesPanel = lazy(() =>
  import("../workspaces/FilesPanel").then((module) => ({ default: module.FilesPanel })),
);
const ChildPanel = lazy(() => import("./ChildPanel").then((module) => ({ default: module.ChildPanel })));

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

  const workspace = useMemo(() => {
    const agentId = state.agentId ?? agent?.id ?? BUILTIN_AGENT;
    return { agentId, sessionId: session.sessionId, isMissing: isEmpty && agentId === BUILTIN_AGENT };
  }, [state.agentId, agent?.id, session, isEmpty]);
  const extras = useExtras(workspace);
  const { putBack } = extras;

  useTakeUpForeignRun(session);
  useEffect(() => {
    if (state.agentId !== null) chooseAgent(state.agentId);
  }, [state.agentId]);
  useEffect(() => {
    if (state.unsent === null) return;
    setText((written) => written || (state.unsent ?? ""));
    putBack();
  }, [state.unsent, putBack]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a newly opened chat is ready to type in
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
  }, [session]);

  const improving = useImprove(text, setText, { sessionId: session.sessionId, agentId: agent?.id ?? null });
  const send = (message: string) => {
    setText("");
    const { files, wishes } = extras.take();
    void session.send(contentWith(message, files), agent?.id ?? null, tagsOf(wishes));
    showAddressOf(session);
    toBottom();
  };
  const [guideError, setGuideError] = useState<unknown>(null);
  const guide = async (message: string) => {
    setText("");
    setGuideError(null);
    try {
      await session.guidance.add(textOf({ content: contentWith(message, extras.take().files, true) }));
    } catch (error) {
      putBack();
      setGuideError(error);
      setText((written) => written || message);
    }
  };
  const actions = useMemo(
    () => ({
      onRegenerate: () => void session.regenerate(),
      onEdit: (edited: string) => startEdited(session, edited),
      onDecided: session.noteDecision.bind(session),
    }),
    [session],
  );
  const citations = useMemo(() => sourcesByMessage(state.citations), [state.citations]);
  const children = useChildren(session, state.transcript);
  const retry = (
    <button type="button" className="button small" onClick={() => session.open()}>
      {t.retry}
    </button>
  );

  if (state.phase === "missing") return <Missing />;
  return (
    <WorkspaceContext.Provider value={workspace}>
      <ChildrenContext.Provider value={children}>
        <div className="chat-frame">
          <div className="chat">
            <div className="chat-scroll" ref={box}>
              <div className="chat-column">
                {!isEmpty && <h1 className="visually-hidden">{state.title || t.chat}</h1>}
                <ModelBanner account={account} info={info} />
                {state.phase === "loading" && <Spinner />}
                {isEmpty ? (
                  <Welcome
                    agent={agent}
                    needsStarter={!ownsAgent(agents, account.user.userid)}
                    onSend={send}
                  />
                ) : (
                  <CitationsContext.Provider value={citations}>
                    <MessageList
                      transcript={state.transcript}
                      phase={state.phase}
                      onSuggestion={send}
                      actions={actions}
                    />
                  </CitationsContext.Provider>
                )}
                <RunWarnings
                  key={session.sessionId}
                  warnings={state.warnings}
                  sessionId={session.sessionId}
                />
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
              <GuidanceList
                queue={session.guidance}
                onAsk={session.isBusy ? undefined : (item) => void session.askGuidance(item)}
              />
              <DraftNotice
                error={guideError ?? improving.error}
                before={improving.before}
                onUndo={improving.undo}
              />
              <ExtrasRow extras={extras} />
              <Composer
                extras={
                  <ExtrasMenu extras={extras} skills={agent?.availableSkills ?? []} isBusy={session.isBusy} />
                }
                onFiles={extras.attach}
                isWaiting={extras.isUploading}
                text={text}
                onText={setText}
                onSend={session.isBusy ? guide : send}
                onStop={() => session.stop()}
                onImprove={improving.improve}
                isImproving={improving.isBusy}
                isBusy={session.isBusy}
                isStopping={state.phase === "stopping"}
                inputRef={input}
              />
              <p className="small-print">{t.smallPrint}</p>
            </div>
          </div>
          <SidePanels session={session} workspace={workspace} />
        </div>
      </ChildrenContext.Provider>
    </WorkspaceContext.Provider>
  );
}

/** Resolves when the server has taken the new text; the answer to it is followed afterwards. */
function startEdited(session: ChatSession, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    session.editQuestion(text, resolve).catch(reject);
  });
}

function useChildren(session: ChatSession, transcript: ChatState["transcript"]) {
  const { isBusy } = session;
  const open = useCallback(
    (sessionId: string, title: string) => panelStore.set({ show: "child", sessionId, title }),
    [],
  );
  return useMemo(
    () => ({ open, find: (sessionId: string) => findChild(transcript, sessionId, isBusy) }),
    [open, transcript, isBusy],
  );
}

function SidePanels({ session, workspace }: { session: ChatSession; workspace: Workspace }) {
  const panel = useStore(panelStore);
  const { transcript, phase } = useStore(session.state);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a panel belongs to the conversation it was opened in
  useEffect(() => closePanel, [session]);
  if (panel === null) return null;
  return (
    <Suspense fallback={null}>
      {panel.show === "files" ? (
        <FilesPanel workspace={workspace} version={phase} onClose={closePanel} />
      ) : (
        <ChildPanel
          key={panel.sessionId}
          transcript={transcript}
          sessionId={panel.sessionId}
          title={panel.title}
          onDecided={session.noteDecision.bind(session)}
          onClose={closePanel}
        />
      )}
    </Suspense>
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
