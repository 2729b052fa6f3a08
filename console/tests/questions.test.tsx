import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { ApprovalCard } from "../src/features/chat/ApprovalCard";
import { QuestionCard } from "../src/features/chat/QuestionCard";
import { readResponse } from "../src/features/chat/questionnaire";
import type { ApprovalLine, Decision, MessageLine } from "../src/features/chat/wire";
import { noteServerDate } from "../src/kit/server-clock";
import { Refused, sent, serve } from "./server";

const NOW = 1_800_000_000_000;
afterEach(() => {
  vi.useFakeTimers({ now: NOW });
  noteServerDate(new Date(NOW).toUTCString());
  vi.useRealTimers();
});

const QUESTIONS = [
  {
    id: "size",
    type: "single_choice",
    title: "How big?",
    options: [
      { label: "Small", value: "s" },
      { label: "Large", value: "l" },
    ],
    default: "s",
  },
  { id: "extras", type: "multiple_choice", title: "Extras", options: [{ label: "Wings", value: "w" }] },
  { id: "note", type: "text", title: "A note", placeholder: "anything" },
];

const callOf = (name: string, args: object = {}) => ({
  id: "c1",
  type: "function",
  function: {
    name,
    arguments: JSON.stringify({
      title: "Your plane",
      questions: QUESTIONS,
      questionnaire_id: "s1__q",
      ...args,
    }),
  },
});
const asked: MessageLine = {
  role: "assistant",
  type: "tool_call",
  message_id: "m1",
  session_id: "s1",
  timestamp: NOW / 1000,
};
const resultOf = (content: Record<string, unknown>): MessageLine => ({
  ...asked,
  role: "tool",
  type: "tool_call_result",
  tool_call_id: "c1",
  content,
});

function show(args: object = {}, result?: MessageLine, isLive = true) {
  return render(
    <QuestionCard
      message={asked}
      call={callOf("questionnaire", args)}
      result={result}
      isLive={isLive}
      onReply={null}
    />,
  );
}

const PLACE = "POST /api/questionnaires/s1__q/submit";

test("answers go to the questionnaire of the call, beginning with the defaults", async () => {
  const calls = serve({ [PLACE]: { success: true } });
  show({ wait_time: 0 });
  expect(screen.getByLabelText<HTMLInputElement>("Small").checked).toBe(true);
  fireEvent.click(screen.getByLabelText("Large"));
  fireEvent.click(screen.getByLabelText("Wings"));
  fireEvent.change(screen.getByLabelText("A note"), { target: { value: "blue" } });
  fireEvent.click(screen.getByRole("button", { name: "Submit" }));
  expect(await screen.findByText("Sent. The agent goes on.")).toBeTruthy();
  expect(sent(calls, PLACE)).toEqual({ answers: { size: "l", extras: ["w"], note: "blue" } });
});

test("at its deadline a questionnaire says of itself that nothing was answered", async () => {
  vi.useFakeTimers({ now: NOW });
  const calls = serve({ [PLACE]: { success: true } });
  show({ wait_time: 75 });
  expect(screen.getByRole("timer").textContent).toBe("1:15");
  await act(() => vi.advanceTimersByTimeAsync(74_000));
  expect([screen.getByRole("timer").textContent, calls]).toEqual(["0:01", []]);
  await act(() => vi.advanceTimersByTimeAsync(1_500));
  expect(sent(calls, PLACE)).toEqual({ answers: { size: "", extras: [], note: "" } });
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(calls).toHaveLength(1);
});

test("a clock that is wrong in the browser does not end a questionnaire", async () => {
  vi.useFakeTimers({ now: NOW + 3_600_000 });
  const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(
    async () =>
      new Response(JSON.stringify({ code: 200, data: {} }), {
        headers: { Date: new Date(NOW).toUTCString() },
      }),
  );
  const { get } = await import("../src/kit/http");
  await get("/api/system/info");
  show({ wait_time: 60 });
  expect([screen.getByRole("timer").textContent, fetched.mock.calls.length]).toEqual(["1:00", 1]);
});

test("what was answered elsewhere is said in the server's words", async () => {
  serve({ [PLACE]: new Refused(409, "Already submitted", "questionnaire_submitted", {}, 409) });
  show({ wait_time: 0 });
  fireEvent.click(screen.getByRole("button", { name: "Submit" }));
  expect(await screen.findByText("Already submitted")).toBeTruthy();
});

