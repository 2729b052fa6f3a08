/** What the form of an agent holds, and its way from and to the wire. */
import { fromLines, toLines } from "../../kit/lines";
import type { Agent, AgentBudget, AgentDraft } from "./api";
import { FOUNDATION_TOOLS } from "./tools";

export const BUDGET_KEYS = ["tokens_per_run", "tokens_per_day", "cost_per_run", "cost_per_day"] as const;
export const CONTEXT_KEYS = [
  "max_model_len",
  "history_ratio",
  "active_ratio",
  "max_new_message_ratio",
  "recent_turns",
  "compression_threshold",
] as const;

export interface WorkflowValues {
  /** Not sent; keeps the field where it is while the name is typed. */
  key: number;
  name: string;
  steps: string;
}

export interface AgentFormValues {
  name: string;
  description: string;
  systemPrefix: string;
  llm_provider_id: string;
  fast_llm_provider_id: string;
  deepThinking: "model" | "on" | "off";
  thinkingLevel: string;
  enableMultimodal: boolean;
  availableTools: string[];
  availableSkills: string[];
  availableKnowledgeBases: string[];
  availableSubAgentIds: string[];
  subAgentSelectionMode: string;
  agentMode: string;
  workflows: WorkflowValues[];
  memoryType: string;
  maxLoopCount: string;
  moreSuggest: boolean;
  is_default: boolean;
  toolApprovalMode: string;
  deny: string;
  egress: string;
  budget: Record<(typeof BUDGET_KEYS)[number], string>;
  contextFacts: string;
  contextBudget: Record<(typeof CONTEXT_KEYS)[number], string>;
}

export function toValues(agent: Partial<Agent>): AgentFormValues {
  const { deepThinking = null, budget, contextBudgetConfig } = agent;
  return {
    name: agent.name ?? "",
    description: agent.description ?? "",
    systemPrefix: agent.systemPrefix ?? "",
    llm_provider_id: agent.llm_provider_id ?? "",
    fast_llm_provider_id: agent.fast_llm_provider_id ?? "",
    deepThinking: deepThinking === null ? "model" : deepThinking ? "on" : "off",
    thinkingLevel: agent.thinkingLevel ?? "",
    enableMultimodal: agent.enableMultimodal ?? false,
    availableTools: agent.availableTools ?? [],
    availableSkills: agent.availableSkills ?? [],
    availableKnowledgeBases: agent.availableKnowledgeBases ?? [],
    availableSubAgentIds: agent.availableSubAgentIds ?? [],
    subAgentSelectionMode: agent.subAgentSelectionMode ?? "manual",
    agentMode: agent.agentMode ?? "simple",
    workflows: workflowValues(agent.availableWorkflows ?? {}),
    memoryType: agent.memoryType ?? "session",
    maxLoopCount: String(agent.maxLoopCount ?? 50),
    moreSuggest: agent.moreSuggest ?? false,
    is_default: agent.is_default ?? false,
    toolApprovalMode: agent.toolApprovalMode ?? "auto",
    deny: fromLines(agent.commandPolicy?.deny ?? []),
    egress: fromLines(agent.egressAllowList ?? []),
    budget: textsOf(BUDGET_KEYS, budget),
    contextFacts: factLines(agent.systemContext ?? {}),
    contextBudget: textsOf(CONTEXT_KEYS, contextBudgetConfig),
  };
}

export const newAgentValues = (): AgentFormValues => toValues({ availableTools: [...FOUNDATION_TOOLS] });

export function toDraft(values: AgentFormValues, currency?: string | null): AgentDraft {
  const budget: AgentBudget = numbersOf(values.budget);
  const contextBudget = numbersOf(values.contextBudget);
  const hasMoney = budget.cost_per_run !== undefined || budget.cost_per_day !== undefined;
  return {
    name: values.name.trim(),
    description: values.description,
    systemPrefix: values.systemPrefix.trim() === "" ? null : values.systemPrefix,
    systemContext: factsOf(values.contextFacts),
    availableWorkflows: workflowsOf(values.workflows),
    availableTools: values.availableTools,
    availableSkills: values.availableSkills,
    availableKnowledgeBases: values.availableKnowledgeBases,
    availableSubAgentIds: values.availableSubAgentIds,
    subAgentSelectionMode: values.subAgentSelectionMode,
    agentMode: values.agentMode,
    memoryType: values.memoryType,
    llm_provider_id: values.llm_provider_id || null,
    fast_llm_provider_id: values.fast_llm_provider_id || null,
    maxLoopCount: Number(values.maxLoopCount) || 50,
    deepThinking: values.deepThinking === "model" ? null : values.deepThinking === "on",
    thinkingLevel: values.thinkingLevel || null,
    enableMultimodal: values.enableMultimodal,
    moreSuggest: values.moreSuggest,
    is_default: values.is_default,
    toolApprovalMode: values.toolApprovalMode,
    commandPolicy: toLines(values.deny).length === 0 ? {} : { deny: toLines(values.deny) },
    egressAllowList: toLines(values.egress),
    budget: Object.keys(budget).length === 0 ? null : hasMoney && currency ? { ...budget, currency } : budget,
    contextBudgetConfig: Object.keys(contextBudget).length === 0 ? null : contextBudget,
  };
}

let newest = 0;
export const emptyWorkflow = (): WorkflowValues => ({ key: ++newest, name: "", steps: "" });

const workflowValues = (workflows: Record<string, string[]>): WorkflowValues[] =>
  Object.entries(workflows).map(([name, steps]) => ({ key: ++newest, name, steps: fromLines(steps) }));

const workflowsOf = (workflows: WorkflowValues[]): Record<string, string[]> =>
  Object.fromEntries(
    workflows
      .filter(({ name }) => name.trim() !== "")
      .map(({ name, steps }) => [name.trim(), toLines(steps)]),
  );

/** `name = value` per line. A value that is no text is written as JSON, and read as such. */
export function factLines(facts: Record<string, unknown>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} = ${isPlain(value) ? value : JSON.stringify(value)}`)
    .join("\n");
}

/** A text that would be read back as the same text. */
const isPlain = (value: unknown): value is string =>
  typeof value === "string" && !value.includes("\n") && value.trim() === value && jsonOf(value) === value;

export function factsOf(text: string): Record<string, unknown> {
  const pairs = toLines(text).map((line) => {
    const [name = "", ...rest] = line.split("=");
    return [name.trim(), jsonOf(rest.join("=").trim())] as const;
  });
  return Object.fromEntries(pairs.filter(([name]) => name !== ""));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function textsOf<K extends string>(
  keys: readonly K[],
  numbers: Partial<Record<K, unknown>> | null | undefined,
): Record<K, string> {
  return Object.fromEntries(keys.map((key) => [key, numbers?.[key]?.toString() ?? ""])) as Record<K, string>;
}

/** Only what was filled in: the rest has no ceiling, or is as the server has it. */
function numbersOf<K extends string>(texts: Record<K, string>): Partial<Record<K, number>> {
  const filled = (Object.entries(texts) as [K, string][])
    .filter(([, text]) => text.trim() !== "")
    .map(([key, text]) => [key, Number(text)] as const);
  return Object.fromEntries(filled) as Partial<Record<K, number>>;
}
