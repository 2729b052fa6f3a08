import { vi } from "vitest";

export interface Call {
  /** Method and address, such as `GET /api/user/list?page=1`. */
  to: string;
  body: unknown;
}

export class Refused {
  constructor(
    readonly code: number,
    readonly message: string,
    readonly slug: string,
    readonly headers: Record<string, string> = {},
    /** Of HTTP; most refusals come with 200. */
    readonly status = 200,
  ) {}
}

type Answer = unknown | ((body: never, to: string) => unknown);

/**
 * Answers `fetch` from a table of `METHOD /path` (without the query), in the envelope. Gives the calls in their order;
 * an address that is not in the table fails the test that asked for it.
 */
export function serve(table: Record<string, Answer>): Call[] {
  const calls: Call[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (address, options) => {
    const to = `${options?.method} ${address}`;
    const body = options?.body === undefined ? undefined : JSON.parse(String(options.body));
    calls.push({ to, body });
    const key = to.split("?")[0] as string;
    if (!(key in table)) throw new Error(`nobody answers ${to}`);
    const answer = table[key];
    const data =
      typeof answer === "function" ? (answer as (body: unknown, to: string) => unknown)(body, to) : answer;
    if (data instanceof Refused) {
      const refusal = { code: data.code, message: data.message, data: null, error_detail: data.slug };
      const detail = data.status === 200 ? {} : { detail: data.message };
      const { headers, status } = data;
      return new Response(JSON.stringify({ ...refusal, ...detail }), { headers, status });
    }
    return new Response(JSON.stringify({ code: 200, message: "success", data }));
  });
  return calls;
}

export const sent = (calls: Call[], to: string): unknown => calls.find((call) => call.to === to)?.body;
