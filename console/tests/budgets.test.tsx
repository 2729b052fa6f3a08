import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { choose, confirm, NOW, press, showAccount, showAdmin, submit, type } from "./rig";
import { sent, serve } from "./server";

const state = (values: object) => ({
  scope: "user",
  id: "u1",
  label: "root",
  unit: "tokens",
  period: "day",
  limit: 1000,
  spent: 250,
  reserved: 0,
  remaining: 750,
  resets_at: NOW,
  ...values,
});

test("a person sees what is left, and of a shared pot only the own part", async () => {
  serve({
    "GET /api/budgets/me": [
      state({}),
      state({ unit: "cost", period: "month", limit: 5, spent: 5, remaining: 0 }),
      state({ period: "run", limit: 90, resets_at: null }),
      state({ scope: "server", id: "all", label: "Server", limit: 9000, remaining: null }),
    ],
  });
  showAccount("budgets");
  expect(await screen.findByText("A person: root")).toBeTruthy();
  expect(screen.getByText("250 of 1,000")).toBeTruthy();
  expect(screen.getByText("Used up")).toBeTruthy();
  expect(screen.getByText("250 by you; all together at most 9,000")).toBeTruthy();
  // What counts for each run alone has no one figure of what is gone.
  expect(screen.queryByRole("progressbar", { name: "Tokens, per run" })).toBeNull();
});

const ITEM = {
  scope: "default_user",
  id: "all",
  label: "Each user",
  budget: { tokens_per_day: 1000, cost_per_day: null, currency: "USD" },
  states: [state({ scope: "default_user", id: "all" })],
};

test("a changed budget is sent whole, with what was emptied left out", async () => {
  const calls = serve({
    "GET /api/budgets": { items: [ITEM], total: 1 },
    "PUT /api/budgets/default_user/all": {},
    "DELETE /api/budgets/default_user/all": {},
  });
  showAdmin("budgets");
  await choose("Every person without an own budget", "Edit");
  const [tokens, money] = screen.getAllByLabelText("Per day");
  fireEvent.change(tokens as Element, { target: { value: "" } });
  fireEvent.change(money as Element, { target: { value: "2.5" } });
  submit();
  await waitFor(() =>
    expect(sent(calls, "PUT /api/budgets/default_user/all")).toEqual({ cost_per_day: 2.5, currency: "USD" }),
  );
  await choose("Every person without an own budget", "Delete");
  confirm("Delete");
  await waitFor(() => expect(calls.map(({ to }) => to)).toContain("DELETE /api/budgets/default_user/all"));
});

test("a new budget names whom it is for", async () => {
  const calls = serve({
    "GET /api/budgets": { items: [], total: 0 },
    "GET /api/user/options": [{ value: "u2", label: "ann" }],
    "PUT /api/budgets/user/u2": {},
  });
  showAdmin("budgets");
  await press("Set a budget");
  fireEvent.change(screen.getByLabelText("For"), { target: { value: "user" } });
  submit();
  fireEvent.change(await screen.findByLabelText("Person"), { target: { value: "u2" } });
  type("Currency", "eur");
  fireEvent.change(screen.getAllByLabelText("Per month")[1] as Element, { target: { value: "20" } });
  submit();
  await waitFor(() =>
    expect(sent(calls, "PUT /api/budgets/user/u2")).toEqual({ cost_per_month: 20, currency: "EUR" }),
  );
  expect(calls.filter(({ to }) => to.startsWith("PUT"))).toHaveLength(1);
});
