import { LineSplitter } from "../../kit/line-splitter";

/**
 * Reads one JSON object per line from a byte stream.
 * Bytes may be cut anywhere, also inside a character. Empty lines are heartbeats: they keep the reader awake and
 * are not items. What is not JSON is skipped, because a reader of a later server must not stop at it.
 */
export interface LineReaderOptions {
  /** Called for each piece of bytes, heartbeats included. */
  onActivity?: () => void;
}

export async function* readLines<T>(
  body: ReadableStream<Uint8Array>,
  options: LineReaderOptions = {},
): AsyncGenerator<T, void, undefined> {
  const reader = body.getReader();
  const splitter = new LineSplitter();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      options.onActivity?.();
      yield* parseAll<T>(splitter.push(value));
    }
    yield* parseAll<T>(splitter.finish());
  } finally {
    reader.cancel().catch(() => {}); // Already broken connections refuse to be cancelled.
  }
}

function* parseAll<T>(lines: string[]): Generator<T> {
  for (const line of lines) {
    if (line.trim() === "") continue;
    const value = parseObject(line);
    if (value !== null) yield value as T;
  }
}

function parseObject(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
