import { expect, test, vi } from "vitest";
import { ChatSession } from "../src/features/chat/chat-session";
import { textOf } from "../src/features/chat/transcript";
import { end, ndjson, streamAnswer, text } from "./streams";

interface Asked {
  to: string;
  body: Record<string, unknown>;
}

/** Answers by method and address, and notes every request. */
function serve(route: (asked: Asked) => Response): Asked[] {
  const calls: Asked[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (path, init) => {
    const asked = { to: `${init?.method} ${path}`, body: JSON.parse(String(init?.body ?? "{}")) };
    calls.push(asked);
    return route(asked);
  });
  return calls;
}

const envelope = (data: unknown) => new Response(JSON.stringify({ code: 200, message: "success", data }));
const refusal = (code: number, message: string) =>
  new Response(JSON.stringify({ code, message, data: null, error_detail: "slug" }));
const noTasks = () => envelope({ tasks_status: { tasks: [] } });
const PLACE = "/api/sessions/s1/inject-user-message";
const shown = (session: ChatSession) => session.state.get().transcript.messages.map(textOf);
const waiting = (session: ChatSession) => session.guidance.items.get().map(textOf);

const history = (...messages: object[]) => ({
  conversation_id: "s1",
  messages,
  next_stream_index: 2,
  next_stream_run_id: "run-1",
});
const question = { ...text("How?", "q"), role: "user" as const, type: "normal" };

/** An opened conversation of one question and its answer. */
async function opened(route: (asked: Asked) => Response | null) {
  const calls = serve((asked) => {
    const answer = route(asked);
    if (answer !== null) return answer;
    if (asked.to === "GET /api/conversations/s1/messages") return envelope(history(question, text("So.")));
    if (asked.to.startsWith("GET /api/stream/resume")) return streamAnswer([ndjson(end())]);
    if (asked.to === `GET ${PLACE}`) return envelope({ items: [] });
    return noTasks();
  });
  const session = new ChatSession("s1", false);
  await session.open();
  return { session, calls };
}

test("what is added to a run waits in the queue until the agent takes it up", async () => {
  const calls = serve(({ to }) => {
    if (to === "POST /api/web-stream") {
      const line = (id: string) => ({
        ...text("Use blue", "u1"),
        role: "user" as const,
        type: "user_input",
        metadata: { injected: true, guidance_id: id, source: "guidance" },
      });
      const id = String(calls.find((call) => call.to === `POST ${PLACE}`)?.body.guidance_id);
      return streamAnswer([ndjson(line(id), text("Blue it is"), end())]);
    }
    if (to.startsWith("POST /api/sessions/s1/inject")) return envelope({ accepted: true });
    return noTasks();
  });
  const session = new ChatSession("s1", true);
  await session.guidance.add("Use blue");
  expect(waiting(session)).toEqual(["Use blue"]);
  await session.send("Paint it", null);
  expect([waiting(session), shown(session)]).toEqual([[], ["Paint it", "Use blue", "Blue it is"]]);
});

test("a refused addition leaves the queue, and the refusal is told", async () => {
  serve(() => refusal(429, "Too much guidance is pending"));
  const session = new ChatSession("s1", true);
  await expect(session.guidance.add("more")).rejects.toThrow("Too much guidance is pending");
  expect(waiting(session)).toEqual([]);
});

test("an addition is changed and taken back on the server, unless the agent was faster", async () => {
  const items = [
    { guidance_id: "g1", content: "one" },
    { guidance_id: "g2", content: "two" },
  ];
  const { session, calls } = await opened(({ to }) => {
    if (to === `GET ${PLACE}`) return envelope({ items });
    if (to === `PATCH ${PLACE}/g1`) return envelope({ updated: true });
    if (to === `DELETE ${PLACE}/g1`) return envelope({ deleted: true });
    if (to === `DELETE ${PLACE}/g2`) return refusal(404, "Guidance not found or already used");
    return null;
  });
  await vi.waitFor(() => expect(waiting(session)).toEqual(["one", "two"]));
  await session.guidance.edit("g1", "uno");
  expect(calls.find(({ to }) => to.startsWith("PATCH"))?.body).toEqual({ content: "uno" });
  expect(waiting(session)).toEqual(["uno", "two"]);
  await session.guidance.remove("g1");
  await expect(session.guidance.remove("g2")).rejects.toThrow("already used");
  expect(waiting(session)).toEqual([]);
});

test("a waiting text becomes the next question when no run is there", async () => {
  const item = { guidance_id: "g1", content: "And in red?" };
  const { session, calls } = await opened(({ to }) => {
    if (to === `GET ${PLACE}`) return envelope({ items: [item] });
    if (to.includes("/rerun-stream")) return streamAnswer([ndjson(text("Red.", "m2"), end())]);
    return null;
  });
  await vi.waitFor(() => expect(waiting(session)).toEqual(["And in red?"]));
  await session.askGuidance(item);
  expect(shown(session)).toEqual(["How?", "So.", "And in red?", "Red."]);
  expect(calls.find(({ to }) => to.includes("/rerun-stream"))?.body).toEqual({
    guidance_content: "And in red?",
    guidance_id: "g1",
    stream_options: { tool_progress: true, approvals: true },
  });
});

test("answering again replaces the answer, and brings the old one back when it is refused", async () => {
  let isRefused = true;
  const { session } = await opened(({ to }) => {
    if (!to.includes("/rerun-stream")) return null;
    const refused = { code: 429, message: "Busy", error_detail: "too_many_runs" };
    return isRefused
      ? new Response(JSON.stringify(refused), { status: 429 })
      : streamAnswer([ndjson(text("Thus.", "m2"), end())]);
  });
  await session.regenerate();
  expect([shown(session), session.state.get().error]).toMatchObject([["How?", "So."], { message: "Busy" }]);
  isRefused = false;
  await session.regenerate();
  expect(shown(session)).toEqual(["How?", "Thus."]);
});

test("an edited question is stored first and then answered; a refused text changes nothing", async () => {
  const { session, calls } = await opened(({ to, body }) => {
    if (to.endsWith("/edit-last-user-message"))
      return body.content === "" ? refusal(400, "Empty") : envelope({ title: "Why?", session_id: "s1" });
    if (to.includes("/rerun-stream")) return streamAnswer([ndjson(text("Because.", "m2"), end())]);
    return null;
  });
  await expect(session.editQuestion("")).rejects.toThrow("Empty");
  expect(shown(session)).toEqual(["How?", "So."]);
  await session.editQuestion("Why?");
  expect([shown(session), session.state.get().title]).toEqual([["Why?", "Because."], "Why?"]);
  const order = calls.map(({ to }) => to).filter((to) => /edit-last|rerun/.test(to));
  expect(order).toEqual([
    "POST /api/conversations/s1/edit-last-user-message",
    "POST /api/conversations/s1/edit-last-user-message",
    "POST /api/conversations/s1/rerun-stream",
  ]);
});

test("a reopened page finds the request for approval that its run waits for", async () => {
  const approval = {
    ...text("May I?", "ap"),
    role: "system" as const,
    type: "sandbox_approval_requested",
    approval_id: "ap1",
    command: "rm x",
  };
  const { session, calls } = await opened(({ to }) => {
    if (to === "GET /api/runs/run-1") return envelope({ waiting: { kind: "approval", id: "ap1" } });
    if (to.includes("last_index=0")) return streamAnswer([ndjson(text("So."), approval)]);
    return null;
  });
  await vi.waitFor(() => expect(shown(session)).toEqual(["How?", "So.", "May I?"]));
  expect(calls.filter(({ to }) => to.includes("last_index=2"))).toHaveLength(1);
});
