import { fireEvent, render, screen, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { ChildPanel } from "../src/features/chat/ChildPanel";
import { ChildrenContext, findChild } from "../src/features/chat/ChildRuns";
import { MessageList } from "../src/features/chat/MessageList";
import { ToolCard } from "../src/features/chat/ToolCard";
import {
  applyLine,
  emptyTranscript,
  type Transcript,
  withUserMessage,
} from "../src/features/chat/transcript";
import type { ApprovalLine, DecisionLine, Line, MessageLine } from "../src/features/chat/wire";
import { sent, serve } from "./server";
import { end, text } from "./streams";

const transcriptOf = (...lines: Line[]) =>
  lines.reduce(applyLine, withUserMessage(emptyTranscript("s1"), "q1", "Make a report", 0));

const TASKS = [
  { agent_id: "agent_sales", task_name: "totals", content: "sum", session_id: "s1_sub_1" },
  { agent_id: "agent_7f", task_name: "prose", content: "draft", session_id: "s1_sub_2" },
];
const delegate: MessageLine = {
  ...text("", "c"),
  type: "tool_call",
  content: undefined,
  tool_calls: [
    {
      id: "call_c1",
      type: "function",
      function: { name: "sys_delegate_task", arguments: JSON.stringify({ tasks: TASKS }) },
    },
  ],
};
const child = (id: string, content: string, values: object = {}): MessageLine => ({
  ...text(content, `${id}-${content}`),
  session_id: id,
  agent_name: "Sales",
  ...values,
});
const task = child("s1_sub_1", "Your part: sum", { role: "user", type: "normal" });

function showList(transcript: Transcript, open = vi.fn()) {
  render(
    <ChildrenContext.Provider value={{ open, find: (id) => findChild(transcript, id, true) }}>
      <MessageList transcript={transcript} phase="streaming" onSuggestion={() => {}} />
    </ChildrenContext.Provider>,
  );
  return open;
}

const statesOf = () =>
  [...document.querySelectorAll("[data-child]")].map((row) => row.getAttribute("data-state"));

test("the work of other agents stands behind one row each, never in the conversation itself", () => {
  const ended = child("s1_sub_1", "", { type: "token_usage", metadata: { token_usage: {} } });
  const open = showList(transcriptOf(delegate, task, child("s1_sub_1", "January 120")));
  expect(statesOf()).toEqual(["running", "waiting"]);
  expect(screen.queryByText("Your part: sum")).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: "Show the work of totals" }));
  expect(open).toHaveBeenCalledExactlyOnceWith("s1_sub_1", "totals");
  document.body.replaceChildren();
  showList(transcriptOf(delegate, task, child("s1_sub_1", "January 120"), ended));
  expect(statesOf()).toEqual(["done", "waiting"]);
});

