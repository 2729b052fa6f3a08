import { expect, test } from "vitest";
import { readLines } from "../src/features/chat/ndjson";
import { streamOf } from "./streams";

async function collect(pieces: (string | Uint8Array)[]): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of readLines(streamOf(pieces))) lines.push(line);
  return lines;
}

test("every cut of the bytes gives the same lines", async () => {
  const bytes = new TextEncoder().encode('{"a":"中文🎉"}\n{"b":2}\n');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(await collect([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([{ a: "中文🎉" }, { b: 2 }]);
  }
});

test("bytes that come one at a time are joined", async () => {
  const bytes = new TextEncoder().encode('{"a":"é🎉"}\n');
  expect(await collect([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual([{ a: "é🎉" }]);
});

test("heartbeats are no lines, and carriage returns are taken off", async () => {
  expect(await collect(["\n\n", '{"a":1}\r\n', "\r\n", '\n{"b":2}\n\n'])).toEqual([{ a: 1 }, { b: 2 }]);
});

test("a last line without a line end counts", async () => {
  expect(await collect(['{"a":1}\n{"b":', "2}"])).toEqual([{ a: 1 }, { b: 2 }]);
});

test("what is not a JSON object is skipped", async () => {
  expect(await collect(['oops\n{"a":1}\n[1]\nnull\n'])).toEqual([{ a: 1 }]);
});

test("heartbeats are activity", async () => {
  let pieces = 0;
  const onActivity = () => {
    pieces += 1;
  };
  for await (const _ of readLines(streamOf(["\n", "\n", '{"a":1}\n']), { onActivity }));
  expect(pieces).toBe(3);
});
