/** Runs of the fake server: a numbered log per run, readers that follow it, and history derived from it. */
import { randomUUID } from "node:crypto";
import { scriptFor } from "./fake-scripts.mjs";

const SPEED = Number(process.env.FAKE_SPEED ?? 1);
const watchers = new Set();
const active = new Map();

export function onActiveChange(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

const changed = () => {
  for (const watcher of watchers) watcher();
};

export function activeSnapshot() {
  return [...active.values()].map((run) => ({
    session_id: run.session_id,
    run_id: run.run_id,
    query: run.query,
    status: "running",
    is_completed: false,
  }));
}

export function startInto(conversation, request, response) {
  const joined = conversation.run?.key === request.key ? conversation.run : null;
  if (joined === null) startRun(conversation, request);
  follow(conversation.run, 0, response);
}

export function resumeInto(conversation, index, response) {
  const { run } = conversation;
  if (run !== null && (!run.isEnded || index < run.lines.length)) return follow(run, index, response);
  openStream(response, run?.run_id ?? "");
  response.end(
    `${JSON.stringify({ type: "stream_end", session_id: conversation.row.session_id, resume_fallback: true })}\n`,
  );
}

export function interrupt(conversation) {
  const { run } = conversation;
  if (run === null || run.isEnded) return false;
  end(run, "interrupted", "interrupt_request");
  return true;
}

/** Answers what a run waits for; false when nothing waits under this id. */
export function answerWaiting(id, answer) {
  for (const run of active.values()) {
    const go = run.waiting.get(id);
    if (go === undefined) continue;
    run.waiting.delete(id);
    go(answer);
    return true;
  }
  return false;
}

/** Text for the run of a session; it is taken up before the next line. */
export const guidanceOf = (conversation) => {
  conversation.guidance ??= [];
  return conversation.guidance;
};

function startRun(conversation, { text, agent, message, key }) {
  if (conversation.run !== null && !conversation.run.isEnded) end(conversation.run, "replaced", "replaced");
  const run = {
    run_id: randomUUID(),
    session_id: conversation.row.session_id,
    key,
    query: text,
    conversation,
    agent,
    lines: [],
    readers: new Set(),
    isEnded: false,
    openCalls: new Map(),
    waiting: new Map(),
    drops: text.includes("drop") ? 2 : 0,
  };
  conversation.run = run;
  // A question that is answered again stands there already.
  if (message !== null) {
    conversation.messages.push({
      role: "user",
      type: "normal",
      content: message.content ?? text,
      message_id: message.message_id ?? randomUUID(),
      session_id: run.session_id,
      timestamp: Date.now() / 1000,
      metadata: {},
    });
  }
  active.set(run.run_id, run);
  changed();
  void play(run, scriptFor(text, agent, run.session_id));
}

async function play(run, script) {
  for (const [pause, line] of script) {
    await new Promise((resolve) => setTimeout(resolve, pause / SPEED));
    if (run.isEnded) return;
    takeGuidance(run);
    if (line.waitFor === undefined) append(run, complete(run, line));
    else {
      const answer = await new Promise((resolve) => run.waiting.set(line.waitFor, resolve));
      if (run.isEnded) return;
      for (const then of line.then(answer)) append(run, complete(run, then));
    }
  }
  const status = script.some(([, line]) => line.error_info && line.type === "final_answer")
    ? "failed"
    : "completed";
  end(run, status, status === "failed" ? "model_error" : "answered");
}

function takeGuidance(run) {
  // A real agent looks up between two steps, and not at once.
  const items = guidanceOf(run.conversation);
  if (items.length === 0 || Date.now() - items[0].at < 3000) return;
  for (const { guidance_id, content } of items.splice(0)) {
    const metadata = { injected: true, guidance_id, source: "guidance" };
    append(
      run,
      complete(run, { role: "user", type: "user_input", content, metadata, message_id: randomUUID() }),
    );
  }
}

function complete(run, line) {
  const base = { session_id: line.session_id ?? run.session_id, timestamp: Date.now() / 1000 };
  if (line.type === "tool_progress") return { ...line, ...base };
  return { role: "assistant", metadata: {}, agent_name: run.agent.name, ...line, ...base };
}

function append(run, line) {
  run.lines.push(line);
  store(run, line);
  for (const reader of run.readers) reader(line);
}

const UNSTORED = new Set([
  "token_usage",
  "tool_progress",
  "error",
  "stream_end",
  "sandbox_approval_requested",
  "sandbox_approval_resolved",
]);

function store(run, line) {
  if (line.tool_calls) run.openCalls.set(line.tool_calls[0].id, line.tool_calls[0]);
  if (line.role === "tool") {
    run.openCalls.delete(line.tool_call_id);
    if (line.content?.tasks) run.conversation.tasks = line.content.tasks;
  }
  if (UNSTORED.has(line.type)) return;
  const { messages } = run.conversation;
  const known = messages.findLast((message) => message.message_id === line.message_id);
  if (known === undefined) messages.push(structuredClone(line));
  else {
    if (typeof line.content === "string") known.content += line.content;
    Object.assign(known.metadata, line.metadata);
  }
}

function end(run, status, reason) {
  for (const [id, call] of run.openCalls) {
    const content = {
      error: true,
      error_type: "INTERRUPTED",
      message: "工具执行已被用户中断",
      tool_name: call.function.name,
    };
    const line = { role: "tool", type: "tool_call_result", tool_call_id: id, is_error: true, content };
    append(run, complete(run, { ...line, message_id: randomUUID() }));
  }
  const totals = { prompt_tokens: 1804, completion_tokens: 236, total_tokens: 2040 };
  const metadata = { token_usage: { total_info: totals, per_step_info: [] } };
  append(run, complete(run, { type: "token_usage", content: "", message_id: randomUUID(), metadata }));
  run.isEnded = true;
  append(run, {
    type: "stream_end",
    session_id: run.session_id,
    timestamp: Date.now() / 1000,
    total_stream_count: run.lines.length,
    status,
    run_id: run.run_id,
    end_reason: reason,
  });
  active.delete(run.run_id);
  run.conversation.row.updated_at = new Date().toISOString();
  changed();
}

function openStream(response, runId) {
  response.writeHead(200, {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Clary-Run-Id": runId,
  });
  response.write("\n");
}

function follow(run, index, response) {
  openStream(response, run.run_id);
  let sent = 0;
  const reader = (line) => {
    writeSplit(response, `${JSON.stringify(line)}\n`);
    sent += 1;
    if (line.type === "stream_end") response.end();
    else if (run.drops > 0 && sent >= 8) {
      run.drops -= 1;
      response.destroy();
    }
  };
  for (const line of run.lines.slice(index)) reader(line);
  if (run.isEnded) return;
  run.readers.add(reader);
  response.on("close", () => run.readers.delete(reader));
}

/** Cuts a line at an awkward place, so readers meet halves of characters. */
function writeSplit(response, text) {
  const bytes = Buffer.from(text);
  const cut = Math.floor(bytes.length / 2);
  response.write(bytes.subarray(0, cut));
  response.write(bytes.subarray(cut));
}
