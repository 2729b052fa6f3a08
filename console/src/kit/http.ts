/** The one way to the server: envelope in, data out. Knows no feature. */
import { currentLocaleTag } from "./i18n";
import { noteServerDate } from "./server-clock";

export interface Envelope<T> {
  code: number;
  message: string;
  data: T;
  error_detail?: string | null;
  /** A readable sentence where an answer has one beside its message; a list of faults elsewhere. */
  detail?: unknown;
}

/** A refusal or failure, with the text a person should read. `status` is the wire code, 0 without a connection. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly slug: string | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

type SignedOutListener = (error: ApiError) => void;
let signedOutListener: SignedOutListener = () => {};

/** Called once per answer that says the login is gone. */
export function onSignedOut(listener: SignedOutListener): void {
  signedOutListener = listener;
}

export interface RequestOptions {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { body, signal } = options;
  const headers: Record<string, string> = { "X-Locale": currentLocaleTag(), ...options.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json;charset=UTF-8";
  try {
    const response = await fetch(path, {
      method: options.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "same-origin",
      cache: "no-store",
    });
    noteServerDate(response.headers.get("Date"));
    return response;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError("", 0, "network");
  }
}

/** Turns a failed answer of any kind into the error to throw. */
export async function toApiError(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as Partial<Envelope<unknown>> | null;
  return asError(body, response.status, response.headers.get("Retry-After"));
}

function asError(
  body: Partial<Envelope<unknown>> | null,
  httpStatus: number,
  retryAfter: string | null,
): ApiError {
  const wait = Number(retryAfter);
  const error = new ApiError(
    typeof body?.detail === "string" ? body.detail : (body?.message ?? ""),
    body?.code ?? httpStatus,
    body?.error_detail ?? null,
    Number.isFinite(wait) && wait > 0 ? wait : null,
  );
  if (httpStatus === 401) signedOutListener(error);
  return error;
}

/** The envelope of a success, or the error it tells of, for answers that did not come by `fetch`. */
export function readEnvelope<T>(body: Envelope<T> | null, httpStatus: number): Envelope<T> | ApiError {
  if (body === null && httpStatus === 200) return new ApiError("", httpStatus, "malformed");
  return body?.code === 200 && httpStatus === 200 ? body : asError(body, httpStatus, null);
}

/** Sends one request and answers the `data` of its envelope. Raises `ApiError` for everything else. */
export async function call<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  if (!response.ok) throw await toApiError(response);
  const envelope = (await response
    .clone()
    .json()
    .catch(() => null)) as Envelope<T> | null;
  if (envelope === null) throw new ApiError("", response.status, "malformed");
  if (envelope.code !== 200) throw await toApiError(response);
  return envelope.data;
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>(path, { signal });
export const post = <T>(path: string, body: unknown = {}) => call<T>(path, { body });
export const put = <T>(path: string, body: unknown, headers?: Record<string, string>) =>
  call<T>(path, { method: "PUT", body, headers });
export const patch = <T>(path: string, body: unknown) => call<T>(path, { method: "PATCH", body });
export const remove = <T>(path: string) => call<T>(path, { method: "DELETE" });
