/** Byte streams and answers for tests. */
const encoder = new TextEncoder();

/** A stream of the given pieces; with `breaks` it ends in an error, as a lost connection does. */
export function streamOf(pieces: (string | Uint8Array)[], breaks = false): ReadableStream<Uint8Array> {
  const waiting = pieces.map((piece) => (typeof piece === "string" ? encoder.encode(piece) : piece));
  return new ReadableStream({
    pull(controller) {
      const next = waiting.shift();
      if (next !== undefined) controller.enqueue(next);
      else if (breaks) controller.error(new TypeError("connection lost"));
      else controller.close();
    },
  });
}

export const ndjson = (...lines: object[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");

export function streamAnswer(pieces: string[], breaks = false, runId = "run-1"): Response {
  return new Response(streamOf(pieces, breaks), { headers: { "X-Clary-Run-Id": runId } });
}

export const refusal = (status: number, message: string): Response =>
  new Response(JSON.stringify({ code: status, message, data: null, error_detail: "slug" }), { status });

export const text = (content: string, message_id = "m1") => ({
  role: "assistant" as const,
  type: "do_subtask_result",
  content,
  message_id,
  session_id: "s1",
  metadata: {},
});

export const end = (status = "completed") => ({
  type: "stream_end" as const,
  session_id: "s1",
  status: status as "completed",
  run_id: "run-1",
});
