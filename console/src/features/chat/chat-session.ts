/**
 * One open conversation: sends, follows, stops, and picks up a run that is under way.
 * Outlives the components that show it; leaving the page ends the reading, never the run.
 */
import { ApiError } from "../../kit/http";
import { Store } from "../../kit/store";
import {
  editLastQuestion,
  interruptRun,
  listWarnings,
  loadHistory,
  loadTasks,
  type RunWarning,
  rerun,
  resumeRun,
  startRun,
} from "./api";
import { withoutLinks, withTags } from "./attachments";
import { type Citation, hasMarks, listCitations } from "./citations";
import { type FollowOptions, followRun, type Position } from "./follow-run";
import { GuidanceQueue } from "./guidance";
import { missedApprovals } from "./missed-approvals";
import {
  applyLine,
  cutAfterQuestion,
  emptyTranscript,
  fromHistory,
  lastQuestion,
  type Transcript,
  textOf,
  withDecision,
  withText,
  withUserMessage,
} from "./transcript";
import type { Content, Decision, Guidance, Line, MessageLine, TaskItem } from "./wire";

export type Phase = "loading" | "idle" | "sending" | "streaming" | "reconnecting" | "stopping" | "missing";

export interface ChatState {
  transcript: Transcript;
  phase: Phase;
  tasks: TaskItem[];
  /** What went wrong before or beside the stream. */
  error: unknown;
  agentId: string | null;
  title: string;
  /** What the newest run did without; known when it is over. */
  warnings: RunWarning[];
  /** What the answers cite; known when the newest one is over. */
  citations: readonly Citation[];
  /** A message that the server did not take, to be sent again. */
  unsent: string | null;
}

/** Answers are redrawn at most this often. */
const REDRAW_MS = 40;
const QUIET_RUN_MS = 400;

export class ChatSession {
  readonly state: Store<ChatState>;
  readonly guidance: GuidanceQueue;
  private reading: AbortController | null = null;
  private position: Position = { index: 0, runId: null };
  private waitingLines: Line[] = [];
  private redraw: ReturnType<typeof setTimeout> | undefined;
  private stopWanted = false;
  private isAccepted = false;

  constructor(
    readonly sessionId: string,
    isNew: boolean,
  ) {
    this.guidance = new GuidanceQueue(sessionId);
    this.state = new Store<ChatState>({
      transcript: emptyTranscript(sessionId),
      phase: isNew ? "idle" : "loading",
      tasks: [],
      error: null,
      agentId: null,
      title: "",
      warnings: [],
      citations: [],
      unsent: null,
    });
  }

  get isBusy(): boolean {
    return ["sending", "streaming", "reconnecting", "stopping"].includes(this.state.get().phase);
  }

  get runId(): string | null {
    return this.position.runId;
  }

  /** Shows what is stored, then goes on live if a run is under way. */
  async open(): Promise<void> {
    const signal = this.beginReading();
    try {
      const history = await loadHistory(this.sessionId, signal);
      this.position = {
        index: history.next_stream_index ?? 0,
        runId: history.next_stream_run_id ?? null,
      };
      this.change({
        transcript: fromHistory(this.sessionId, history),
        agentId: history.conversation_info?.agent_id ?? null,
        title: history.conversation_info?.title ?? "",
        error: null,
        phase: "idle",
      });
      void this.refreshTasks();
      void this.guidance.refresh();
      void this.catchUpApprovals(signal);
      void this.refreshCitations(signal);
      await this.follow(undefined, signal, true);
    } catch (error) {
      this.fail(error, signal, "missing");
    }
  }

  /** `tags` tell the server about this run only; they are no part of the message. */
  async send(content: Content, agentId: string | null, tags = ""): Promise<void> {
    if (this.isBusy) return;
    const messageId = crypto.randomUUID();
    const idempotencyKey = crypto.randomUUID();
    const request = {
      sessionId: this.sessionId,
      agentId,
      messageId,
      content: withTags(content, tags),
      idempotencyKey,
    };
    const before = this.state.get().transcript;
    this.change({ agentId });
    await this.run(
      withUserMessage(before, messageId, content, Date.now()),
      (abort) => startRun(request, abort),
      () => this.change({ transcript: before, unsent: withoutLinks(textOf({ content })).text }),
    );
  }

