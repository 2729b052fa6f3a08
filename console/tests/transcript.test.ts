import { expect, test } from "vitest";
import {
  applyLine,
  emptyTranscript,
  fromHistory,
  textOf,
  withUserMessage,
} from "../src/features/chat/transcript";
import { suggestionsOf, toTurns } from "../src/features/chat/view-items";
import type { Line, MessageLine } from "../src/features/chat/wire";
import { end, text } from "./streams";

const build = (...lines: Line[]) => lines.reduce(applyLine, emptyTranscript("s1"));
const toolResult = (content: string): MessageLine => ({
  role: "tool",
  type: "tool_call_result",
  tool_call_id: "c1",
  content,
  message_id: "t1",
  session_id: "s1",
});
const call = (args: string, index?: number): MessageLine => ({
  role: "assistant",
  type: "tool_call",
  tool_calls: [{ id: "c1", type: "function", index, function: { name: "grep", arguments: args } }],
  message_id: "k1",
  session_id: "s1",
});

test("lines of one message are joined in order", () => {
  const { messages } = build(text("Leaves turn"), text(" red."), text("Next", "m2"));
  expect(messages.map(textOf)).toEqual(["Leaves turn red.", "Next"]);
});

test("deltas of two messages may alternate", () => {
  const { messages } = build(text("a1", "a"), text("b1", "b"), text("a2", "a"), text("b2", "b"));
  expect(messages.map(textOf)).toEqual(["a1a2", "b1b2"]);
});

test("a tool result replaces the one with its id", () => {
  const { messages } = build(toolResult("half"), toolResult("whole"));
  expect(messages.map(textOf)).toEqual(["whole"]);
});

test("a superseded marker keeps the text and marks it", () => {
  const { messages } = build(
    text("cut"),
    { ...text(""), metadata: { superseded: true } },
    text("again", "m2"),
  );
  expect(messages.map((message) => [textOf(message), message.metadata?.superseded ?? false])).toEqual([
    ["cut", true],
    ["again", false],
  ]);
});

test("fragments of a call are joined, and the complete line replaces them", () => {
  const fragments = build(call('{"pat', 0), call('tern":', 0));
  expect(fragments.messages[0]?.tool_calls?.[0]?.function.arguments).toBe('{"pattern":');
  const complete = applyLine(fragments, call('{"pattern":"x"}'));
  expect(complete.messages[0]?.tool_calls?.[0]?.function.arguments).toBe('{"pattern":"x"}');
});

test("usage, progress and the end are no messages", () => {
  const usage: Line = {
    ...text("", "u"),
    type: "token_usage",
    metadata: { token_usage: { total_info: { total_tokens: 7 } } },
  };
  const progress: Line = {
    type: "tool_progress",
    session_id: "s1",
    tool_call_id: "c1",
    text: "x",
    stream: "stdout",
    closed: false,
  };
  const transcript = build(progress, progress, usage, end());
  expect(transcript).toEqual({
    sessionId: "s1",
    decisions: {},
    endedChildren: new Set(),
    messages: [],
    progress: { c1: "xx" },
    usage: { total_tokens: 7 },
    end: end(),
  });
});

test("history followed by the rest of the log is what a watcher saw", () => {
  const lines: Line[] = [
    text("one "),
    call("{}"),
    toolResult("ok"),
    text("two ", "m2"),
    text("three", "m2"),
    end(),
  ];
  const watched = build(...lines);
  for (let index = 0; index <= lines.length; index += 1) {
    const stored = build(...lines.slice(0, index));
    const history = { conversation_id: "s1", messages: [...stored.messages] };
    const resumed = lines.slice(index).reduce(applyLine, fromHistory("s1", history));
    expect(resumed.messages).toEqual(watched.messages);
  }
});

test("a transcript that is built on stays as it was", () => {
  const before = build(text("a"));
  applyLine(before, text("b"));
  expect(before.messages.map(textOf)).toEqual(["a"]);
});

test("a message of the person clears what belonged to the last run", () => {
  const transcript = withUserMessage(build(text("a"), end("failed")), "q1", "again?", 0);
  expect([transcript.end, transcript.messages.at(-1)?.content]).toEqual([null, "again?"]);
});

test("turns begin with the person and pair calls with results; child lines stay out", () => {
  const asked = withUserMessage(emptyTranscript("s1"), "q1", "go", 0);
  const child = { ...text("child", "x"), session_id: "s1_sub_1" };
  const transcript = [call("{}"), child, toolResult("ok"), text("done")].reduce(applyLine, asked);
  const [turn] = toTurns(transcript);
  expect(turn?.user?.content).toBe("go");
  expect(turn?.items.map((item) => [item.kind, item.result?.content])).toEqual([
    ["tool", "ok"],
    ["text", undefined],
  ]);
  expect(toTurns(transcript, "s1_sub_1")[0]?.items.map((item) => textOf(item.message))).toEqual(["child"]);
});

test("suggestions come from the metadata or from the list in the text", () => {
  const listed = { ...text("- a\n2. b\n\n* c"), type: "query_suggest" };
  expect(suggestionsOf(listed)).toEqual(["a", "b", "c"]);
  expect(suggestionsOf({ ...listed, metadata: { suggestions: ["x"] } })).toEqual(["x"]);
});
