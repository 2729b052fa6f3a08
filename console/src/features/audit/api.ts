/** The audit log (platform.md 7.3). */
import { get, post } from "../../kit/http";
import { query } from "../../kit/query";

export interface Entry {
  seq: number;
  at: string;
  actor: {
    kind: "user" | "key" | "client" | "cli" | "system" | "anonymous";
    user_id: string | null;
    /** Null when the person was deleted, or when there never was one. */
    username: string | null;
    key_id?: string | null;
    client_id?: string | null;
  };
  action: string;
  outcome: "success" | "denied" | "failed";
  object: { type: string; id: string; owner_id?: string | null } | null;
  address: string | null;
  user_agent: string | null;
  request_id: string | null;
  detail: Record<string, unknown> | null;
  prev_hash: string;
  hash: string;
  erased?: boolean;
}

export interface EntryPage {
  items: Entry[];
  total: number;
}

/** What narrows the log; empty texts narrow nothing. Days are calendar days of the viewer. */
export interface AuditFilter {
  from: string;
  to: string;
  user_id: string;
  action: string;
  object_type: string;
  object_id: string;
  outcome: string;
  address: string;
}

export interface Verdict {
  ok: boolean;
  entries: number;
  first_seq: number | null;
  head: { seq: number; hash: string };
  broken_at: number | null;
  reason: "hash" | "gap" | "head" | null;
}

export const OUTCOMES = ["success", "denied", "failed"] as const;

/** The bounds as the wire writes them; a day that is not one is left out. */
export function span(filter: Pick<AuditFilter, "from" | "to">): { from?: string; to?: string } {
  return {
    ...(filter.from === "" ? {} : { from: new Date(`${filter.from}T00:00:00`).toISOString() }),
    ...(filter.to === "" ? {} : { to: new Date(`${filter.to}T23:59:59.999`).toISOString() }),
  };
}

export const listAudit = (filter: AuditFilter, page: number, pageSize: number) =>
  get<EntryPage>(
    `/api/audit${query({ ...filter, from: undefined, to: undefined, ...span(filter), page, page_size: pageSize })}`,
  );
export const listOwnAudit = (page: number, pageSize: number) =>
  get<EntryPage>(`/api/user/audit${query({ page, page_size: pageSize })}`);
export const exportAddress = (filter: Pick<AuditFilter, "from" | "to">, form: "clear" | "stored"): string =>
  `/api/audit/export${query({ ...span(filter), form })}`;
export const verifyAudit = (head: Verdict["head"] | null) =>
  post<Verdict>("/api/audit/verify", head === null ? {} : { head });
