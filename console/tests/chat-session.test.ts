import { expect, test, vi } from "vitest";
import { ChatSession } from "../src/features/chat/chat-session";
import { textOf } from "../src/features/chat/transcript";
import type { Line } from "../src/features/chat/wire";
import { end, ndjson, streamAnswer, text } from "./streams";

type Route = (path: string, body: Record<string, unknown>) => Response | Promise<Response>;

/** Answers by path, and notes every request. */
function serve(route: Route): string[] {
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (path, init) => {
    asked.push(String(path));
    if (init?.signal?.aborted) throw init.signal.reason;
    const open = Promise.resolve(route(String(path), JSON.parse(String(init?.body ?? "{}"))));
    const aborted = new Promise<never>((_, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
    aborted.catch(() => {});
    return Promise.race([open, aborted]);
  });
  return asked;
}

const envelope = (data: unknown) => new Response(JSON.stringify({ code: 200, message: "success", data }));
const noTasks = () => envelope({ tasks_status: { tasks: [] } });
const answers = (session: ChatSession) =>
  session.state
    .get()
    .transcript.messages.filter((message) => message.role === "assistant")
    .map(textOf);
const settled = (session: ChatSession) =>
  vi.waitFor(() => expect(session.state.get().phase).toBe("idle"), { timeout: 3000 });

test("a sent message is answered over two connections without doubled text", async () => {
  const asked = serve((path) => {
    if (path.startsWith("/api/web-stream")) return streamAnswer([ndjson(text("one "), text("two "))], true);
    if (path.startsWith("/api/stream/resume")) return streamAnswer([ndjson(text("three"), end())]);
    return noTasks();
  });
  const session = new ChatSession("s1", true);
  await session.send("count", "agent_1");
  expect(answers(session)).toEqual(["one two three"]);
  expect(session.state.get().phase).toBe("idle");
  expect(asked).toContain("/api/stream/resume/s1?last_index=2&run_id=run-1");
});

test("an opened conversation shows its history and goes on at the next line", async () => {
  const history = {
    conversation_id: "s1",
    messages: [{ ...text("How?", "q"), role: "user" }, text("one ")],
    next_stream_index: 1,
    next_stream_run_id: "run-1",
    conversation_info: { agent_id: "agent_1", title: "How?" },
  };
  const asked = serve((path) => {
    if (path.endsWith("/messages")) return envelope(history);
    if (path.startsWith("/api/stream/resume")) return streamAnswer([ndjson(text("two"), end())]);
    return noTasks();
  });
  const session = new ChatSession("s1", false);
  await session.open();
  expect([answers(session), session.state.get().agentId, session.state.get().title]).toEqual([
    ["one two"],
    "agent_1",
    "How?",
  ]);
  expect(asked).toContain("/api/stream/resume/s1?last_index=1&run_id=run-1");
});

test("stopping interrupts the run and shows how its log ended", async () => {
  let isInterrupted = false;
  const note: unknown[] = [];
  const asked = serve((path, body) => {
    if (path.startsWith("/api/web-stream")) return openAnswer(text("one "));
    if (path.endsWith("/interrupt")) {
      isInterrupted = true;
      note.push(body);
      return envelope({ interrupted: true });
    }
    if (path.startsWith("/api/stream/resume")) return streamAnswer([ndjson(text("two"), end("interrupted"))]);
    return noTasks();
  });
  const session = new ChatSession("s1", true);
  void session.send("count", null);
  await vi.waitFor(() => expect(answers(session)).toEqual(["one "]));
  await session.stop();
  await settled(session);
  expect([isInterrupted, note]).toEqual([true, [{ message: "用户请求中断" }]]);
  expect([answers(session), session.state.get().transcript.end?.status]).toEqual([
    ["one two"],
    "interrupted",
  ]);
  expect(asked).toContain("/api/stream/resume/s1?last_index=1&run_id=run-1");
});

test("a refused message is given back with the server's words", async () => {
  const refused = { code: 429, message: "Budget spent", error_detail: "budget_exhausted" };
  serve(() => new Response(JSON.stringify(refused), { status: 429 }));
  const session = new ChatSession("s1", true);
  await session.send("count", null);
  const { transcript, unsent, error, phase } = session.state.get();
  expect([transcript.messages, unsent, phase]).toEqual([[], "count", "idle"]);
  expect(error).toMatchObject({ message: "Budget spent", slug: "budget_exhausted" });
});

test("an unknown conversation is missing", async () => {
  serve(
    () =>
      new Response(JSON.stringify({ code: 404, message: "not found", error_detail: "session_not_found" })),
  );
  const session = new ChatSession("s9", false);
  await session.open();
  expect(session.state.get().phase).toBe("missing");
});

/** An answer that stays open after its first lines. */
function openAnswer(...lines: Line[]): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(ndjson(...lines))),
  });
  return new Response(body, { headers: { "X-Clary-Run-Id": "run-1" } });
}
