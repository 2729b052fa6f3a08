/**
 * Reads a run to its end over as many connections as it takes.
 * Counts the lines it has handed out; a new connection asks for exactly the next one, so nothing is lost or doubled.
 */
import { ApiError, toApiError } from "../../kit/http";
import { delay } from "../../kit/time";
import { readLines } from "./ndjson";
import { isEnd, type Line } from "./wire";

export interface RunSource {
  /** Starts the run. Safe to repeat: the request carries an idempotency key. Absent when the run exists already. */
  start?: (signal: AbortSignal) => Promise<Response>;
  resume: (index: number, runId: string | null, signal: AbortSignal) => Promise<Response>;
}

export interface FollowOptions {
  source: RunSource;
  /** Lines already known, and of which run. */
  index?: number;
  runId?: string | null;
  signal: AbortSignal;
  /** Gets each line once, with the number of lines known after it. */
  onLine: (line: Line, position: Position) => void;
  /** The connection stands (and the run is durable), or is being made again. */
  onConnected?: (runId: string | null) => void;
  onReconnecting?: (attempt: number) => void;
  /** Replaced in tests. */
  wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export interface Position {
  index: number;
  runId: string | null;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A heartbeat comes every 15 s; three missed ones mean that the connection is dead. */
const SILENCE_MS = 45_000;

/** Resolves after `stream_end` with the number of lines seen. Raises `ApiError` when the server refuses for good. */
export async function followRun(options: FollowOptions): Promise<Position> {
  const position: Position = { index: options.index ?? 0, runId: options.runId ?? null };
  let connected = options.source.start === undefined;
  let attempt = 0;
  for (;;) {
    options.signal.throwIfAborted();
    const before = position.index;
    let retryAfterMs = 0;
    try {
      const response = await connect(options, position, connected);
      connected = true;
      if (await readConnection(response, options, position)) return position;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isWorthRetrying(error, connected)) throw error;
      if (error instanceof ApiError) retryAfterMs = (error.retryAfterSeconds ?? 0) * 1000;
    }
    attempt = position.index > before ? 1 : attempt + 1;
    options.onReconnecting?.(attempt);
    await (options.wait ?? waitOrOnline)(Math.max(retryAfterMs, backOff(attempt)), options.signal);
  }
}

export function backOff(attempt: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
}

async function connect(options: FollowOptions, position: Position, connected: boolean): Promise<Response> {
  const { source, signal } = options;
  const open = connected
    ? source.resume(position.index, position.runId, signal)
    : (source.start?.(signal) ?? Promise.reject(new Error("nothing to start")));
  const response = await open;
  if (!response.ok || response.body === null) throw await toApiError(response);
  position.runId = response.headers.get("X-Clary-Run-Id") ?? position.runId;
  options.onConnected?.(position.runId);
  return response;
}

/** Hands out the lines of one connection; true when the run ended on it. */
async function readConnection(
  response: Response,
  options: FollowOptions,
  position: Position,
): Promise<boolean> {
  const body = response.body as ReadableStream<Uint8Array>;
  const watchdog = new Watchdog(body);
  try {
    for await (const line of readLines<Line>(watchdog.stream, { onActivity: watchdog.feed })) {
      options.signal.throwIfAborted();
      if (isEnd(line)) position.runId = line.run_id ?? position.runId;
      if (!isFallbackEnd(line)) position.index += 1;
      options.onLine(line, position);
      if (isEnd(line)) return true;
    }
    return false;
  } finally {
    watchdog.stop();
  }
}

const isFallbackEnd = (line: Line): boolean => isEnd(line) && line.resume_fallback === true;

/** A refused start is for the person to read; a run that was accepted is followed through most troubles. */
function isWorthRetrying(error: unknown, isAccepted: boolean): boolean {
  if (!(error instanceof ApiError)) return true; // The connection broke while reading.
  if (error.status === 0 || error.status === 503 || error.slug === "session_releasing") return true;
  return isAccepted && (error.status === 429 || error.status >= 500);
}

/** Ends a stream that has been silent for too long. */
class Watchdog {
  readonly stream: ReadableStream<Uint8Array>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private controller: TransformStreamDefaultController<Uint8Array> | undefined;

  constructor(body: ReadableStream<Uint8Array>) {
    const pass = new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => {
        this.controller = controller;
      },
    });
    this.stream = body.pipeThrough(pass);
    this.feed();
  }

  readonly feed = (): void => {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller?.error(new Error("silent connection")), SILENCE_MS);
  };

  stop(): void {
    clearTimeout(this.timer);
  }
}

/** Waits for the time given, or shorter when the browser says that the network is back. */
async function waitOrOnline(milliseconds: number, signal: AbortSignal): Promise<void> {
  const woken = new AbortController();
  const wake = () => woken.abort();
  addEventListener("online", wake, { once: true });
  try {
    await delay(milliseconds, AbortSignal.any([signal, woken.signal]));
  } catch (reason) {
    if (signal.aborted) throw reason;
  } finally {
    removeEventListener("online", wake);
  }
}
