import { get } from "../../kit/http";

export type RunStatus = "queued" | "running" | "completed" | "interrupted" | "failed" | "replaced";
export type StepKind = "model" | "tool" | "child_run" | "wait" | "compaction";
export type StepStatus = "ok" | "error" | "interrupted" | "unknown" | "running";

export interface RunObject {
  run_id: string;
  session_id: string;
  agent_name: string;
  user_id: string;
  status: RunStatus;
  created_at: string;
  parent_run_id?: string;
}

/** One step of a run (platform.md 12.4); what `detail` holds depends on its kind. */
export interface Step {
  id: string;
  parent_id: string | null;
  kind: StepKind;
  name: string;
  status: StepStatus;
  started_at: string;
  duration_ms: number;
  attempt: number;
  detail: Record<string, unknown>;
}

export interface Timeline {
  run: RunObject;
  trace_id: string;
  steps: Step[];
  totals: {
    model_calls: number;
    tool_calls: number;
    input_tokens: number;
    output_tokens: number;
    cost: number | null;
    currency: string | null;
    model_ms: number;
    tool_ms: number;
    waiting_ms: number;
  };
  permissions: { object: string; rule: string }[];
}

export const RUNS_PER_PAGE = 20;
/** Administrators get everybody's runs from the server: their own account page asks for their own alone. */
export const listRuns = (page: number, filter: { status: string; userId: string | null }) => {
  const query = new URLSearchParams({ page: String(page), page_size: String(RUNS_PER_PAGE) });
  if (filter.status !== "") query.set("status", filter.status);
  if (filter.userId !== null) query.set("user_id", filter.userId);
  return get<{ items: RunObject[]; total: number }>(`/api/runs?${query}`);
};
export const readTimeline = (id: string) => get<Timeline>(`/api/runs/${encodeURIComponent(id)}/timeline`);
