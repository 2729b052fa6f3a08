import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { VersionsPage } from "../src/features/agents/VersionsPage";
import { MemoryPage } from "../src/features/memory/MemoryPage";
import { confirm, NOW, press, submit, type } from "./rig";
import { Refused, sent, serve } from "./server";

const NOTES = "/api/agent/a1/memories";
const note = (id: string, content: string) => ({ id, content, source: "agent", updated_at: NOW });
const page = (...items: object[]) => ({ items, total: items.length, page: 1, page_size: 20 });
const AGENT = { id: "a1", name: "Writer", memoryType: "user", version: 2 };

test("notes are added, changed and forgotten", async () => {
  const calls = serve({
    "GET /api/agent/a1": AGENT,
    [`GET ${NOTES}`]: page(note("n1", "Likes tea")),
    [`POST ${NOTES}`]: note("n2", "Works at night"),
    [`PUT ${NOTES}/n1`]: note("n1", "Likes coffee"),
    [`DELETE ${NOTES}/n1`]: { id: "n1" },
  });
  render(<MemoryPage agentId="a1" />);
  await press("Add a note");
  type("Note", " Works at night ");
  submit();
  await waitFor(() => expect(sent(calls, `POST ${NOTES}`)).toEqual({ content: "Works at night" }));
  await press("Edit: Likes tea");
  type("Note", "Likes coffee");
  submit();
  await waitFor(() => expect(sent(calls, `PUT ${NOTES}/n1`)).toEqual({ content: "Likes coffee" }));
  await press("Forget: Likes tea");
  confirm("Forget");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain(`DELETE ${NOTES}/n1`));
});

test("a full memory is told where the note was written", async () => {
  serve({
    "GET /api/agent/a1": { ...AGENT, memoryType: "session" },
    [`GET ${NOTES}`]: page(),
    [`POST ${NOTES}`]: new Refused(409, "The memory is full", "memory_full"),
  });
  render(<MemoryPage agentId="a1" />);
  expect(await screen.findByText(/^Nothing is remembered yet\./)).toBeTruthy();
  expect(screen.getByText(/does not read notes at the moment/)).toBeTruthy();
  await press("Add a note");
  type("Note", "One more");
  submit();
  expect((await screen.findByRole("alert")).textContent).toBe("The memory is full");
});

test("everything is forgotten after a question, and only with the word for it", async () => {
  const calls = serve({
    "GET /api/agent/a1": AGENT,
    [`GET ${NOTES}`]: page(note("n1", "Likes tea")),
    [`DELETE ${NOTES}`]: { deleted: 1 },
  });
  render(<MemoryPage agentId="a1" />);
  await press("Forget everything");
  expect(calls.filter(({ to }) => to.startsWith("DELETE"))).toEqual([]);
  confirm("Forget everything");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain(`DELETE ${NOTES}?confirm=true`));
});

test("an earlier version is restored by its number", async () => {
  const calls = serve({
    "GET /api/agent/a1": AGENT,
    "GET /api/agent/a1/versions": {
      items: [
        { version: 2, name: "Writer", created_at: NOW, changed: ["name"] },
        { version: 1, name: "Author", created_at: NOW, changed: [] },
      ],
      total: 2,
    },
    "POST /api/agent/a1/versions/1/restore": { agent_id: "a1" },
  });
  render(<VersionsPage agentId="a1" />);
  expect(await screen.findByText("In use")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Restore version 2" })).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: "Restore version 1" }));
  confirm("Restore");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain("POST /api/agent/a1/versions/1/restore"));
});
