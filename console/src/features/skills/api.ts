import { get, post, put, remove } from "../../kit/http";
import { uploadForm } from "../../kit/upload";

export type Dimension = "system" | "user" | "agent";
export type SkillState = "approved" | "quarantined" | "rejected";

/** A skill of a list (product.md 7.3). */
export interface Skill {
  name: string;
  description: string;
  dimension: Dimension;
  owner_user_id: string | null;
  agent_id: string | null;
  agent_name: string | null;
  /** `system/<name>`, `user/<name>` or `agent/<agent id>/<name>`. */
  path: string;
  state: SkillState;
  hash: string | null;
  pending_hash: string | null;
  conformant: boolean;
  warnings: string[];
  size: number;
  file_count: number;
  source: string;
  source_url: string | null;
  updated_at: string;
}

export interface Finding {
  rule: string;
  level: "info" | "medium" | "high";
  file: string;
  line: number;
  excerpt: string;
}

export interface Report {
  hash: string;
  state: SkillState;
  findings: Finding[];
  permissions: { tools?: string[]; hosts?: string[]; executables?: string[] };
  diff: { path: string; change: "added" | "removed" | "changed" }[];
  approved_by: string | null;
  approved_at: string | null;
}

export interface SkillContent {
  content: string;
  hash: string;
  files: { path: string; size: number; executable: boolean }[];
}

/** Whom an import is for. */
export interface Place {
  is_system: boolean;
  is_agent: boolean;
  agent_id?: string;
  subpath?: string;
}

export interface Imported {
  name: string;
  dimension: Dimension;
  state: SkillState;
}

export interface BatchResult {
  filename: string;
  success: boolean;
  message: string;
  name?: string;
  state?: SkillState;
}

const PREFIX = "/api/skills";

/** Which of several skills of one name is meant. */
function queryOf(skill: Skill, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ name: skill.name, dimension: skill.dimension, ...more });
  if (skill.agent_id) query.set("agent_id", skill.agent_id);
  else if (skill.owner_user_id) query.set("user_id", skill.owner_user_id);
  return query.toString();
}

export const listSkills = async (): Promise<Skill[]> =>
  (await get<{ skills: Skill[] }>(`${PREFIX}?dimension=all`)).skills;
export const readSkill = (skill: Skill) => get<SkillContent>(`${PREFIX}/content?${queryOf(skill)}`);
export const readReport = (skill: Skill, hash: string | null) =>
  get<Report>(`${PREFIX}/report?${queryOf(skill, hash === null ? {} : { hash })}`);
export const downloadUrl = (skill: Skill): string => `${PREFIX}/download?${queryOf(skill)}`;
export const deleteSkill = (skill: Skill) => remove<unknown>(`${PREFIX}?${queryOf(skill)}`);

export const editSkill = (skill: Skill, content: string, hash: string) =>
  put<unknown>(`${PREFIX}/content?${queryOf(skill)}`, { name: skill.name, content, if_hash: hash });

export const decideSkill = (skill: Skill, verdict: "approve" | "reject", hash: string) =>
  post<unknown>(`${PREFIX}/${verdict}?${queryOf(skill)}`, {
    name: skill.name,
    hash,
    dimension: skill.dimension,
    agent_id: skill.agent_id ?? undefined,
  });

export const copyToAgent = (skill: Skill, agentId: string) =>
  post<unknown>(`${PREFIX}/sync-to-agent`, { skill_name: skill.name, agent_id: agentId });

export const importFromAddress = (url: string, place: Place) =>
  post<Imported>(`${PREFIX}/import-url`, { url, ...place });

/** One file at a time: what one of them says does not hold up the others. */
export async function uploadSkills(
  files: File[],
  place: Place,
  onProgress: (percent: number) => void,
): Promise<BatchResult[]> {
  const form = new FormData();
  for (const file of files) form.append("files", file);
  for (const [key, value] of Object.entries(place)) if (value !== undefined) form.append(key, String(value));
  const { results } = await uploadForm<{ results: BatchResult[] }>(
    `${PREFIX}/upload-batch`,
    form,
    onProgress,
  );
  return results;
}
