import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { deviceName } from "../src/features/accounts/SecuritySection";
import { query } from "../src/kit/query";
import { hrefOf, parseRoute, type Route } from "../src/kit/route";
import { endOfDay } from "../src/kit/time";
import {
  ADMIN,
  AGENTS,
  choose,
  confirm,
  entry,
  GROUP,
  INFO,
  KEY,
  member,
  NOW,
  PEOPLE,
  press,
  showAccount,
  submit,
  type,
  WITH_MEMBERS,
} from "./rig";
import { Refused, sent, serve } from "./server";

beforeEach(() => history.replaceState(null, "", "/"));

const session = (id: string, values: object) => ({
  id,
  current: false,
  method: "password",
  address: "127.0.0.1",
  user_agent: "",
  created_at: NOW,
  last_seen_at: NOW,
  expires_at: NOW,
  ...values,
});
const HERE = session("s1", {
  current: true,
  user_agent: "Mozilla/5.0 (Windows NT 10.0) Gecko Firefox/140.0",
});
const PHONE = session("s2", {
  user_agent: "Mozilla/5.0 (iPhone) Safari/604.1",
  method: "upstream:corp",
  address: "192.0.2.1",
});
const security = { "GET /api/user/identities": [], "GET /api/user/sessions": [HERE, PHONE] };

test("every section has its own address and comes back from it", () => {
  const routes: Route[] = [
    { page: "sign-up" },
    { page: "account", section: "keys", id: null },
    { page: "account", section: "groups", id: "grp_1" },
    { page: "admin", section: "audit", id: null },
    { page: "admin", section: "groups", id: "a/b" },
  ];
  expect(routes.map((route) => parseRoute(hrefOf(route)))).toEqual(routes);
  expect(parseRoute("#/admin/nonsense")).toEqual({ page: "admin", section: "users", id: null });
});

test("a query names only what is set", () => {
  expect(query({ page: 2, q: "a b&c", role: "", status: null, to: undefined })).toBe("?page=2&q=a+b%26c");
  expect(query({})).toBe("");
});

test("the profile is saved, and a nickname that is only the user name is no nickname", async () => {
  const calls = serve({ "PUT /api/user/profile": ADMIN });
  showAccount("profile");
  expect(screen.getByLabelText<HTMLInputElement>("Nickname").value).toBe("");
  type("Nickname", " Ann ");
  type("Phone", "123");
  await press("Save");
  expect((await screen.findByText("Saved")).closest("[role=status]")).toBeTruthy();
  expect(sent(calls, "PUT /api/user/profile")).toEqual({ nickname: "Ann", phonenum: "123", avatar_url: "" });
});

