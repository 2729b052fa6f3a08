import { fireEvent, render, screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { splitQuestions, withoutUnfinished } from "../src/features/chat/inline-questions";
import { MessageItem } from "../src/features/chat/MessageItem";
import { readYaml } from "../src/features/chat/plain-yaml";
import { readResponse } from "../src/features/chat/questionnaire";
import type { MessageLine } from "../src/features/chat/wire";

const YAML = `title: "Your trip"
questions:
  - type: single_choice
    text: How long?
    options:
      - A weekend
      - A week: seven days
    default: A weekend
  - type: multi_choice
    text: 'What do you like?'
    options: [Museums, Food]
  # the last one
  - type: free_text
    text: Anything else?
`;
const FENCED = `I need to know:\n\n\`\`\`questionnaire\n${YAML}\`\`\`\n\nThen I begin.`;

describe("questions in the text of an answer", () => {
  test("are read from a fenced block, with the text around them", () => {
    const parts = splitQuestions(FENCED, "m1");
    expect([parts?.before, parts?.after]).toEqual(["I need to know:", "Then I begin."]);
    expect(parts?.questionnaire.title).toBe("Your trip");
    expect(parts?.questionnaire.questions.map(({ kind, title, start }) => [kind, title, start])).toEqual([
      ["single", "How long?", "A weekend"],
      ["multiple", "What do you like?", []],
      ["text", "Anything else?", ""],
    ]);
  });
  test.each(["questionnaire", "sage-questionnaire"])("are read from a tag <%s>", (tag) => {
    const json = JSON.stringify({ title: "Trip", questions: [{ id: "q", type: "text", title: "Where?" }] });
    expect(splitQuestions(`<${tag}>${json}</${tag}>`, "m1")?.questionnaire.questions[0]?.title).toBe(
      "Where?",
    );
  });
  test("that cannot be read stay text", () => {
    expect(splitQuestions("<questionnaire>{broken</questionnaire>", "m1")).toBeNull();
    expect(splitQuestions("```questionnaire\nquestions: none\n```", "m1")).toBeNull();
    expect(splitQuestions("Write `<questionnaire>` to ask.", "m1")).toBeNull();
  });
  test("are not shown while they are being written", () => {
    expect(withoutUnfinished('Tell me: <questionnaire>{"tit')).toBe("Tell me:");
    expect(withoutUnfinished("Nothing of it")).toBe("Nothing of it");
  });
  test("are answered by the next message", () => {
    const onReply = vi.fn();
    const message: MessageLine = {
      role: "assistant",
      type: "do_subtask_result",
      message_id: "m1",
      session_id: "s1",
      content: FENCED,
    };
    render(
      <MessageItem item={{ kind: "text", message }} isGrowing={false} isLive={false} onReply={onReply} />,
    );
    fireEvent.click(screen.getByLabelText("Food"));
    fireEvent.click(screen.getByRole("button", { name: "Submit" }));
    expect(readResponse(onReply.mock.calls[0]?.[0])).toEqual([
      { question: "How long?", answer: "A weekend" },
      { question: "What do you like?", answer: "Food" },
      { question: "Anything else?", answer: "" },
    ]);
  });
});

test("lists may stand as far out as their name, and odd texts are refused", () => {
  expect(readYaml("a:\n- x\n-\n  b: 1\nc: []")).toEqual({ a: ["x", { b: "1" }], c: [] });
  expect(() => readYaml("a: 1\n   stray")).toThrow(SyntaxError);
});
