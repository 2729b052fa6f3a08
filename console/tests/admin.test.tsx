import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import {
  choose,
  confirm,
  GROUP,
  INFO,
  KEY,
  NOW,
  PEOPLE,
  press,
  showAdmin,
  submit,
  type,
  WITH_MEMBERS,
} from "./rig";
import { sent, serve } from "./server";

beforeEach(() => history.replaceState(null, "", "/"));

const person = (user_id: string, values: object = {}) => ({
  user_id,
  username: user_id,
  nickname: "",
  email: null,
  phonenum: null,
  role: "user",
  status: "active",
  groups: [],
  auth_sources: ["password"],
  created_at: NOW,
  last_login_at: null,
  ...values,
});
const USERS = {
  items: [person("u1", { role: "admin" }), person("boss", { role: "admin" }), person("ann")],
  total: 41,
};

const CLIENT = {
  client_id: "wiki",
  client_name: "Wiki",
  client_uri: null,
  redirect_uris: ["https://wiki.example.com/cb"],
  token_endpoint_auth_method: "client_secret_basic",
  scope: "openid profile email",
  skip_consent: false,
  require_pkce: false,
  introspect_all: false,
  enabled: true,
  source: "admin",
  created_at: NOW,
  last_used_at: null,
};

test("an administrator makes a group and names its managers", async () => {
  const calls = serve({
    "GET /api/groups": { items: [], total: 0 },
    "POST /api/groups": GROUP,
    "GET /api/groups/grp_1": WITH_MEMBERS,
    "POST /api/groups/grp_1/members": { added: 1 },
  });
  const { unmount } = showAdmin("groups");
  await press("New group");
  type("Name", " Builders ");
  submit();
  await waitFor(() => expect(location.hash).toBe("#/admin/groups/grp_1"));
  expect(sent(calls, "POST /api/groups")).toEqual({ name: "Builders", description: "" });
  unmount();
  showAdmin("groups", "grp_1");
  await choose("ann", "Make manager");
  await waitFor(() =>
    expect(sent(calls, "POST /api/groups/grp_1/members")).toEqual({ user_ids: ["ann"], role: "manager" }),
  );
});

test("users are searched, narrowed and turned over page by page", async () => {
  const calls = serve({ "GET /api/user/list": USERS });
  showAdmin("users");
  await press("Next page");
  await waitFor(() => expect(calls.at(-1)?.to).toBe("GET /api/user/list?page=2&page_size=20"));
  type("Search", " ann ");
  type("Role", "user");
  type("Status", "disabled");
  const asked = "GET /api/user/list?q=ann&role=user&status=disabled&page=1&page_size=20";
  await waitFor(() => expect(calls.at(-1)?.to).toBe(asked));
});

test("nobody disables or deletes himself, and an administrator is not deleted", async () => {
  serve({ "GET /api/user/list": USERS });
  showAdmin("users");
  const entries = async (name: string) => {
    await press(`Actions for ${name}`);
    const labels = screen.getAllByRole("menuitem").map((entry) => entry.textContent);
    await press(`Actions for ${name}`);
    return labels;
  };
  const always = ["Edit", "Reset password", "API keys"];
  expect(await entries("u1")).toEqual(always);
  expect(await entries("boss")).toEqual([...always, "Disable"]);
  expect(await entries("ann")).toEqual([...always, "Disable", "Delete"]);
});

test("a new user is sent with what was filled in", async () => {
  const calls = serve({ "GET /api/user/list": USERS, "POST /api/user/add": { user_id: "n" } });
  showAdmin("users");
  await press("Add user");
  type("User name", "new");
  type("Password", "a good password");
  type("E-mail", "new@example.com");
  expect(screen.getByLabelText("Password").hasAttribute("required")).toBe(true);
  submit();
  await waitFor(() =>
    expect(sent(calls, "POST /api/user/add")).toEqual({
      username: "new",
      password: "a good password",
      email: "new@example.com",
      role: "user",
    }),
  );
});

test("where people sign in elsewhere a new user needs no password", async () => {
  serve({ "GET /api/user/list": USERS });
  showAdmin("users", undefined, { ...INFO, auth_mode: "oauth" });
  await press("Add user");
  expect(screen.getByLabelText("Password").hasAttribute("required")).toBe(false);
});

test("an edited user is sent with null for what was emptied, and with a role only if it changed", async () => {
  const items = [person("ann", { email: "ann@example.com", phonenum: "1" })];
  const calls = serve({
    "GET /api/user/list": { items, total: 1 },
    "POST /api/user/update": { user_id: "ann" },
  });
  showAdmin("users");
  await choose("ann", "Edit");
  type("E-mail", "");
  submit();
  await waitFor(() =>
    expect(sent(calls, "POST /api/user/update")).toEqual({
      user_id: "ann",
      nickname: null,
      email: null,
      phonenum: "1",
    }),
  );
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await choose("ann", "Edit");
  fireEvent.change(within(screen.getByRole("dialog")).getByLabelText("Role"), { target: { value: "admin" } });
  submit();
  await waitFor(() => expect(calls.at(-2)?.body).toMatchObject({ user_id: "ann", role: "admin" }));
});

