import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { AgentForm } from "../src/features/agents/AgentForm";
import type { Agent } from "../src/features/agents/api";
import { factLines, factsOf, toDraft, toValues } from "../src/features/agents/form-values";
import { type } from "./rig";
import { Refused, sent, serve } from "./server";

const AGENT: Agent = {
  id: "a1",
  user_id: "u1",
  name: "Writer",
  description: "Writes",
  systemPrefix: "You write.",
  systemContext: { team: "Sales", year: 2027, code: "007", limits: { max: 3 } },
  availableWorkflows: { Report: ["Read", "Write"] },
  availableTools: ["file_read", "old_tool"],
  availableSubAgentIds: ["a2"],
  availableSkills: ["report"],
  availableKnowledgeBases: ["k1"],
  memoryType: "user",
  llm_provider_id: "p1",
  fast_llm_provider_id: null,
  maxLoopCount: 20,
  deepThinking: true,
  thinkingLevel: "high",
  enableMultimodal: true,
  moreSuggest: true,
  multiAgent: false,
  agentMode: "team",
  subAgentSelectionMode: "manual",
  is_default: true,
  contextBudgetConfig: { history_ratio: 0.2, recent_turns: 0 },
  toolApprovalMode: "risky",
  commandPolicy: { deny: ["rm", "curl"] },
  egressAllowList: ["api.example.com"],
  budget: { tokens_per_day: 1000, cost_per_run: 0.5, currency: "EUR" },
  access: "owner",
  version: 3,
};
const LISTS = {
  "GET /api/llm-provider/list": [{ id: "p1", name: "Large model" }],
  "GET /api/tools": {
    tools: [
      { name: "file_read", type: "basic", source: "基础工具", description: "", available: true },
      { name: "sys_delegate_task", type: "basic", source: "基础工具", description: "", available: true },
      {
        name: "file_write",
        type: "mcp",
        source: "MCP Server: Notes",
        server_name: "Notes",
        description: "Writes a note",
        available: true,
      },
    ],
  },
  "GET /api/skills": { skills: [{ name: "report", description: "Reports", state: "quarantined" }] },
  "GET /api/knowledge-base/list": { list: [{ id: "k1", name: "Rules" }] },
  "GET /api/agent/list": [AGENT, { ...AGENT, id: "a2", name: "Reader" }],
};
const SESSION = { "GET /api/auth/session": {}, "GET /api/agent/default_agent": {} };

test("an agent comes back from the form as it was", () => {
  const draft = toDraft(toValues(AGENT), AGENT.budget?.currency);
  expect({ ...AGENT, ...draft }).toEqual(AGENT);
});

test("facts are typed as lines; what looks like a number and is a text stays a text", () => {
  expect(factLines(AGENT.systemContext)).toBe('team = Sales\nyear = 2027\ncode = 007\nlimits = {"max":3}');
  expect(factsOf('n = 1\nt = "1"\nempty =\n= lost')).toEqual({ n: 1, t: "1", empty: "" });
  expect(factLines({ n: "1" })).toBe('n = "1"');
});

test("tools stand by where they come from, and those for handing on work are not offered", async () => {
  serve({ ...LISTS, "GET /api/agent/a1": AGENT });
  render(<AgentForm agentId="a1" userId="u1" />);
  const notes = await screen.findByRole("group", { name: "Notes" });
  // What a server calls its tool is no word of ours.
  expect(within(notes).getByLabelText(/^file_write/)).toBeTruthy();
  const own = screen.getByRole("group", { name: "Tools" });
  expect(within(own).getByLabelText<HTMLInputElement>(/Read a file/).checked).toBe(true);
  expect(within(own).getByLabelText<HTMLInputElement>(/old_tool/).checked).toBe(true);
  expect(screen.queryByLabelText(/Delegate work/)).toBeNull();
  expect(screen.getByLabelText(/report \(Waiting for approval\)/)).toBeTruthy();
});

test("lists that a server does not have leave out their fields, and nothing is lost", async () => {
  const absent = new Refused(404, "No such endpoint", "route_not_found", {}, 404);
  const calls = serve({
    ...SESSION,
    "GET /api/llm-provider/list": [],
    "GET /api/tools": absent,
    "GET /api/skills": absent,
    "GET /api/knowledge-base/list": absent,
    "GET /api/agent/list": [AGENT],
    "GET /api/agent/a1": AGENT,
    "PUT /api/agent/a1": { agent_id: "a1", warnings: [] },
  });
  render(<AgentForm agentId="a1" userId="u1" />);
  fireEvent.submit((await screen.findByLabelText("Name")).closest("form") as HTMLFormElement);
  await waitFor(() => expect(sent(calls, "PUT /api/agent/a1")).toEqual(AGENT));
});

test("what has no effect is told before the form is left", async () => {
  const warnings = [{ field: "availableSkills", value: "gone", reason: "unknown" }];
  serve({
    ...LISTS,
    ...SESSION,
    "GET /api/agent/a1": { ...AGENT, warnings },
    "PUT /api/agent/a1": { agent_id: "a1", warnings },
  });
  render(<AgentForm agentId="a1" userId="u1" />);
  expect(await screen.findByText("availableSkills: gone is not known.")).toBeTruthy();
});

test("an agent that was changed meanwhile is not written over", async () => {
  serve({
    ...LISTS,
    "GET /api/agent/a1": AGENT,
    "PUT /api/agent/a1": new Refused(409, "The agent was changed meanwhile", "version_conflict"),
  });
  render(<AgentForm agentId="a1" userId="u1" />);
  const name = await screen.findByLabelText("Name");
  type("Name", "Mine");
  fireEvent.submit(name.closest("form") as HTMLFormElement);
  expect((await screen.findByRole("alert")).textContent).toContain("changed meanwhile");
  fireEvent.click(screen.getByRole("button", { name: "Load it anew" }));
  await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("Writer"));
});

test("a draft fills in the form and saves nothing", async () => {
  const draft = { name: "Travel desk", systemPrefix: "You know the rules.", availableTools: ["file_read"] };
  const calls = serve({ ...LISTS, "POST /api/agent/auto-generate": draft });
  render(<AgentForm agentId={null} userId="u1" />);
  type("Draft it for me", "Answers questions about travel");
  fireEvent.click(screen.getByRole("button", { name: "Draft it for me" }));
  await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("Travel desk"));
  expect(sent(calls, "POST /api/agent/auto-generate")).toEqual({
    agent_description: "Answers questions about travel",
    language: "en",
  });
});

test("instructions that were improved can be had back as they were", async () => {
  serve({
    ...LISTS,
    "GET /api/agent/a1": AGENT,
    "POST /api/agent/system-prompt/optimize": { success: true, optimized_prompt: "# Role" },
  });
  render(<AgentForm agentId="a1" userId="u1" />);
  fireEvent.click(await screen.findByRole("button", { name: "Improve the instructions" }));
  const area = screen.getByLabelText<HTMLTextAreaElement>("Instructions");
  await waitFor(() => expect(area.value).toBe("# Role"));
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));
  expect(area.value).toBe("You write.");
});
