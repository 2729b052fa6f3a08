import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { createRef, useState } from "react";
import { expect, test, vi } from "vitest";
import type { SystemInfo } from "../src/features/accounts/api";
import { LoginPage } from "../src/features/accounts/LoginPage";
import { Composer } from "../src/features/chat/Composer";
import { MessageList } from "../src/features/chat/MessageList";
import { ToolCard } from "../src/features/chat/ToolCard";
import { applyLine, emptyTranscript, withUserMessage } from "../src/features/chat/transcript";
import type { Line, MessageLine, ToolCall } from "../src/features/chat/wire";
import { end, text } from "./streams";

const transcriptOf = (...lines: Line[]) =>
  lines.reduce(applyLine, withUserMessage(emptyTranscript("s1"), "q1", "How?", 0));

test("the list is a log with the question, the answer as Markdown, and follow-ups", () => {
  const onSuggestion = vi.fn();
  const suggest: Line = { ...text("- Go on", "x"), type: "query_suggest" };
  const transcript = transcriptOf(text("It is **so**.\n\nEnd."), suggest, end());
  render(<MessageList transcript={transcript} phase="idle" onSuggestion={onSuggestion} />);
  const log = screen.getByRole("log");
  expect(log.getAttribute("aria-busy")).toBe("false");
  expect(within(log).getByText("so").tagName).toBe("STRONG");
  expect(within(log).getByText("How?")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Go on" }));
  expect(onSuggestion).toHaveBeenCalledWith("Go on");
});

test("failures, notices and broken attempts each look like what they are", () => {
  const failure: Line = {
    ...text("工作流执行失败: bad key", "f"),
    type: "final_answer",
    error_info: { kind: "provider_auth", message: "bad key" },
  };
  const marker: Line = { ...text("", "cut"), metadata: { superseded: true } };
  const transcript = transcriptOf(
    text("half", "cut"),
    marker,
    { ...text("Limit reached", "n"), type: "normal" },
    failure,
    end("failed"),
  );
  render(<MessageList transcript={transcript} phase="idle" onSuggestion={() => {}} />);
  expect(screen.getByRole("alert").textContent).toContain("bad key");
  expect(screen.getByText("Limit reached").closest(".notice")?.className).toBe("notice info");
  expect(screen.getByText("half").tagName).toBe("DEL");
});

test("thoughts are folded, and raw HTML stays text", () => {
  const thought: Line = { ...text("Let me think", "r"), type: "reasoning_content" };
  const transcript = transcriptOf(thought, text('<img src="x" onerror="alert(1)"> hi'), end());
  const { container } = render(<MessageList transcript={transcript} phase="idle" onSuggestion={() => {}} />);
  expect(container.querySelector("details.thought")?.hasAttribute("open")).toBe(false);
  expect(container.querySelector(".answer img")).toBeNull();
});

const callOf = (name: string, args: object): ToolCall => ({
  id: "c1",
  type: "function",
  function: { name, arguments: JSON.stringify(args) },
});
const resultOf = (content: Record<string, unknown>, is_error?: true): MessageLine => ({
  role: "tool",
  type: "tool_call_result",
  tool_call_id: "c1",
  content,
  is_error,
  message_id: "t1",
  session_id: "s1",
});
const card = (call: ToolCall, result?: MessageLine, progress?: string) => (
  <ToolCard call={call} result={result} progress={progress} isLive isNewestPlan />
);
const statusOf = (container: HTMLElement) => container.querySelector(".tool")?.getAttribute("data-status");

test("a command shows its live output, then folds to its result", () => {
  const call = callOf("execute_shell_command", { command: "ls -l" });
  const { container, rerender } = render(card(call, undefined, "total 4"));
  expect(statusOf(container)).toBe("running");
  expect(screen.getByText("total 4")).toBeTruthy();
  const values = { success: true, stdout: "total 8\n", stderr: "", return_code: 0, execution_time: 0.2 };
  rerender(card(call, resultOf(values)));
  expect([statusOf(container), screen.queryByText("total 8")]).toEqual(["done", null]);
  fireEvent.click(screen.getByRole("button", { name: /Run a command/ }));
  expect(screen.getByText("total 8")).toBeTruthy();
  expect(screen.getByText(/Exit code 0/)).toBeTruthy();
});

test("an error of a tool is shown in the closed card", () => {
  const values = {
    error: true,
    error_type: "EXECUTION_ERROR",
    message: "no such file",
    tool_name: "file_read",
  };
  const { container } = render(
    card(callOf("file_read", { file_path: "/workspace/a" }), resultOf(values, true)),
  );
  expect(statusOf(container)).toBe("failed");
  expect(screen.getByText("no such file")).toBeTruthy();
});

test("a task list is shown with the state of each task", () => {
  const call = callOf("todo_write", { tasks: [{ id: "a", content: "Look" }] });
  const listed = { summary: "ok", tasks: [{ index: 0, id: "a", name: "Look", status: "completed" }] };
  const { container } = render(card(call, resultOf(listed)));
  expect(container.querySelector(".todos li")?.className).toBe("completed");
  expect(screen.getByText("Look")).toBeTruthy();
});

test("an unknown tool shows its arguments and its result", () => {
  render(card(callOf("web_thing", { query: "clary" }), resultOf({ answer: 42 })));
  fireEvent.click(screen.getByRole("button", { name: /web_thing/ }));
  expect(screen.getByText(/"answer": 42/)).toBeTruthy();
});

const INFO: SystemInfo = {
  instance_name: "Our Clary",
  announcement: "Down on Sunday",
  auth_mode: "native",
  has_local_auth: true,
  native_login_admin_only: false,
  auth_providers: [],
  demo_model: true,
};

test("the login form shows the server's words and sends what was typed", async () => {
  const refused = { code: 400, message: "Wrong user name or password", error_detail: "invalid_credentials" };
  const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(JSON.stringify(refused)));
  render(<LoginPage info={INFO} reason={null} />);
  expect([screen.getByText("Our Clary"), screen.getByText("Down on Sunday")]).toHaveLength(2);
  fireEvent.change(screen.getByLabelText("User name or e-mail"), { target: { value: " ann " } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "secret 1" } });
  fireEvent.submit(screen.getByRole("form", { name: "Sign in" }));
  expect((await screen.findByRole("alert")).textContent).toContain("Wrong user name or password");
  expect(JSON.parse(String(fetched.mock.calls[0]?.[1]?.body))).toEqual({
    username_or_email: "ann",
    password: "secret 1",
  });
});