test("other sign-ins can be ended, the present one only by signing out", async () => {
  const calls = serve({ ...security, "DELETE /api/user/sessions/s2": {} });
  showAccount("security");
  expect(await screen.findByText("192.0.2.1 · through corp")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Sign out Firefox, Windows" })).toBeNull();
  await press("Sign out Safari, iOS");
  expect(await screen.findByText("One sign-in has ended.")).toBeTruthy();
  expect(calls.map((call) => call.to)).toContain("DELETE /api/user/sessions/s2");
});

test("all other sign-ins end at once, and one reads how many", async () => {
  serve({ ...security, "DELETE /api/user/sessions": { ended: 3 } });
  showAccount("security");
  await press("Sign out all others");
  expect(await screen.findByText("3 sign-ins have ended.")).toBeTruthy();
});

test("two different new passwords are noticed before anything is sent", async () => {
  const calls = serve({ ...security, "POST /api/user/change-password": {} });
  showAccount("security");
  await press("Change password");
  type("Current password", "old password");
  type("New password", "new password 1");
  type("Repeat the new password", "new password 2");
  submit();
  expect((await screen.findByRole("alert")).textContent).toBe("The two new passwords differ.");
  type("Repeat the new password", "new password 1");
  submit();
  expect(await screen.findByText(/every other sign-in has ended/)).toBeTruthy();
  expect(sent(calls, "POST /api/user/change-password")).toEqual({
    old_password: "old password",
    new_password: "new password 1",
  });
});

test("accounts elsewhere are linked by a link with the way back, and unlinked with the server's leave", async () => {
  const corp = {
    id: "corp",
    type: "oidc",
    name: "Corp",
    button_text: "",
    login_url: "/api/auth/upstream/login/corp",
  };
  const linked = { provider_id: "github", name: "GitHub", username: "ann", email: null, linked_at: NOW };
  serve({
    ...security,
    "GET /api/user/identities": [linked],
    "DELETE /api/user/identities/github": new Refused(
      409,
      "At least one way to sign in must remain",
      "last_credential",
    ),
  });
  showAccount("security", { info: { ...INFO, auth_mode: "oauth", auth_providers: [corp] } });
  const link = await screen.findByRole("link", { name: "Link Corp" });
  expect(link.getAttribute("href")).toBe(
    "/api/auth/upstream/login/corp?link=true&next=%2F%23%2Faccount%2Fsecurity",
  );
  expect(screen.queryByRole("button", { name: "Change password" })).toBeNull();
  await press("Unlink GitHub");
  submit();
  expect((await screen.findByRole("alert")).textContent).toBe("At least one way to sign in must remain");
});

test("programs are named by browser and system, unknown ones by themselves", () => {
  const edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140.0 Safari/537.36 Edg/140.0";
  const android = "Mozilla/5.0 (Linux; Android 16) Chrome/140.0 Mobile Safari/537.36";
  expect([edge, android, "curl/8.9", ""].map(deviceName)).toEqual([
    "Edge, Windows",
    "Chrome, Android",
    "curl/8.9",
    "",
  ]);
});

test("a new key carries its limits, and its secret is shown until one says it is saved", async () => {
  const calls = serve({
    "GET /api/user/keys": [],
    "GET /api/agent/list": AGENTS,
    "POST /api/user/keys": { ...KEY, key: "clk_secret" },
  });
  showAccount("keys");
  await press("New key");
  type("Name", "Report");
  fireEvent.click(screen.getByLabelText(/^write/));
  type("Valid until", "2027-03-01");
  fireEvent.click(await screen.findByLabelText("Writer"));
  type("Only from these addresses", " 192.0.2.0/24 \n\n::1");
  fireEvent.change(screen.getAllByLabelText("Per day")[0] as HTMLElement, { target: { value: "5000" } });
  expect(screen.queryByLabelText(/^admin/)).toBeNull();
  submit();
  expect(await screen.findByText("clk_secret")).toBeTruthy();
  expect(sent(calls, "POST /api/user/keys")).toEqual({
    name: "Report",
    scopes: ["read", "chat"],
    expires_at: endOfDay("2027-03-01"),
    agent_ids: ["a1"],
    addresses: ["192.0.2.0/24", "::1"],
    budget: { tokens_per_day: 5000 },
  });
  confirm("I have saved it");
  expect(screen.queryByText("clk_secret")).toBeNull();
});

test("an edited key keeps what was not touched, also an agent that is not seen any more", async () => {
  const key = { ...KEY, expires_at: "2027-06-01T10:20:30.000000Z", agent_ids: ["gone"] };
  const calls = serve({
    "GET /api/user/keys": [key],
    "GET /api/agent/list": AGENTS,
    "PUT /api/user/keys/k1": key,
  });
  showAccount("keys", { role: "admin" });
  await choose("Report", "Edit");
  expect(screen.getByLabelText(/^admin/)).toBeTruthy();
  await screen.findByLabelText("Writer");
  expect(screen.getByLabelText<HTMLInputElement>("gone").checked).toBe(true);
  type("Name", "Nightly report");
  submit();
  await waitFor(() =>
    expect(sent(calls, "PUT /api/user/keys/k1")).toEqual({
      name: "Nightly report",
      scopes: ["read", "chat"],
      agent_ids: ["gone"],
      addresses: [],
      budget: null,
    }),
  );
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await choose("Report", "Edit");
  type("Valid until", "");
  submit();
  await waitFor(() => expect(calls.at(-2)?.body).toMatchObject({ name: "Report", expires_at: null }));
});

test("a key gets a new secret while the old one goes on for a while", async () => {
  const calls = serve({
    "GET /api/user/keys": [KEY],
    "POST /api/user/keys/k1/rotate": { ...KEY, key: "clk_fresh" },
  });
  showAccount("keys");
  await choose("Report", "New secret");
  type("The old secret", "3600");
  submit();
  expect(await screen.findByText("clk_fresh")).toBeTruthy();
  expect(sent(calls, "POST /api/user/keys/k1/rotate")).toEqual({ overlap_seconds: 3600 });
});

test("a key is deleted after a question", async () => {
  const calls = serve({ "GET /api/user/keys": [KEY], "DELETE /api/user/keys/k1": {} });
  showAccount("keys");
  await choose("Report", "Delete");
  expect(calls.map((call) => call.to)).not.toContain("DELETE /api/user/keys/k1");
  submit();
  await waitFor(() => expect(calls.map((call) => call.to)).toContain("DELETE /api/user/keys/k1"));
});

test("an app loses its access after a question", async () => {
  const grant = {
    client_id: "a/b",
    client_name: "Wiki",
    scope: "openid read",
    resource: "https://x.example/mcp",
    created_at: NOW,
    last_used_at: null,
  };
  const calls = serve({ "GET /api/oauth2/grants": [grant], "DELETE /api/oauth2/grants/a%2Fb": {} });
  showAccount("apps");
  expect(await screen.findByText("May use: openid read")).toBeTruthy();
  expect(screen.getByText("https://x.example/mcp")).toBeTruthy();
  await press("Take back access of Wiki");
  submit();
  await waitFor(() => expect(calls.at(-2)?.to).toBe("DELETE /api/oauth2/grants/a%2Fb"));
});

test("a manager describes the group and changes its members, but not its name or its managers", async () => {
  const calls = serve({
    "GET /api/groups/grp_1": WITH_MEMBERS,
    "GET /api/user/options": PEOPLE,
    "PUT /api/groups/grp_1": GROUP,
    "POST /api/groups/grp_1/members": { added: 1 },
  });
  showAccount("groups", { id: "grp_1" });
  await press("Edit");
  expect(screen.queryByLabelText("Name")).toBeNull();
  type("Description", "We build");
  submit();
  await waitFor(() => expect(sent(calls, "PUT /api/groups/grp_1")).toEqual({ description: "We build" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await press("Add members");
  fireEvent.click(await screen.findByLabelText("bo"));
  expect([screen.queryByLabelText("ann"), screen.queryByLabelText(/As managers/)]).toEqual([null, null]);
  submit();
  await waitFor(() => expect(sent(calls, "POST /api/groups/grp_1/members")).toEqual({ user_ids: ["bo"] }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await press("Actions for ann");
  expect(screen.getAllByRole("menuitem").map((entry) => entry.textContent)).toEqual(["Remove from group"]);
});

test("a plain member sees the group and may leave it", async () => {
  const calls = serve({
    "GET /api/groups/grp_1": { ...GROUP, my_role: "member", members: [member("u1"), member("ann")] },
    "DELETE /api/groups/grp_1/members/u1": {},
  });
  showAccount("groups", { id: "grp_1" });
  await choose("u1", "Remove from group");
  expect(screen.queryByRole("button", { name: "Actions for ann" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Add members" })).toBeNull();
  submit();
  await waitFor(() => expect(location.hash).toBe("#/account/groups"));
  expect(calls.at(-1)?.to).toBe("DELETE /api/groups/grp_1/members/u1");
});

test("one's own acts are read without the others'", async () => {
  const calls = serve({ "GET /api/user/audit": { items: [entry(5)], total: 120 } });
  showAccount("activity");
  await press("Next page");
  await waitFor(() => expect(calls.at(-1)?.to).toBe("GET /api/user/audit?page=2&page_size=50"));
});
