import { fireEvent, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Step } from "../src/features/observability/api";
import { placed } from "../src/features/observability/nesting";
import { daysOf } from "../src/features/usage/reports";
import { NOW, showAccount, showAdmin } from "./rig";
import { serve } from "./server";

const figures = (values: object) => ({
  key: "m-1",
  label: "m-1",
  calls: 2,
  input_tokens: 900,
  output_tokens: 100,
  cached_tokens: 450,
  cache_hit_rate: 0.5,
  cost: 0.25,
  unpriced_calls: 0,
  ...values,
});
const SUMMARY = { items: [figures({})], totals: figures({}), currency: "EUR" };

test("a person sees the own usage as totals, days and shares", async () => {
  const calls = serve({ "GET /api/usage/summary": SUMMARY });
  showAccount("usage");
  expect(await screen.findByText("50 %")).toBeTruthy();
  expect(screen.getByText("0.25 EUR")).toBeTruthy();
  expect(await screen.findByRole("img", { name: /Tokens per day/ })).toBeTruthy();
  expect(screen.getByText("m-1")).toBeTruthy();
  // The server would tell an administrator everybody's: the own page names whose it means.
  expect(calls.every(({ to }) => to.endsWith("&user_id=u1"))).toBe(true);
  const offered = within(screen.getByLabelText("By")).getAllByRole("option");
  expect(offered.map((option) => option.textContent)).not.toContain("Person");
});

test("an administrator may sort everybody's usage by person, and sees money", async () => {
  serve({ "GET /api/usage/summary": SUMMARY });
  showAdmin("usage");
  await screen.findByText("50 %");
  fireEvent.change(screen.getByLabelText("By"), { target: { value: "user" } });
  fireEvent.click(screen.getByRole("button", { name: "Cost" }));
  expect(await screen.findByRole("img", { name: /Cost per day/ })).toBeTruthy();
});

test("days of a span end today", () => {
  expect(daysOf(3, Date.parse("2027-01-01T12:00:00Z"))).toEqual(["2026-12-30", "2026-12-31", "2027-01-01"]);
});

const step = (values: Partial<Step>): Step => ({
  id: "a",
  parent_id: null,
  kind: "model",
  name: "direct_execution",
  status: "ok",
  started_at: "2027-01-02T03:04:05.000000Z",
  duration_ms: 1000,
  attempt: 1,
  detail: {},
  ...values,
});

test("steps stand below the ones they belong to, at their time", () => {
  const found = placed([
    step({ id: "a" }),
    step({ id: "c", parent_id: "b", started_at: "2027-01-02T03:04:08.000000Z" }),
    step({ id: "b", started_at: "2027-01-02T03:04:07.000000Z", duration_ms: 2000 }),
    step({ id: "d", parent_id: "gone" }),
  ]);
  expect(found.map(({ step: { id }, depth, left }) => [id, depth, Math.round(left)])).toEqual([
    ["a", 0, 0],
    ["b", 0, 50],
    ["c", 1, 75],
    ["d", 0, 0],
  ]);
});

const RUN = {
  run_id: "r1",
  session_id: "s1",
  agent_name: "Tutor",
  user_id: "u1",
  status: "failed",
  created_at: NOW,
};

test("runs lead to what they did", async () => {
  serve({ "GET /api/runs": { items: [RUN], total: 1 } });
  showAdmin("runs");
  const link = await screen.findByRole("link", { name: "Tutor" });
  expect(link.getAttribute("href")).toBe("#/admin/runs/r1");
  expect(screen.getAllByText("Failed").length).toBeGreaterThan(0);
});

test("a timeline shows each step with what is known of it", async () => {
  serve({
    "GET /api/runs/r1/timeline": {
      run: RUN,
      trace_id: "abc",
      steps: [
        step({ id: "r1:1", detail: { model: "m-1", input_tokens: 900 } }),
        step({
          id: "r1:2",
          kind: "tool",
          name: "list_dir",
          status: "error",
          detail: { error_type: "TIMEOUT" },
        }),
      ],
      totals: {
        model_calls: 1,
        tool_calls: 1,
        input_tokens: 900,
        output_tokens: 100,
        cost: null,
        currency: null,
        model_ms: 1000,
        tool_ms: 1000,
        waiting_ms: 0,
      },
      permissions: [{ object: "agent:a1", rule: "owner" }],
    },
  });
  showAdmin("runs", "r1");
  expect(await screen.findByText("list_dir")).toBeTruthy();
  expect(screen.getByText("TIMEOUT")).toBeTruthy();
  expect(screen.getByText(/agent:a1 \(owner\)/)).toBeTruthy();
  expect(screen.getByText("1,000")).toBeTruthy();
});