test("the login page changes its language at once", async () => {
  render(<LoginPage info={INFO} reason={null} />);
  fireEvent.click(screen.getByRole("button", { name: "中文" }));
  await waitFor(() => expect(screen.getByRole("button", { name: "登录" })).toBeTruthy());
});

function ComposerRig({
  onSend,
  onStop,
  isBusy,
}: {
  onSend: () => void;
  onStop: () => void;
  isBusy: boolean;
}) {
  const [value, setValue] = useState("hello ");
  const props = { text: value, onText: setValue, onSend, onStop, isBusy, isStopping: false };
  return <Composer {...props} inputRef={createRef()} />;
}

test("Enter sends; Shift and an open input method do not", () => {
  const onSend = vi.fn();
  render(<ComposerRig onSend={onSend} onStop={() => {}} isBusy={false} />);
  const area = screen.getByRole("textbox", { name: "Message" });
  fireEvent.keyDown(area, { key: "Enter", shiftKey: true });
  fireEvent.keyDown(area, { key: "Enter", isComposing: true });
  fireEvent.keyDown(area, { key: "Enter", keyCode: 229 });
  expect(onSend).not.toHaveBeenCalled();
  fireEvent.keyDown(area, { key: "Enter" });
  expect(onSend).toHaveBeenCalledExactlyOnceWith("hello");
});

test("while a run goes on Enter adds to it, and Escape and the button stop it", () => {
  const onSend = vi.fn();
  const onStop = vi.fn();
  render(<ComposerRig onSend={onSend} onStop={onStop} isBusy />);
  const area = screen.getByRole("textbox", { name: "Message" });
  fireEvent.keyDown(area, { key: "Enter" });
  fireEvent.keyDown(area, { key: "Escape" });
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect([onSend.mock.calls, onStop.mock.calls.length]).toEqual([[["hello"]], 2]);
});

test("an empty message cannot be sent", () => {
  render(<ComposerRig onSend={() => {}} onStop={() => {}} isBusy={false} />);
  fireEvent.change(screen.getByRole("textbox"), { target: { value: "  " } });
  expect(screen.getByRole("button", { name: "Send" }).hasAttribute("disabled")).toBe(true);
});
