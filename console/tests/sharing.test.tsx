import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Agent } from "../src/features/agents/api";
import { ShareDialog } from "../src/features/agents/ShareDialog";
import { NOW, PEOPLE, submit } from "./rig";
import { Refused, sent, serve } from "./server";

const AGENT = { id: "a1", name: "Writer", user_id: "u1", access: "owner" } as Agent;
const GRANTS = {
  user_ids: ["hidden"],
  group_ids: ["grp_1"],
  grants: [
    { kind: "user", id: "hidden", name: "zoe", granted_by: "u1", granted_at: NOW },
    { kind: "group", id: "grp_1", name: "Builders", granted_by: "u1", granted_at: NOW },
  ],
};

test("sharing keeps whom the directory does not show, and leaves the owner out", async () => {
  const calls = serve({
    "GET /api/agent/a1/auth": GRANTS,
    "GET /api/user/options": [...PEOPLE, { label: "root", value: "u1" }],
    "GET /api/groups/options": [{ label: "Builders", value: "grp_1" }],
    "POST /api/agent/a1/auth": {},
  });
  render(<ShareDialog agent={AGENT} onClose={() => {}} />);
  fireEvent.click(await screen.findByLabelText("bo"));
  expect(screen.getByLabelText<HTMLInputElement>("zoe").checked).toBe(true);
  expect(screen.queryByLabelText("root")).toBeNull();
  fireEvent.click(screen.getByLabelText("Builders"));
  submit();
  await waitFor(() =>
    expect(sent(calls, "POST /api/agent/a1/auth")).toEqual({ user_ids: ["hidden", "bo"], group_ids: [] }),
  );
});

test("nothing is taken away before it is known who has access", async () => {
  const calls = serve({
    "GET /api/agent/a1/auth": new Refused(503, "Service temporarily unavailable", "unavailable"),
    "GET /api/user/options": PEOPLE,
    "GET /api/groups/options": [],
  });
  render(<ShareDialog agent={AGENT} onClose={() => {}} />);
  expect((await screen.findByRole("alert")).textContent).toContain("Service temporarily unavailable");
  submit();
  expect(calls.map((call) => call.to).filter((to) => to.startsWith("POST"))).toEqual([]);
});

test("a directory of more than one answer is searched on the server, and keeps the names of the chosen", async () => {
  const many = Array.from({ length: 1000 }, (_, n) => ({ label: `person-${n}`, value: `p${n}` }));
  const calls = serve({
    "GET /api/agent/a1/auth": { user_ids: [], group_ids: [], grants: [] },
    "GET /api/user/options": (_: unknown, to: string) =>
      to.includes("q=zo") ? [{ label: "zoe", value: "z" }] : to.includes("q=") ? [] : many,
    "GET /api/groups/options": [],
    "POST /api/agent/a1/auth": {},
  });
  render(<ShareDialog agent={AGENT} onClose={() => {}} />);
  const filter = await screen.findByRole("searchbox", { name: "Filter People" });
  fireEvent.change(filter, { target: { value: "zo" } });
  fireEvent.click(await screen.findByLabelText("zoe"));
  fireEvent.change(filter, { target: { value: "" } });
  submit();
  await waitFor(() =>
    expect(sent(calls, "POST /api/agent/a1/auth")).toEqual({ user_ids: ["z"], group_ids: [] }),
  );
});
