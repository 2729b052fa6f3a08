import { get, put, remove } from "../../kit/http";

export const PERIODS = ["run", "session", "day", "month"] as const;
export type Period = (typeof PERIODS)[number];
export type Unit = "tokens" | "cost";
export type Scope = "server" | "default_user" | "user" | "group" | "key" | "agent";
export type Ceiling = `${Unit}_per_${Period}`;

/** Ceilings; null is none (platform.md 14.3). */
export type Budget = Partial<Record<Ceiling, number | null>> & { currency?: string | null };

export interface BudgetState {
  scope: Scope;
  id: string;
  label: string;
  limit: number;
  unit: Unit;
  period: Period;
  spent: number;
  reserved: number;
  /** Null where several people share a ceiling. */
  remaining: number | null;
  resets_at: string | null;
}

export interface BudgetItem {
  scope: Scope;
  id: string;
  label: string;
  budget: Budget;
  states: BudgetState[];
}

export const BUDGETS_PER_PAGE = 20;
const path = (scope: Scope, id: string) => `/api/budgets/${scope}/${encodeURIComponent(id)}`;

export const listOwnStates = () => get<BudgetState[]>("/api/budgets/me");
export const listBudgets = (page: number) =>
  get<{ items: BudgetItem[]; total: number }>(`/api/budgets?page=${page}&page_size=${BUDGETS_PER_PAGE}`);
export const saveBudget = (scope: Scope, id: string, budget: Budget) => put<Budget>(path(scope, id), budget);
export const deleteBudget = (scope: Scope, id: string) => remove<unknown>(path(scope, id));
