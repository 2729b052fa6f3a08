import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { exportAddress } from "../src/features/audit/api";
import { parseHead } from "../src/features/audit/VerifyDialog";
import { endOfDay } from "../src/kit/time";
import { entry, PEOPLE, press, showAdmin, submit, type } from "./rig";
import { serve } from "./server";

test("the audit log tells who did what, also of those who are gone", async () => {
  const items = [
    entry(3, {
      action: "user.role_changed",
      object: { type: "user", id: "bo" },
      detail: { role: { old: "user", new: "admin" } },
    }),
    entry(2, { actor: { kind: "user", user_id: "gone", username: null }, erased: true, outcome: "denied" }),
    entry(1, { actor: { kind: "system", user_id: null, username: null }, action: "server.started" }),
  ];
  serve({ "GET /api/audit": { items, total: 3 }, "GET /api/user/options": PEOPLE });
  showAdmin("audit");
  const [changed, erased, started] = await screen.findAllByRole("listitem");
  expect(changed?.querySelector("summary")?.textContent).toMatch(/ann\s*user\.role_changed\s*user:bo$/);
  expect(changed?.querySelector("pre")?.textContent).toContain('"new": "admin"');
  expect(erased?.querySelector("summary")?.textContent).toMatch(/Erased\s*auth\.login\s*Denied$/);
  expect(started?.querySelector("summary")?.textContent).toMatch(/System\s*server\.started$/);
});

test("the audit log is narrowed by everything the server knows", async () => {
  const calls = serve({ "GET /api/audit": { items: [], total: 0 }, "GET /api/user/options": PEOPLE });
  showAdmin("audit");
  await screen.findByRole("option", { name: "bo" });
  type("Action", "auth.");
  type("Outcome", "denied");
  type("Person", "bo");
  type("From", "2027-01-01");
  type("To", "2027-01-31");
  type("Kind of object", "agent");
  type("Object ID", "a1");
  type("Address", "192.0.2.1");
  const asked = () => new URLSearchParams(calls.at(-1)?.to.split("?")[1]);
  await waitFor(() => expect(asked().get("address")).toBe("192.0.2.1"));
  expect(Object.fromEntries(asked())).toEqual({
    from: new Date("2027-01-01T00:00:00").toISOString(),
    to: endOfDay("2027-01-31"),
    user_id: "bo",
    action: "auth.",
    object_type: "agent",
    object_id: "a1",
    outcome: "denied",
    address: "192.0.2.1",
    page: "1",
    page_size: "50",
  });
});

test("the chain is checked against a noted head, and one reads where it is broken", async () => {
  const head = { seq: 7, hash: "b".repeat(64) };
  const answers = [
    {
      ok: true,
      entries: 9,
      first_seq: 1,
      head: { seq: 9, hash: "c".repeat(64) },
      broken_at: null,
      reason: null,
    },
    { ok: false, entries: 9, first_seq: 1, head, broken_at: 7, reason: "head" },
  ];
  const calls = serve({
    "GET /api/audit": { items: [], total: 0 },
    "GET /api/user/options": [],
    "POST /api/audit/verify": () => answers.shift(),
  });
  showAdmin("audit");
  await press("Verify");
  submit();
  expect(await screen.findByText("The log is whole: 9 entries.")).toBeTruthy();
  expect(screen.getByText(`9:${"c".repeat(64)}`)).toBeTruthy();
  type("A head noted earlier", ` 7:${"b".repeat(64)} `);
  submit();
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toBe("The log is broken at entry 7. It does not lead to the noted head.");
  const checks = calls.filter((call) => call.to === "POST /api/audit/verify").map((call) => call.body);
  expect(checks).toEqual([{}, { head }]);
  expect(parseHead("7")).toBeNull();
});

test("the export is a link to the file of those days", () => {
  expect(exportAddress({ from: "", to: "" }, "stored")).toBe("/api/audit/export?form=stored");
  const address = exportAddress({ from: "2027-01-01", to: "2027-01-31" }, "clear");
  expect(Object.fromEntries(new URLSearchParams(address.split("?")[1]))).toEqual({
    from: new Date("2027-01-01T00:00:00").toISOString(),
    to: endOfDay("2027-01-31"),
    form: "clear",
  });
});
