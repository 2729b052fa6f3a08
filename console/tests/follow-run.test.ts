import { expect, test } from "vitest";
import { backOff, type FollowOptions, followRun } from "../src/features/chat/follow-run";
import { ApiError } from "../src/kit/http";
import { end, ndjson, refusal, streamAnswer, text } from "./streams";

type Connection = () => Response | Promise<Response>;

/** Answers each connection in turn and notes what was asked for. */
function rig(connections: Connection[], options: Partial<FollowOptions> = {}) {
  const asked: string[] = [];
  const seen: string[] = [];
  const next = async (what: string) => {
    asked.push(what);
    const connection = connections.shift();
    if (connection === undefined) throw new Error("one connection too many");
    return connection();
  };
  const done = followRun({
    source: { start: () => next("start"), resume: (index, runId) => next(`resume ${index} ${runId}`) },
    signal: new AbortController().signal,
    wait: async () => {},
    onLine: (line) => seen.push("content" in line ? String(line.content) : line.type),
    ...options,
  });
  return { done, asked, seen };
}

test("a run on one connection is read to its end", async () => {
  const { done, asked, seen } = rig([() => streamAnswer([ndjson(text("a"), text("b"), end())])]);
  expect(await done).toEqual({ index: 3, runId: "run-1" });
  expect([asked, seen]).toEqual([["start"], ["a", "b", "stream_end"]]);
});

test("a broken connection is taken up at the next line, heartbeats not counted", async () => {
  const { done, asked, seen } = rig([
    () => streamAnswer(["\n", ndjson(text("a")), "\n\r\n", ndjson(text("b"))], true),
    () => streamAnswer(["\n", ndjson(text("c"), end())]),
  ]);
  await done;
  expect([asked, seen]).toEqual([
    ["start", "resume 2 run-1"],
    ["a", "b", "c", "stream_end"],
  ]);
});

test("half a line at a break is not counted and comes again", async () => {
  const { done, asked, seen } = rig([
    () => streamAnswer([ndjson(text("a")), '{"type":"do_sub'], true),
    () => streamAnswer([ndjson(text("b"), end())]),
  ]);
  await done;
  expect([asked[1], seen]).toEqual(["resume 1 run-1", ["a", "b", "stream_end"]]);
});

test("a connection that closes without an end is taken up as well", async () => {
  const { done, asked } = rig([
    () => streamAnswer([ndjson(text("a"))]),
    () => streamAnswer([]),
    () => streamAnswer([ndjson(end())]),
  ]);
  expect(await done).toEqual({ index: 2, runId: "run-1" });
  expect(asked).toEqual(["start", "resume 1 run-1", "resume 1 run-1"]);
});

test("a start that never reached the server is sent again", async () => {
  const { done, asked } = rig([
    () => Promise.reject(new ApiError("", 0, "network")),
    () => streamAnswer([ndjson(end())]),
  ]);
  await done;
  expect(asked).toEqual(["start", "start"]);
});

test("without a start the run is resumed from the given line", async () => {
  const resume: FollowOptions["source"]["resume"] = async (index, runId) => {
    expect([index, runId]).toEqual([5, "run-9"]);
    return streamAnswer([ndjson({ ...end(), resume_fallback: true, run_id: undefined })], false, "run-9");
  };
  const { done } = rig([], { source: { resume }, index: 5, runId: "run-9" });
  expect(await done).toEqual({ index: 5, runId: "run-9" });
});

test("a refusal ends it with the server's words", async () => {
  const { done, asked } = rig([() => refusal(404, "gone")]);
  await expect(done).rejects.toMatchObject({ message: "gone", status: 404 });
  expect(asked).toEqual(["start"]);
});

test("a server that restarts or is busy is asked again", async () => {
  const { done, asked } = rig([
    () => refusal(503, "later"),
    () => streamAnswer([ndjson(text("a"))]),
    () => refusal(429, "too many views"),
    () => refusal(500, "oops"),
    () => streamAnswer([ndjson(end())]),
  ]);
  await done;
  expect(asked).toEqual(["start", "start", ...Array(3).fill("resume 1 run-1")]);
});

test("a start that is refused for now is not repeated", async () => {
  const { done, asked } = rig([() => refusal(429, "budget spent")]);
  await expect(done).rejects.toMatchObject({ message: "budget spent" });
  expect(asked).toEqual(["start"]);
});

test("leaving stops the reading and asks no more", async () => {
  const leaving = new AbortController();
  const onLine = () => leaving.abort();
  const { done, asked } = rig([() => streamAnswer([ndjson(text("a"), text("b"), end())])], {
    signal: leaving.signal,
    onLine,
  });
  await expect(done).rejects.toMatchObject({ name: "AbortError" });
  expect(asked).toEqual(["start"]);
});

test("waits grow and stay bounded", () => {
  expect([1, 2, 3, 4, 5, 6, 20].map(backOff)).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000]);
});
