import type { BudgetState } from "./api";

/** The ceilings of one budget together, in the order they came. */
export function groupStates(states: BudgetState[]): [string, BudgetState[]][] {
  const groups = new Map<string, BudgetState[]>();
  for (const state of states) {
    const key = `${state.scope}/${state.id}`;
    groups.set(key, [...(groups.get(key) ?? []), state]);
  }
  return [...groups];
}
