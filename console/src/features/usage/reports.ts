import { get } from "../../kit/http";

export const GROUPINGS = ["model", "agent", "step", "key", "provider"] as const;
export const ADMIN_GROUPINGS = [...GROUPINGS, "user", "group"] as const;
export type Grouping = (typeof ADMIN_GROUPINGS)[number];

/** What calls of one key come to (platform.md 14.2). */
export interface Figures {
  key: string | null;
  label: string;
  calls: number;
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  cache_hit_rate: number;
  cost: number;
  unpriced_calls: number;
}

export interface Summary {
  items: Figures[];
  totals: Omit<Figures, "key" | "label">;
  currency: string;
}

export const SPANS = ["7", "30", "90"] as const;
export type SpanDays = (typeof SPANS)[number];

const DAY = 86_400_000;
const dateOf = (moment: number) => new Date(moment).toISOString().slice(0, 10);

/** The days of a span that ends today, oldest first. */
export const daysOf = (count: number, now: number): string[] =>
  Array.from({ length: count }, (_, at) => dateOf(now - (count - 1 - at) * DAY));

/** An administrator's own rows have to be asked for: the server answers with everybody's. */
const rowsQuery = (days: string[], userId: string | null) =>
  `from=${days[0] ?? ""}&to=${days.at(-1) ?? ""}${userId === null ? "" : `&user_id=${encodeURIComponent(userId)}`}`;

export const readSummary = (groupBy: Grouping | "day", days: string[], userId: string | null) =>
  get<Summary>(`/api/usage/summary?group_by=${groupBy}&${rowsQuery(days, userId)}`);
export const exportHref = (days: string[], userId: string | null) =>
  `/api/usage/export?${rowsQuery(days, userId)}`;
export const tokensOf = (figures: { input_tokens: number; output_tokens: number }) =>
  figures.input_tokens + figures.output_tokens;