test("an answered questionnaire shows the chosen labels, and what was left out", () => {
  show(
    {},
    resultOf({ success: true, status: "submitted", answers: { size: "l", extras: [], note: "blue" } }),
  );
  expect(screen.getAllByRole("definition").map((each) => each.textContent)).toEqual([
    "Large",
    "Not answered",
    "blue",
  ]);
  expect(screen.queryByRole("button")).toBeNull();
});

test("a questionnaire of a run that has ended cannot be answered", () => {
  show({}, undefined, false);
  expect(screen.getByText("This can no longer be answered.")).toBeTruthy();
  expect(screen.queryByRole("button")).toBeNull();
});

test("a plan takes a decision before it can be submitted", async () => {
  const questions = [
    {
      id: "decision",
      type: "single_choice",
      title: "Go on?",
      options: [
        { label: "Execute", value: "execute_plan" },
        { label: "Adjust", value: "adjust_plan" },
      ],
    },
    { id: "feedback", type: "text", title: "Feedback" },
  ];
  const calls = serve({ [PLACE]: { success: true } });
  show({ questions, questionnaire_kind: "plan_confirmation", wait_time: 0 });
  const submit = screen.getByRole("button", { name: "Submit" });
  expect(submit.hasAttribute("disabled")).toBe(true);
  fireEvent.click(screen.getByLabelText("Execute"));
  fireEvent.click(submit);
  await waitFor(() =>
    expect(sent(calls, PLACE)).toEqual({ answers: { decision: "execute_plan", feedback: "" } }),
  );
});

test("the answer to a questionnaire that waits for no run is the next message", () => {
  const onReply = vi.fn();
  const call = callOf("questionnaire_async");
  const result = resultOf({ success: true, validation_passed: true });
  render(<QuestionCard message={asked} call={call} result={result} isLive={false} onReply={onReply} />);
  fireEvent.change(screen.getByLabelText("A note"), { target: { value: "</questionnaire-response>" } });
  fireEvent.click(screen.getByRole("button", { name: "Submit" }));
  const text = String(onReply.mock.calls[0]?.[0]);
  expect(text.match(/<\/questionnaire-response>/g)).toHaveLength(1);
  expect(readResponse(text)).toEqual([
    { question: "How big?", answer: "Small" },
    { question: "Extras", answer: "" },
    { question: "A note", answer: "</questionnaire-response>" },
  ]);
});

const APPROVAL: ApprovalLine = {
  role: "system",
  type: "sandbox_approval_requested",
  message_id: "ap1",
  session_id: "s1_sub_1",
  content: "A command wants to run",
  approval_id: "ap1",
  tool_name: "execute_shell_command",
  command: "rm -r build",
  command_hash: "abc",
  category: "delete",
  reason: "It deletes files",
  expires_at: NOW / 1000 + 600,
};
const APPROVE = "POST /api/sandbox/approval";

function showApproval(decision?: Decision, isLive = true) {
  const onDecided = vi.fn();
  render(<ApprovalCard line={APPROVAL} decision={decision} isLive={isLive} onDecided={onDecided} />);
  return onDecided;
}

test("consent names the call it is given to, in the conversation that asks", async () => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
  const calls = serve({ [APPROVE]: { success: true, status: "approved" } });
  const onDecided = showApproval();
  expect([screen.getByText("rm -r build"), screen.getByText("It deletes files")]).toHaveLength(2);
  expect(screen.getByRole("timer").textContent).toBe("10:00");
  fireEvent.click(screen.getByRole("button", { name: "Allow once" }));
  await waitFor(() => expect(onDecided).toHaveBeenCalledExactlyOnceWith("ap1", "approve"));
  expect(sent(calls, APPROVE)).toEqual({
    session_id: "s1_sub_1",
    approval_id: "ap1",
    decision: "approve",
    command_hash: "abc",
  });
});

test("a decision that came too late is told, and one that is known is shown", async () => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
  serve({ [APPROVE]: new Refused(409, "Already decided: denied", "approval_decided") });
  const onDecided = showApproval();
  fireEvent.click(screen.getByRole("button", { name: "Do not allow" }));
  expect(await screen.findByText("Already decided: denied")).toBeTruthy();
  expect(onDecided).not.toHaveBeenCalled();
});

test("a decided or abandoned request has no buttons", () => {
  showApproval("deny");
  showApproval(undefined, false);
  expect([screen.getByText("Not allowed"), screen.getByText("Expired")]).toHaveLength(2);
  expect(screen.queryByRole("button")).toBeNull();
});
