import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { type AgentsState, chosenAgent } from "../src/features/agents/agent-store";
import type { Agent } from "../src/features/agents/api";
import { RunWarnings } from "../src/features/chat/RunWarnings";
import { serve } from "./server";

const LOCKED = {
  field: "available_tools",
  value: "Calendar__today",
  reason: "needs_authorization: GET /api/mcp/Calendar/oauth/start?agent_id=a1",
};

test("a server that wants to know the person is named once, and the way there leads back to the chat", async () => {
  const assign = vi.spyOn(location, "assign").mockImplementation(() => {});
  const calls = serve({
    "GET /api/mcp/Calendar/oauth/start": { authorization_url: "https://there.example/agree" },
  });
  render(<RunWarnings warnings={[LOCKED, { ...LOCKED, value: "Calendar__add" }]} sessionId="s1" />);
  expect(screen.getAllByText(/Calendar was left out/)).toHaveLength(1);
  fireEvent.click(screen.getByRole("button", { name: "Sign in there" }));
  await waitFor(() => expect(assign).toHaveBeenCalledWith("https://there.example/agree"));
  expect(calls.map(({ to }) => to)).toEqual([
    "GET /api/mcp/Calendar/oauth/start?next=%2F%23%2Fc%2Fs1&agent_id=a1",
  ]);
});

test("other things that could not be used are listed, and nothing is said where nothing is missing", () => {
  const gone = { field: "available_skills", value: "minutes", reason: "not_approved" };
  const about = { field: "system_context", value: "user_id", reason: "protected" };
  const { rerender } = render(<RunWarnings warnings={[gone, about]} sessionId="s1" />);
  expect(screen.getByText("Left out, because it cannot be used now: minutes")).toBeTruthy();
  rerender(<RunWarnings warnings={[]} sessionId="s1" />);
  expect(document.body.textContent).toBe("");
});

test("without a choice a person talks to the own default agent, not to that of somebody else", () => {
  const agent = (id: string, part: Partial<Agent> = {}) => ({ id, is_default: false, ...part }) as Agent;
  const agents = [
    agent("builtin"),
    agent("theirs", { is_default: true, access: "admin" }),
    agent("own", { is_default: true, access: "owner" }),
  ];
  const chosen = (part: Partial<AgentsState>) =>
    chosenAgent({ agents, chosenId: "", error: null, ...part })?.id;
  expect([chosen({}), chosen({ chosenId: "theirs" }), chosen({ agents: agents.slice(0, 2) })]).toEqual([
    "own",
    "theirs",
    "builtin",
  ]);
});
