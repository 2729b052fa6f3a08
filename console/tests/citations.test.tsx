import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { type Citation, hasMarks, SourcesContext, sourcesByMessage } from "../src/features/chat/citations";
import { Markdown } from "../src/features/chat/Markdown";
import { emptyTranscript, withUserMessage } from "../src/features/chat/transcript";
import { Refused, serve } from "./server";

const citation = (n: number, values: Partial<Citation> = {}): Citation => ({
  message_id: "m1",
  n,
  valid: true,
  doc_id: `doc${n}`,
  title: "rules.pdf",
  page: 3,
  start: 10,
  end: 60,
  deleted: false,
  ...values,
});
const ABSENT = { valid: false, doc_id: null, title: null, page: null, start: null, end: null };
const TEXT =
  "Paid [1], not [2] nor [7].\n\n`list[1]` and [a link[1]](https://x.example)\n\n```\nfirst[1]\n```\n";

function show(citations: Citation[], text = TEXT) {
  const sources = sourcesByMessage(citations).get("m1") ?? new Map();
  return render(
    <SourcesContext.Provider value={sources}>
      <Markdown text={text} />
    </SourcesContext.Provider>,
  );
}
const marks = () =>
  [...document.querySelectorAll(".citation")].map((each) => each.getAttribute("aria-label"));

test("a number that was given is a way to its passage; all others stay the text they are", () => {
  const { container } = show([citation(1), citation(7, ABSENT)]);
  expect(marks()).toEqual(["[1] rules.pdf, Page 3"]);
  expect(screen.getByRole("link", { name: /^\[1\]/ }).getAttribute("href")).toBe(
    "#/document/doc1?start=10&end=60",
  );
  expect(container.textContent).toContain("Paid [1], not [2] nor [7].");
});

test("marks in programs and links are none", () => {
  const { container } = show([citation(1)], "`a[1]` [see [1]](https://x.example)\n\n```\nb[1]\n```");
  expect(marks()).toEqual([]);
  expect(container.querySelector("code")?.textContent).toBe("a[1]");
});

test("the focus opens a card with the passage, and Escape closes it", async () => {
  const calls = serve({
    "GET /api/knowledge-base/doc/content/doc1": { text: " A night costs 180. ", end: 60 },
  });
  show([citation(1)]);
  fireEvent.focus(screen.getByRole("link", { name: /^\[1\]/ }));
  expect(await screen.findByText("A night costs 180.")).toBeTruthy();
  expect(calls.map(({ to }) => to)).toEqual(["GET /api/knowledge-base/doc/content/doc1?start=10&end=60"]);
  fireEvent.keyDown(screen.getByRole("link", { name: /^\[1\]/ }), { key: "Escape" });
  expect(screen.queryByRole("tooltip")).toBeNull();
});

test("a passage that may not be read any more says so, and is asked for again the next time", async () => {
  const calls = serve({
    "GET /api/knowledge-base/doc/content/doc4": new Refused(404, "KDB Doc not found", "doc_not_found"),
  });
  show([citation(4)], "So [4].");
  const link = screen.getByRole("link", { name: /^\[4\]/ });
  for (const time of [1, 2]) {
    fireEvent.focus(link);
    expect(await screen.findByText(/may not open this passage/)).toBeTruthy();
    fireEvent.blur(link);
    expect(calls).toHaveLength(time);
  }
});

test("a deleted document is no link, and says that it is gone", () => {
  show([citation(2, { deleted: true })], "So [2].");
  const mark = screen.getByRole("button", { name: "[2] rules.pdf, Page 3, The document was deleted." });
  fireEvent.focus(mark);
  expect(screen.getByRole("tooltip").textContent).toContain("The document was deleted.");
});

test("only answers with marks are asked about", () => {
  const asked = withUserMessage(emptyTranscript("s1"), "u1", "What is [1]?", 0);
  const answered = (content: string) => ({
    ...asked,
    messages: [
      ...asked.messages,
      { role: "assistant" as const, type: "do_subtask_result", message_id: "m1", session_id: "s1", content },
    ],
  });
  expect([
    hasMarks(asked),
    hasMarks(answered("It is [0] and a[b]")),
    hasMarks(answered("It is [12].")),
  ]).toEqual([false, false, true]);
});