  /** Answers the last question again; the present answer goes to an archived branch. */
  async regenerate(): Promise<void> {
    if (this.isBusy) return;
    const before = this.state.get().transcript;
    await this.rerun(cutAfterQuestion(before), () => this.change({ transcript: before }));
  }

  /**
   * Puts another text into the last question and has it answered. Raises when the server refuses the text,
   * and calls `onTaken` when it has taken it.
   */
  async editQuestion(text: string, onTaken: () => void = () => {}): Promise<void> {
    if (this.isBusy) return;
    const before = this.state.get().transcript;
    const content = withText(lastQuestion(before)?.content, text);
    const { title } = await editLastQuestion(this.sessionId, content);
    onTaken();
    if (title !== undefined) this.change({ title });
    await this.rerun(cutAfterQuestion(before, content), () => {});
  }

  /** Makes a waiting text the next question, when no run is there to take it up. */
  async askGuidance(item: Guidance): Promise<void> {
    if (this.isBusy) return;
    const before = this.state.get().transcript;
    const text = textOf({ content: item.content });
    this.guidance.drop(item.guidance_id);
    await this.rerun(
      withUserMessage(before, item.guidance_id, text, Date.now()),
      () => {
        this.change({ transcript: before });
        void this.guidance.refresh();
      },
      { id: item.guidance_id, text },
    );
  }

  /** Notes a decision the server has confirmed, before its line comes. */
  noteDecision(approvalId: string, decision: Decision): void {
    this.change({ transcript: withDecision(this.state.get().transcript, approvalId, decision) });
  }

  private rerun(shown: Transcript, undo: () => void, guidance?: { id: string; text: string }): Promise<void> {
    const request = { sessionId: this.sessionId, idempotencyKey: crypto.randomUUID(), guidance };
    return this.run(shown, (abort) => rerun(request, abort), undo);
  }

  /** Shows what will be asked and follows the run; `undo` is called when the server does not start it. */
  private async run(
    shown: Transcript,
    start: (signal: AbortSignal) => Promise<Response>,
    undo: () => void,
  ): Promise<void> {
    const signal = this.beginReading();
    this.position = { index: 0, runId: null };
    this.isAccepted = false;
    this.change({ transcript: shown, phase: "sending", error: null, unsent: null, warnings: [] });
    try {
      await this.follow(start, signal);
    } catch (error) {
      if (!signal.aborted && !this.isAccepted) undo();
      this.fail(error, signal, "idle");
    }
  }

  /** Ends the run; afterwards reads the rest of its log, so that the page shows how it ended. */
  async stop(): Promise<void> {
    const { phase } = this.state.get();
    if (!this.isBusy || phase === "stopping") return;
    this.change({ phase: "stopping" });
    if (phase === "sending") {
      this.stopWanted = true; // The run is not known to the server yet; see onConnected.
      return;
    }
    await this.interrupt();
  }

  /** Ends the reading. The run goes on. */
  close(): void {
    this.reading?.abort();
    clearTimeout(this.redraw);
  }

  private async interrupt(): Promise<void> {
    this.stopWanted = false;
    const signal = this.beginReading();
    try {
      await interruptRun(this.sessionId);
      await this.follow(undefined, signal);
    } catch (error) {
      this.fail(error, signal, "idle");
    }
  }

  private async follow(
    start: FollowOptions["source"]["start"],
    signal: AbortSignal,
    isOpening = false,
  ): Promise<void> {
    await followRun({
      source: {
        start,
        resume: (index, runId, abort) => resumeRun(this.sessionId, index, runId, abort),
      },
      index: this.position.index,
      runId: this.position.runId,
      signal,
      onLine: (line, position) => this.take(line, position),
      onConnected: (runId) => this.connected(runId, signal),
      onReconnecting: () => this.changeUnlessStopping({ phase: "reconnecting" }),
    });
    this.drawLines();
    if (!isOpening && this.state.get().transcript.end?.resume_fallback) await this.reloadHistory(signal);
    const wasLive = !isOpening || this.isBusy;
    this.settle({ phase: "idle" });
    void this.refreshTasks();
    void this.refreshWarnings(signal);
    if (wasLive) void this.refreshCitations(signal);
    if (this.guidance.items.get().length > 0) void this.guidance.refresh();
  }

