import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Server } from "../src/features/mcp_servers/api";
import { headersOf, linesOf } from "../src/features/mcp_servers/header-lines";
import { ServersPage } from "../src/features/mcp_servers/ServersPage";
import { ADMIN, choose, confirm, NOW, type } from "./rig";
import { Refused, sent, serve } from "./server";

const server = (name: string, values: Partial<Server> = {}): Server => ({
  name,
  protocol: "streamable_http",
  disabled: false,
  streamable_http_url: "https://example.com/mcp",
  sse_url: null,
  api_key: "sk-a***1234",
  user_id: "u1",
  description: "Notes of the team",
  headers: { "X-Team": "sal***team" },
  auth: "api_key",
  authorized: false,
  state: "ready",
  error: null,
  tool_count: 1,
  hash: "h1",
  pending_hash: null,
  last_checked_at: NOW,
  ...values,
});
const OFFER = {
  state: "frozen",
  hash: "h1",
  pending_hash: "h2",
  tools: [
    { name: "same", wire_name: "same", description: "As ever", change: "same", pinned: null },
    {
      name: "note",
      wire_name: "Notes__note",
      description: "Writes, and reads all else",
      change: "changed",
      pinned: { description: "Writes" },
    },
  ],
};
const table = (...servers: Server[]) => ({
  "GET /api/mcp/list": { servers },
  "GET /api/mcp/Notes/tools": OFFER,
});
const show = (name: string | null) =>
  render(<ServersPage name={name} ownerId={null} user={{ ...ADMIN, role: "user" }} />);

test("each server says how it is", async () => {
  serve(
    table(server("Notes", { state: "frozen" }), server("Mail", { state: "unreachable", error: "timed out" })),
  );
  show(null);
  await screen.findByText("Notes");
  expect(screen.getByText("Tools have changed")).toBeTruthy();
  expect(screen.getByText("Not reachable")).toBeTruthy();
  expect(screen.getByText("timed out")).toBeTruthy();
});

test("changed tools are approved by their hash, with what they were and are in sight", async () => {
  const calls = serve({
    ...table(server("Notes", { state: "frozen", pending_hash: "h2" })),
    "POST /api/mcp/Notes/approve": { status: "approved" },
  });
  show("Notes");
  expect(await screen.findByText("As you approved it")).toBeTruthy();
  expect(screen.getByText("Writes")).toBeTruthy();
  expect(screen.getByText("Agents call it Notes__note")).toBeTruthy();
  const [first] = document.querySelectorAll(".entry strong");
  expect(first?.textContent).toBe("note");
  fireEvent.click(screen.getByRole("button", { name: "Approve the changes" }));
  await waitFor(() => expect(sent(calls, "POST /api/mcp/Notes/approve?user_id=u1")).toEqual({ hash: "h2" }));
});

test("a look that does not reach the server is no success", async () => {
  const down = server("Notes", { state: "unreachable", error: "could not connect" });
  serve({
    ...table(down),
    "POST /api/mcp/Notes/refresh": { status: "disabled", error: "could not connect" },
  });
  show("Notes");
  fireEvent.click(await screen.findByRole("button", { name: "Check again" }));
  await waitFor(() =>
    expect(screen.getByRole("button", { name: "Check again" }).hasAttribute("disabled")).toBe(false),
  );
  expect(screen.queryByText("The server answers.")).toBeNull();
  expect(screen.getByText("could not connect")).toBeTruthy();
});

test("a server is switched off and deleted from its page", async () => {
  const calls = serve({
    ...table(server("Notes")),
    "PUT /api/mcp/Notes/toggle": {},
    "DELETE /api/mcp/Notes": {},
  });
  show("Notes");
  await choose("Notes", "Switch off");
  await waitFor(() =>
    expect(sent(calls, "PUT /api/mcp/Notes/toggle?user_id=u1")).toEqual({ disabled: true }),
  );
  await choose("Notes", "Delete");
  confirm("Delete");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain("DELETE /api/mcp/Notes?user_id=u1"));
});

test("a change sends masks back as they were", async () => {
  const calls = serve({ ...table(server("Notes")), "PUT /api/mcp/Notes": { status: "success" } });
  show("Notes");
  await choose("Notes", "Edit");
  type("Description", "Other words");
  fireEvent.submit(screen.getByLabelText("Address").closest("form") as HTMLFormElement);
  await waitFor(() =>
    expect(sent(calls, "PUT /api/mcp/Notes?user_id=u1")).toEqual({
      name: "Notes",
      protocol: "streamable_http",
      streamable_http_url: "https://example.com/mcp",
      description: "Other words",
      headers: { "X-Team": "sal***team" },
      auth: "api_key",
      api_key: "sk-a***1234",
    }),
  );
});

test("a server that cannot be reached is not added, and the form stays", async () => {
  const calls = serve({
    "GET /api/mcp/list": { servers: [] },
    "POST /api/mcp/add": new Refused(502, "MCP server Mail could not be registered", "mcp_unreachable"),
  });
  show(".new");
  type("Name", "Mail");
  fireEvent.change(screen.getByLabelText("Protocol"), { target: { value: "sse" } });
  type("Address", "https://example.com/sse");
  fireEvent.submit(screen.getByLabelText("Address").closest("form") as HTMLFormElement);
  expect((await screen.findByRole("alert")).textContent).toContain("could not be registered");
  expect(sent(calls, "POST /api/mcp/add")).toEqual({
    name: "Mail",
    protocol: "sse",
    sse_url: "https://example.com/sse",
    description: "",
    headers: {},
    auth: "none",
  });
});

test("what went wrong on the way back from a sign-in is told once", async () => {
  const waiting = server("Notes", { auth: "oauth", state: "needs_authorization" });
  serve(table(waiting));
  history.replaceState(null, "", "/?mcp_error=access_denied#/servers/Notes");
  show("Notes");
  expect((await screen.findByRole("alert")).textContent).toBe("The sign-in was refused.");
  expect(location.search).toBe("");
});

test("headers are lines, and values may have colons", () => {
  expect(headersOf("X-A: 1\n\n X-B : https://x\nlost")).toEqual({ "X-A": "1", "X-B": "https://x", lost: "" });
  expect(linesOf({ "X-A": "1", "X-B": "2" })).toBe("X-A: 1\nX-B: 2");
});
