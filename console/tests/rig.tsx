/** The two pages on a table of answers, and what a person does on them. */
import { fireEvent, render, screen, within } from "@testing-library/react";
import { AccountPage } from "../src/app/AccountPage";
import { AdminPage } from "../src/app/AdminPage";
import type { Account, SystemInfo } from "../src/features/accounts/api";
import type { AccountSection, AdminSection } from "../src/kit/route";

export const INFO: SystemInfo = {
  instance_name: "Clary",
  announcement: "",
  auth_mode: "native",
  has_local_auth: true,
  native_login_admin_only: false,
  auth_providers: [],
  demo_model: true,
};
export const ADMIN = {
  userid: "u1",
  username: "root",
  nickname: "root",
  phonenum: "",
  email: "",
  role: "admin",
  avatar_url: "",
};
export const account = (role: string): Account => ({
  user: { ...ADMIN, role },
  has_provider: true,
  has_agent: true,
});
export const NOW = "2027-01-02T03:04:05.000000Z";

export const showAccount = (
  section: AccountSection,
  options: { role?: string; id?: string; info?: SystemInfo } = {},
) =>
  render(
    <AccountPage
      section={section}
      id={options.id}
      account={account(options.role ?? "user")}
      info={options.info ?? INFO}
    />,
  );
export const showAdmin = (section: AdminSection, id?: string, info = INFO) =>
  render(<AdminPage section={section} id={id} account={account("admin")} info={info} />);
export const type = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
export const press = async (name: string) => fireEvent.click(await screen.findByRole("button", { name }));
export const choose = async (row: string, entry: string) => {
  await press(`Actions for ${row}`);
  fireEvent.click(screen.getByRole("menuitem", { name: entry }));
};
/** Presses a button of the open window, which may be called like one of the page. */
export const confirm = (name: string) =>
  fireEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name }));
export const submit = () => {
  const form = screen.getByRole("dialog").querySelector("form");
  if (form === null) throw new Error("there is no form");
  fireEvent.submit(form);
};

export const KEY = {
  id: "k1",
  name: "Report",
  prefix: "clk_abcd",
  scopes: ["read", "chat"],
  expires_at: null,
  agent_ids: [],
  addresses: [],
  status: "active",
  created_at: NOW,
  last_used_at: NOW,
  last_used_address: "192.0.2.7",
};
export const AGENTS = [
  { id: "a1", name: "Writer" },
  { id: "a2", name: "Coder" },
];

export const GROUP = {
  id: "grp_1",
  name: "Builders",
  description: "They build",
  source: "manual",
  member_count: 2,
  my_role: "manager",
  created_at: NOW,
};
export const member = (user_id: string, values: object = {}) => ({
  user_id,
  username: user_id,
  nickname: "",
  role: "member",
  source: "manual",
  added_at: NOW,
  ...values,
});
export const WITH_MEMBERS = { ...GROUP, members: [member("u1", { role: "manager" }), member("ann")] };
export const PEOPLE = [
  { label: "ann", value: "ann" },
  { label: "bo", value: "bo" },
];

export const entry = (seq: number, values: object = {}) => ({
  seq,
  at: NOW,
  actor: { kind: "user", user_id: "ann", username: "ann" },
  action: "auth.login",
  outcome: "success",
  object: null,
  address: "192.0.2.1",
  user_agent: "curl/8.9",
  request_id: "r1",
  detail: {},
  prev_hash: "0".repeat(64),
  hash: "a".repeat(64),
  ...values,
});
