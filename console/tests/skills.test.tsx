import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Skill } from "../src/features/skills/api";
import { SkillsPage } from "../src/features/skills/SkillsPage";
import { addressKey, mayChange, waitingHash } from "../src/features/skills/skill-facts";
import { ADMIN, choose, confirm, NOW } from "./rig";
import { Refused, sent, serve } from "./server";

const USER = { ...ADMIN, role: "user" };
const skill = (name: string, values: Partial<Skill> = {}): Skill => ({
  name,
  description: `About ${name}`,
  dimension: "user",
  owner_user_id: "u1",
  agent_id: null,
  agent_name: null,
  path: `user/${name}`,
  state: "approved",
  hash: "h1",
  pending_hash: null,
  conformant: true,
  warnings: [],
  size: 10,
  file_count: 1,
  source: "upload",
  source_url: null,
  updated_at: NOW,
  ...values,
});
const WAITING = skill("report", { pending_hash: "h2" });
const SYSTEM = skill("minutes", { dimension: "system", owner_user_id: null, path: "system/minutes" });
const REPORT = {
  hash: "h2",
  state: "quarantined",
  findings: [{ rule: "download_execute", level: "high", file: "run.sh", line: 4, excerpt: "curl | sh" }],
  permissions: { tools: ["file_read"], hosts: [], executables: ["run.sh"] },
  diff: [{ path: "run.sh", change: "added" }],
};
const CONTENT = { content: "---\nname: report\n---\n", hash: "h2", files: [] };
const QUERY = "name=report&dimension=user&user_id=u1";
const table = (skills: Skill[]) => ({
  "GET /api/skills": { skills },
  "GET /api/skills/content": CONTENT,
  "GET /api/skills/report": REPORT,
});
const show = (path: string | null, user = USER) => render(<SkillsPage path={path} user={user} />);

test("skills stand by whom they belong to, and one that waits says so", async () => {
  serve(table([skill("wild", { state: "quarantined" }), WAITING, SYSTEM]));
  show(null);
  await screen.findByText("wild");
  expect(screen.getAllByRole("heading", { level: 2 }).map((each) => each.textContent)).toEqual([
    "Mine",
    "From the server",
  ]);
  expect(screen.getByText("Waiting for approval")).toBeTruthy();
  expect(screen.getByText("A change waits for approval")).toBeTruthy();
  const link = screen.getByRole("link", { name: "minutes" });
  expect(link.getAttribute("href")).toBe("#/skills/system%2Fminutes");
});

test("a version is approved by its hash, after what the scan found is on the page", async () => {
  const calls = serve({ ...table([WAITING]), "POST /api/skills/approve": { state: "approved" } });
  show("user/report");
  expect(await screen.findByText("Downloads and runs code")).toBeTruthy();
  expect(screen.getByText("curl | sh")).toBeTruthy();
  expect(calls.map(({ to }) => to)).toContain(
    "GET /api/skills/report?name=report&dimension=user&hash=h2&user_id=u1",
  );
  fireEvent.click(screen.getByRole("button", { name: "Approve this version" }));
  await waitFor(() =>
    expect(sent(calls, `POST /api/skills/approve?${QUERY}`)).toEqual({
      name: "report",
      hash: "h2",
      dimension: "user",
    }),
  );
});

test("a refused approval stays to be read", async () => {
  const refusal = new Refused(403, "This skill needs an administrator's approval", "approval_forbidden");
  serve({ ...table([WAITING]), "POST /api/skills/approve": refusal });
  show("user/report");
  await screen.findByText("Downloads and runs code");
  fireEvent.click(screen.getByRole("button", { name: "Approve this version" }));
  expect((await screen.findByRole("alert")).textContent).toContain("administrator's approval");
});

test("an edit is saved over the version that was read, and over no other", async () => {
  const calls = serve({ ...table([skill("report")]), "PUT /api/skills/content": {} });
  show("user/report");
  await screen.findByText(/name: report/);
  await choose("report", "Edit SKILL.md");
  const area = screen.getByLabelText<HTMLTextAreaElement>("SKILL.md");
  fireEvent.change(area, { target: { value: "new" } });
  fireEvent.submit(area.closest("form") as HTMLFormElement);
  await waitFor(() =>
    expect(sent(calls, `PUT /api/skills/content?${QUERY}`)).toEqual({
      name: "report",
      content: "new",
      if_hash: "h2",
    }),
  );
});

test("a skill of the server can be copied and fetched, but not changed by a person", async () => {
  serve(table([SYSTEM]));
  show("system/minutes");
  fireEvent.click(await screen.findByRole("button", { name: "Actions for minutes" }));
  expect(screen.getAllByRole("menuitem").map((each) => each.textContent)).toEqual(["Copy to an agent"]);
  const zip = screen.getByRole("link", { name: "ZIP" });
  expect(zip.getAttribute("href")).toBe("/api/skills/download?name=minutes&dimension=system");
});

test("a skill is deleted after a question", async () => {
  const calls = serve({ ...table([skill("report")]), "DELETE /api/skills": {} });
  show("user/report");
  await screen.findByText(/name: report/);
  await choose("report", "Delete");
  confirm("Delete");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain(`DELETE /api/skills?${QUERY}`));
});

test("an import from an address says what became of it", async () => {
  const calls = serve({
    "GET /api/skills": { skills: [] },
    "GET /api/agent/list": [{ id: "a1", name: "Writer", access: "owner" }],
    "POST /api/skills/import-url": { name: "notes", dimension: "agent", state: "quarantined" },
  });
  show(null);
  fireEvent.click(await screen.findByRole("button", { name: "Add a skill" }));
  const dialog = within(screen.getByRole("dialog"));
  fireEvent.click(dialog.getByRole("button", { name: "Web address" }));
  fireEvent.change(dialog.getByLabelText("Address"), { target: { value: "https://example.com/n.zip" } });
  await dialog.findByText("Only for one agent: Writer");
  fireEvent.change(dialog.getByLabelText("For whom"), { target: { value: "a1" } });
  confirm("Add");
  expect(await screen.findByText("notes is stored and waits for approval.")).toBeTruthy();
  expect(sent(calls, "POST /api/skills/import-url")).toEqual({
    url: "https://example.com/n.zip",
    is_system: false,
    is_agent: true,
    agent_id: "a1",
  });
});

test("whose skill it is decides who may change it, where it stands, and what waits", () => {
  const foreign = skill("report", { owner_user_id: "u2" });
  expect([mayChange(foreign, USER), mayChange(foreign, ADMIN), mayChange(SYSTEM, USER)]).toEqual([
    false,
    true,
    false,
  ]);
  expect([addressKey(WAITING, USER), addressKey(foreign, ADMIN)]).toEqual(["user/report", "user/report@u2"]);
  expect([WAITING, skill("x"), skill("x", { state: "quarantined" })].map(waitingHash)).toEqual([
    "h2",
    null,
    "h1",
  ]);
});