test("an opened agent shows its task and its words as they come, and can be stopped alone", async () => {
  const calls = serve({ "POST /api/sessions/s1_sub_1/interrupt": { interrupted: true } });
  const panel = (transcript: Transcript) => (
    <ChildrenContext.Provider value={{ open: () => {}, find: (id) => findChild(transcript, id, true) }}>
      <ChildPanel
        transcript={transcript}
        sessionId="s1_sub_1"
        title="totals"
        onDecided={() => {}}
        onClose={() => {}}
      />
    </ChildrenContext.Provider>
  );
  const first = transcriptOf(delegate, task);
  const { rerender } = render(panel(first));
  expect(screen.getByText("Your part: sum")).toBeTruthy();
  rerender(panel(applyLine(first, child("s1_sub_1", "January 120"))));
  expect(within(screen.getByRole("log")).getByText("January 120")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Stop this agent" }));
  await vi.waitFor(() =>
    expect(sent(calls, "POST /api/sessions/s1_sub_1/interrupt")).toEqual({ message: "用户请求中断" }),
  );
});

test("Escape closes the panel and gives the focus back", () => {
  const onClose = vi.fn();
  const transcript = transcriptOf(delegate);
  const { container } = render(<button type="button">opener</button>);
  container.querySelector("button")?.focus();
  const { unmount } = render(
    <ChildPanel transcript={transcript} sessionId="x" title="x" onDecided={() => {}} onClose={onClose} />,
  );
  fireEvent.keyDown(screen.getByRole("complementary"), { key: "Escape" });
  expect(onClose).toHaveBeenCalledOnce();
  unmount();
  expect(document.activeElement?.textContent).toBe("opener");
});

test("what another agent asks stands where the person looks", () => {
  const approval = child("s1_sub_1", "May I?", {
    role: "system",
    type: "sandbox_approval_requested",
    approval_id: "ap1",
    command: "curl example.com",
  });
  showList(transcriptOf(delegate, task, approval));
  const waiting = screen.getByRole("region", { name: "Waiting for you" });
  expect(within(waiting).getByText("curl example.com")).toBeTruthy();
});

test("a resolved approval is shown as what was decided", () => {
  const approval: ApprovalLine = {
    ...child("s1", "May I?"),
    type: "sandbox_approval_requested",
    approval_id: "ap1",
  };
  const resolved: DecisionLine = { ...approval, type: "sandbox_approval_resolved", decision: "deny" };
  showList(transcriptOf(approval, resolved));
  expect(screen.getByText("Not allowed")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Allow once" })).toBeNull();
});

const callOf = (name: string, args: object) => ({
  id: "c1",
  type: "function",
  function: { name, arguments: JSON.stringify(args) },
});
const resultOf = (content: Record<string, unknown>): MessageLine => ({
  ...text("", "t1"),
  role: "tool",
  type: "tool_call_result",
  tool_call_id: "c1",
  content,
});

test("a program shows its code, its live output, then its own result", () => {
  const call = callOf("execute_python_code", { code: "print(6 * 7)" });
  const card = (result?: MessageLine, progress?: string) => (
    <ToolCard call={call} result={result} progress={progress} isLive isNewestPlan={false} />
  );
  const { rerender } = render(card(undefined, "4"));
  expect(screen.getByText("4").closest(".output")).toBeTruthy();
  const failed = { success: false, output: "", stderr: "Traceback", return_code: 1 };
  rerender(card(resultOf(failed)));
  fireEvent.click(screen.getByRole("button", { name: /Run Python/ }));
  expect(screen.getByText("Traceback").closest(".output")?.className).toBe("output error");
  expect(screen.getAllByText(/Exit code 1/)).toHaveLength(2);
});

test("findings are links, and an address of another kind is none", () => {
  const results = [
    { title: "Clary", url: "https://example.com/clary", snippet: "A platform" },
    { title: "Odd", url: "javascript:alert(1)", snippet: "" },
  ];
  render(
    <ToolCard
      call={callOf("search_web_page", { query: "clary" })}
      result={resultOf({ query: "clary", results })}
      isLive={false}
      isNewestPlan={false}
    />,
  );
  fireEvent.click(screen.getByRole("button", { name: /Search the web/ }));
  expect(screen.getAllByRole("link").map((link) => link.getAttribute("href"))).toEqual([
    "https://example.com/clary",
  ]);
});

test("a summary of earlier messages is a card of its own", () => {
  render(
    <ToolCard
      call={callOf("compress_conversation_history", {})}
      result={resultOf({ summary: "They want **tea**." })}
      isLive={false}
      isNewestPlan={false}
    />,
  );
  fireEvent.click(screen.getByRole("button", { name: /Summarise earlier messages/ }));
  expect(screen.getByText("tea").tagName).toBe("STRONG");
});

test("the last question can be edited and its answer asked for again, the earlier ones cannot", async () => {
  const onEdit = vi.fn(async () => {});
  const onRegenerate = vi.fn();
  const first = transcriptOf(text("One", "m1"), end());
  const transcript = applyLine(withUserMessage(first, "q2", "And then?", 0), text("Two", "m2"));
  render(
    <MessageList
      transcript={transcript}
      phase="idle"
      onSuggestion={() => {}}
      actions={{ onEdit, onRegenerate, onDecided: () => {} }}
    />,
  );
  fireEvent.click(screen.getByRole("button", { name: "Answer again" }));
  fireEvent.click(screen.getByRole("button", { name: "Edit message" }));
  const area = screen.getByRole("textbox", { name: "Edit message" });
  expect((area as HTMLTextAreaElement).value).toBe("And then?");
  fireEvent.change(area, { target: { value: "And now?" } });
  fireEvent.keyDown(area, { key: "Enter" });
  expect(await screen.findByRole("button", { name: "Edit message" })).toBeTruthy();
  expect([onEdit.mock.calls, onRegenerate.mock.calls.length]).toEqual([[["And now?"]], 1]);
});