  /** A reopened page does not get the requests for approval again that stand in the log already. */
  private async catchUpApprovals(signal: AbortSignal): Promise<void> {
    const lines = await missedApprovals(this.sessionId, { ...this.position }, signal).catch(() => []);
    if (signal.aborted || lines.length === 0) return;
    this.change({ transcript: lines.reduce(applyLine, this.state.get().transcript) });
  }

  /** The log is gone while lines were missing; history has what they said. */
  private async reloadHistory(signal: AbortSignal): Promise<void> {
    const { end } = this.state.get().transcript;
    const history = await loadHistory(this.sessionId, signal);
    this.change({ transcript: { ...fromHistory(this.sessionId, history), end } });
  }

  private connected(runId: string | null, signal: AbortSignal): void {
    this.position.runId = runId ?? this.position.runId;
    this.isAccepted = true;
    if (this.stopWanted) void this.interrupt();
    else if (this.state.get().phase !== "loading" && this.isBusy)
      this.changeUnlessStopping({ phase: "streaming" });
    else this.expectMore(signal);
  }

  /** The end of a finished run comes at once; when it does not, the run goes on, silently at the moment. */
  private expectMore(signal: AbortSignal): void {
    setTimeout(() => {
      if (!signal.aborted && this.reading?.signal === signal && !this.isBusy)
        this.change({ phase: "streaming" });
    }, QUIET_RUN_MS);
  }

  private take(line: Line, position: Position): void {
    this.position = { ...position };
    this.waitingLines.push(line);
    const taken = takenGuidance(line);
    if (taken !== null) this.guidance.drop(taken);
    this.redraw ??= setTimeout(() => this.drawLines(), REDRAW_MS);
  }

  private drawLines(): void {
    clearTimeout(this.redraw);
    this.redraw = undefined;
    const lines = this.waitingLines;
    if (lines.length === 0) return;
    this.waitingLines = [];
    const before = this.state.get();
    const transcript = lines.reduce(applyLine, before.transcript);
    this.change({ transcript, phase: this.isBusy || transcript.end !== null ? before.phase : "streaming" });
    if (lines.some((line) => isTaskResult(line, transcript.messages))) void this.refreshTasks();
  }

  private async refreshTasks(): Promise<void> {
    const tasks = await loadTasks(this.sessionId).catch(() => null);
    if (tasks !== null) this.change({ tasks });
  }

  private async refreshWarnings(signal: AbortSignal): Promise<void> {
    const { runId } = this.position;
    const warnings = runId === null ? [] : await listWarnings(runId).catch(() => []);
    if (!signal.aborted && warnings.length > 0) this.change({ warnings });
  }

  /** Without them the marks stay plain text. */
  private async refreshCitations(signal: AbortSignal): Promise<void> {
    if (!hasMarks(this.state.get().transcript)) return;
    const citations = await listCitations(this.sessionId, signal).catch(() => null);
    if (!signal.aborted && citations !== null) this.change({ citations });
  }

  private beginReading(): AbortSignal {
    this.drawLines();
    this.reading?.abort();
    this.reading = new AbortController();
    return this.reading.signal;
  }

  private fail(error: unknown, signal: AbortSignal, phase: Phase): void {
    if (signal.aborted) return; // Left or stopped on purpose.
    this.drawLines();
    const isUnknown = error instanceof ApiError && error.status === 404;
    this.settle({ error, phase: phase === "missing" && !isUnknown ? "idle" : phase });
  }

  private settle(part: Partial<ChatState>): void {
    this.reading = null;
    this.stopWanted = false;
    this.change(part);
  }

  private change(part: Partial<ChatState>): void {
    this.state.update((state) => ({ ...state, ...part }));
  }

  private changeUnlessStopping(part: Partial<ChatState>): void {
    if (this.state.get().phase !== "stopping") this.change(part);
  }
}

function takenGuidance(line: Line): string | null {
  if (line.type !== "user_input" || !("metadata" in line)) return null;
  const id = line.metadata?.guidance_id;
  return typeof id === "string" ? id : null;
}

function isTaskResult(line: Line, messages: readonly MessageLine[]): boolean {
  if (!("tool_call_id" in line) || line.type !== "tool_call_result") return false;
  const call = messages.findLast((message) => message.tool_calls?.[0]?.id === line.tool_call_id);
  return call?.tool_calls?.[0]?.function.name === "todo_write";
}
