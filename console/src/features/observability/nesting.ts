import type { Step } from "./api";

export interface Placed {
  step: Step;
  depth: number;
  /** Where its bar begins, and how long it is, in hundredths of the whole. */
  left: number;
  width: number;
  afterMs: number;
}

/** Steps with each after the one it belongs to, and where they lie in the time of the whole run. */
export function placed(steps: Step[]): Placed[] {
  const began = (step: Step) => new Date(step.started_at).getTime();
  const start = Math.min(...steps.map(began));
  const whole = Math.max(1, ...steps.map((step) => began(step) + step.duration_ms - start));
  const below = new Map<string | null, Step[]>();
  const ids = new Set(steps.map(({ id }) => id));
  for (const step of steps) {
    const parent = step.parent_id !== null && ids.has(step.parent_id) ? step.parent_id : null;
    below.set(parent, [...(below.get(parent) ?? []), step]);
  }
  const walk = (parent: string | null, depth: number): Placed[] =>
    (below.get(parent) ?? []).flatMap((step) => {
      const afterMs = began(step) - start;
      const left = (afterMs / whole) * 100;
      const width = Math.max(0.5, (step.duration_ms / whole) * 100);
      return [
        {
          step,
          depth,
          left: Math.min(left, 99.5),
          width: Math.min(width, 100 - Math.min(left, 99.5)),
          afterMs,
        },
        ...walk(step.id, depth + 1),
      ];
    });
  return walk(null, 0);
}