test("a password the server made up is shown once", async () => {
  const calls = serve({
    "GET /api/user/list": USERS,
    "POST /api/user/reset-password": { password: "made-up" },
  });
  showAdmin("users");
  await choose("ann", "Reset password");
  submit();
  expect(await screen.findByText("made-up")).toBeTruthy();
  expect(sent(calls, "POST /api/user/reset-password")).toEqual({ user_id: "ann" });
  confirm("I have saved it");
  expect(screen.queryByText("made-up")).toBeNull();
});

test("a user is disabled after a question", async () => {
  const calls = serve({ "GET /api/user/list": USERS, "POST /api/user/update": { user_id: "ann" } });
  showAdmin("users");
  await choose("ann", "Disable");
  submit();
  await waitFor(() =>
    expect(sent(calls, "POST /api/user/update")).toEqual({ user_id: "ann", disabled: true }),
  );
});

test("what a deleted user had is given to somebody, if one says so", async () => {
  const calls = serve({
    "GET /api/user/list": USERS,
    "GET /api/user/options": PEOPLE,
    "POST /api/user/delete": {},
  });
  showAdmin("users");
  await choose("ann", "Delete");
  fireEvent.click(screen.getByLabelText(/Give everything to somebody/));
  await within(screen.getByRole("dialog")).findByRole("option", { name: "bo" });
  expect(screen.queryByRole("option", { name: "ann" })).toBeNull();
  type("To whom", "bo");
  submit();
  await waitFor(() =>
    expect(sent(calls, "POST /api/user/delete")).toEqual({
      user_id: "ann",
      objects: "transfer",
      transfer_to: "bo",
    }),
  );
});

test("an administrator sees and ends the keys of somebody else", async () => {
  const calls = serve({
    "GET /api/user/list": USERS,
    "GET /api/user/ann/keys": [KEY],
    "DELETE /api/user/ann/keys/k1": {},
  });
  showAdmin("users");
  await choose("ann", "API keys");
  await press("Delete Report");
  await waitFor(() => expect(calls.map((call) => call.to)).toContain("DELETE /api/user/ann/keys/k1"));
});

test("a new client is sent whole, and its secret is shown once", async () => {
  const calls = serve({
    "GET /api/oauth2/clients": { items: [], total: 0 },
    "POST /api/oauth2/clients": { ...CLIENT, client_secret: "hush" },
  });
  showAdmin("clients");
  await press("New client");
  type("Name", "Wiki");
  type("Redirect addresses", "https://wiki.example.com/cb\nhttps://wiki.example.com/cb2\n");
  fireEvent.click(screen.getByLabelText("email"));
  fireEvent.click(screen.getByLabelText("read"));
  fireEvent.click(screen.getByLabelText("PKCE is required"));
  submit();
  expect(await screen.findByText("hush")).toBeTruthy();
  expect(sent(calls, "POST /api/oauth2/clients")).toEqual({
    client_name: "Wiki",
    client_uri: null,
    redirect_uris: ["https://wiki.example.com/cb", "https://wiki.example.com/cb2"],
    token_endpoint_auth_method: "client_secret_basic",
    scope: "openid profile read",
    skip_consent: false,
    require_pkce: true,
    introspect_all: false,
    enabled: true,
  });
});

test("a public client has no secret to show", async () => {
  serve({
    "GET /api/oauth2/clients": { items: [], total: 0 },
    "POST /api/oauth2/clients": { ...CLIENT, client_secret: null },
  });
  showAdmin("clients");
  await press("New client");
  type("Name", "Wiki");
  type("How it proves itself", "none");
  submit();
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});

test("a client from the configuration can only be looked at", async () => {
  serve({ "GET /api/oauth2/clients": { items: [{ ...CLIENT, source: "config" }], total: 1 } });
  showAdmin("clients");
  expect(await screen.findByText("From the configuration")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Actions for Wiki" })).toBeNull();
});

test("a client gets a new secret, is disabled and is deleted", async () => {
  const calls = serve({
    "GET /api/oauth2/clients": { items: [CLIENT], total: 1 },
    "POST /api/oauth2/clients/wiki/secret": { client_secret: "fresh" },
    "PUT /api/oauth2/clients/wiki": CLIENT,
    "DELETE /api/oauth2/clients/wiki": {},
  });
  showAdmin("clients");
  await choose("Wiki", "New secret");
  type("The old secret", "86400");
  submit();
  expect(await screen.findByText("fresh")).toBeTruthy();
  confirm("I have saved it");
  await choose("Wiki", "Disable");
  submit();
  await waitFor(() => expect(sent(calls, "PUT /api/oauth2/clients/wiki")).toEqual({ enabled: false }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await choose("Wiki", "Delete");
  submit();
  await waitFor(() => expect(calls.map((call) => call.to)).toContain("DELETE /api/oauth2/clients/wiki"));
  expect(sent(calls, "POST /api/oauth2/clients/wiki/secret")).toEqual({ overlap_seconds: 86400 });
});
