/** Finds the requests for approval that a page has missed: they are lines of the log, and history does not keep them. */
import { toApiError } from "../../kit/http";
import { awaitsApproval, resumeRun } from "./api";
import type { Position } from "./follow-run";
import { readLines } from "./ndjson";
import { isApproval, isDecision, type Line } from "./wire";

/** The approval lines before a position; none unless the run waits for a decision. */
export async function missedApprovals(
  sessionId: string,
  { index, runId }: Position,
  signal: AbortSignal,
): Promise<Line[]> {
  if (runId === null || index === 0 || !(await awaitsApproval(runId))) return [];
  const response = await resumeRun(sessionId, 0, runId, signal);
  if (!response.ok || response.body === null) throw await toApiError(response);
  const found: Line[] = [];
  let seen = 0;
  for await (const line of readLines<Line>(response.body)) {
    if (isApproval(line) || isDecision(line)) found.push(line);
    seen += 1;
    if (seen >= index) break;
  }
  return found;
}
