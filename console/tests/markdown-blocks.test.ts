import { expect, test } from "vitest";
import { closeOpenMarks, splitBlocks } from "../src/features/chat/markdown-blocks";

test("paragraphs are blocks, fences and loose lists stay whole", () => {
  const fence = "```py\na = 1\n\nb = 2\n```";
  const list = "1. one\n\n2. two\n\n   more of two";
  expect(splitBlocks(`Hi.\n\n${fence}\n\n${list}\n\nBye.`)).toEqual(["Hi.", fence, list, "Bye."]);
});

test("a growing text never changes its closed blocks", () => {
  const text = "# A\n\ntext **b**\n\n- x\n- y\n\n```\ncode\n\ncode\n```\n\nend";
  const whole = splitBlocks(text);
  for (let length = 1; length <= text.length; length += 1) {
    const closed = splitBlocks(text.slice(0, length)).slice(0, -1);
    expect(closed).toEqual(whole.slice(0, closed.length));
  }
});

test("a text with references is one block", () => {
  const text = "See [a].\n\n[a]: https://example.com";
  expect(splitBlocks(text)).toEqual([text]);
});

test.each([
  ["some **bold", "some **bold**"],
  ["some **", "some "],
  ["run `ls", "run `ls`"],
  ["`**` done", "`**` done"],
  ["see [page](https://exa", "see page"],
  ["see [pag", "see pag"],
  ["see [page](https://example.com) now", "see [page](https://example.com) now"],
  ["```py\n**kwargs", "```py\n**kwargs"],
])("%j is shown as %j", (written, shown) => {
  expect(closeOpenMarks(written)).toBe(shown);
});
