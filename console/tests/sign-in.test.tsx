import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "../src/app/App";
import { accountStore } from "../src/features/accounts/account-store";
import type { Account, SystemInfo } from "../src/features/accounts/api";
import { LoginPage } from "../src/features/accounts/LoginPage";
import { setLocale } from "../src/kit/i18n";
import { followNext, safeNext, signInWishes } from "../src/kit/next-address";
import { Refused, sent, serve } from "./server";

const INFO: SystemInfo = {
  instance_name: "Our Clary",
  announcement: "",
  auth_mode: "native",
  has_local_auth: true,
  native_login_admin_only: false,
  auth_providers: [
    { id: "native", type: "native", name: "Password", button_text: "Use a password", login_url: "" },
  ],
  allow_registration: false,
  demo_model: true,
};
const CORP = {
  id: "corp",
  type: "oidc",
  name: "Corp SSO",
  button_text: "Sign in with Corp SSO",
  icon: "building2",
  login_url: "/api/auth/upstream/login/corp",
};
const WITH_CORP = { ...INFO, auth_providers: [...INFO.auth_providers, CORP] };
const ONLY_CORP = { ...INFO, auth_mode: "oauth" as const, has_local_auth: false, auth_providers: [CORP] };
const ANN = {
  userid: "u1",
  username: "ann",
  nickname: "Ann",
  phonenum: "",
  email: "",
  role: "user",
  avatar_url: "",
};
const ACCOUNT: Account = { user: ANN, has_provider: false, has_agent: false };

const at = (address: string) => history.replaceState(null, "", address);
const assigned = () => vi.spyOn(location, "assign").mockImplementation(() => {});

beforeEach(() => at("/"));
afterEach(() => at("/"));

test("only addresses of the own server are safe to go to, however they are written", () => {
  const own = "http://localhost:3000";
  const safe = [
    "/",
    "/jaeger/trace/1?a=b&c=%2F",
    "/oauth2/authorize?redirect_uri=https%3A%2F%2Fx.example%2Fcb",
  ];
  const foreign = [
    null,
    "",
    "//evil.example/",
    "/\\evil.example",
    "/%5cevil.example",
    "/%2fevil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/a\u0000b",
    "/%0d%0aSet-Cookie:x",
    "/%zz",
    "jaeger/",
    `/${"a".repeat(2048)}`,
  ];
  expect(safe.map((next) => safeNext(next, own))).toEqual(safe);
  expect(safeNext(`${own}/api/x?y=1#z`, own)).toBe("/api/x?y=1#z");
  expect(foreign.map((next) => safeNext(next, own))).toEqual(foreign.map(() => null));
});

test("what the address asks for is read from its query", () => {
  const next = "/oauth2/authorize?client_id=a&scope=openid+email&state=%26x";
  expect(signInWishes(`?next=${encodeURIComponent(next)}&local_only=1`)).toEqual({
    next,
    error: null,
    isLocalOnly: true,
  });
  expect(signInWishes("?error=oauth_denied&next=%2F%2Fevil.example")).toEqual({
    next: null,
    error: "oauth_denied",
    isLocalOnly: false,
  });
});

test.each([
  "/jaeger/search?service=clary",
  "/api/oauth2/authorize?client_id=a&state=1%262",
  "/oauth2/authorize?client_id=a",
])("%s is loaded whole, for only the server knows it", (next) => {
  const assign = assigned();
  at("/login?next=x");
  expect(followNext(next)).toBe(false);
  expect(assign).toHaveBeenCalledExactlyOnceWith(next);
});

test("a page of the console needs no second load", () => {
  const assign = assigned();
  at("/login?next=x");
  expect(followNext("/#/agents")).toBe(true);
  expect([location.pathname, location.search, location.hash]).toEqual(["/", "", "#/agents"]);
  at("/web/login");
  expect(followNext(null)).toBe(true);
  expect(location.pathname).toBe("/web/");
  expect(assign).not.toHaveBeenCalled();
});

function signInAs(name: string) {
  fireEvent.change(screen.getByLabelText("User name or e-mail"), { target: { value: name } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "a good password" } });
  fireEvent.submit(screen.getByRole("form", { name: "Sign in" }));
}

test("after the sign-in one arrives where one wanted to go, with the whole address", async () => {
  const assign = assigned();
  const next = "/oauth2/authorize?client_id=a&redirect_uri=https%3A%2F%2Fx.example%2Fcb%3Fd%3D1&state=s";
  at(`/login?next=${encodeURIComponent(next)}`);
  serve({ "POST /api/auth/login": { access_token: "a", refresh_token: "r", expires_in: 3600 } });
  render(<LoginPage info={INFO} reason={null} />);
  signInAs("ann");
  await waitFor(() => expect(assign).toHaveBeenCalledExactlyOnceWith(next));
});

test("what went wrong at another service is told in words, in both languages", () => {
  at("/login?error=identity_taken&next=%2F");
  const { rerender } = render(<LoginPage info={WITH_CORP} reason={null} />);
  expect(screen.getByRole("alert").textContent).toBe("This identity is linked to another account");
  act(() => setLocale("zh"));
  rerender(<LoginPage info={WITH_CORP} reason={null} />);
  expect(screen.getByRole("alert").textContent).toBe("该身份已绑定其他账号");
});

test("an unknown error is not repeated, for anybody can write an address", () => {
  at("/login?error=call-0800-now");
  render(<LoginPage info={WITH_CORP} reason={null} />);
  expect(screen.getByRole("alert").textContent).toBe("Sign-in failed. Please try again.");
});

test("other services are links that carry the way back; the native one is the form", () => {
  at("/login?next=%2Fjaeger%2F%3Fa%3Db");
  render(<LoginPage info={WITH_CORP} reason={null} />);
  expect(screen.getByRole("form", { name: "Sign in" })).toBeTruthy();
  expect(screen.queryByText("Use a password")).toBeNull();
  const link = screen.getByRole("link", { name: "Sign in with Corp SSO" });
  expect(link.getAttribute("href")).toBe("/api/auth/upstream/login/corp?next=%2Fjaeger%2F%3Fa%3Db");
});

test("a page that needs a sign-in is the way back when no other is named", () => {
  at("/#/agents");
  render(<LoginPage info={ONLY_CORP} reason={null} />);
  const link = screen.getByRole("link", { name: "Sign in with Corp SSO" });
  expect(link.getAttribute("href")).toBe("/api/auth/upstream/login/corp?next=%2F%23%2Fagents");
  expect(screen.queryByRole("form")).toBeNull();
});

test("local_only hides the other services, but never the last way in", () => {
  at("/login?local_only=1&next=%2Fjaeger%2F");
  const { rerender } = render(<LoginPage info={WITH_CORP} reason={null} />);
  expect(screen.queryByRole("link", { name: "Sign in with Corp SSO" })).toBeNull();
  rerender(<LoginPage info={ONLY_CORP} reason={null} />);
  expect(screen.getByRole("link", { name: "Sign in with Corp SSO" })).toBeTruthy();
});

test("who is throttled sees for how long", async () => {
  serve({
    "POST /api/auth/login": new Refused(
      429,
      "Too many sign-in attempts, try again in 8 seconds",
      "login_throttled",
      {
        "Retry-After": "8",
      },
    ),
  });
  render(<LoginPage info={INFO} reason={null} />);
  signInAs("ann");
  const button = await screen.findByRole("button", { name: "Try again in 8 s" });
  expect(button.hasAttribute("disabled")).toBe(true);
  expect(screen.getByRole("alert").textContent).toContain("Too many sign-in attempts");
});

test("sign-up is offered only where it is allowed", () => {
  const { rerender } = render(<LoginPage info={INFO} reason={null} />);
  expect(screen.queryByRole("link", { name: "Sign up" })).toBeNull();
  rerender(<LoginPage info={{ ...INFO, allow_registration: true }} reason={null} />);
  expect(screen.getByRole("link", { name: "Sign up" }).getAttribute("href")).toBe("#/sign-up");
  at("/#/sign-up");
  rerender(<LoginPage info={INFO} reason={null} />);
  expect(screen.queryByRole("form", { name: "Sign up" })).toBeNull();
});

async function openSignUp() {
  at("/login?next=%2Fjaeger%2F#/sign-up");
  render(<LoginPage info={{ ...INFO, allow_registration: true }} reason={null} />);
  await screen.findByRole("form", { name: "Sign up" });
}
const type = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });

test("a code is mailed, and the next one has to wait as long as the server says", async () => {
  const calls = serve({ "POST /api/auth/register/send-code": { expires_in: 300, retry_after: 30 } });
  await openSignUp();
  expect(screen.getByRole("button", { name: "Send code" }).hasAttribute("disabled")).toBe(true);
  type("E-mail", " ann@example.com ");
  fireEvent.click(screen.getByRole("button", { name: "Send code" }));
  expect((await screen.findByRole("button", { name: "Try again in 30 s" })).hasAttribute("disabled")).toBe(
    true,
  );
  expect(screen.getByRole("status").textContent).toContain("ann@example.com");
  expect(calls[0]?.body).toEqual({ email: "ann@example.com" });
});

test("a refused code request counts down as well", async () => {
  serve({
    "POST /api/auth/register/send-code": new Refused(429, "Code was just sent", "code_throttled", {
      "Retry-After": "12",
    }),
  });
  await openSignUp();
  type("E-mail", "ann@example.com");
  fireEvent.click(screen.getByRole("button", { name: "Send code" }));
  expect(await screen.findByRole("button", { name: "Try again in 12 s" })).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("Code was just sent");
});

test("a new account is signed in at once and goes where it was asked to", async () => {
  const assign = assigned();
  const calls = serve({
    "POST /api/auth/register": { user_id: "u9" },
    "POST /api/auth/login": { access_token: "a", refresh_token: "r", expires_in: 3600 },
  });
  await openSignUp();
  type("E-mail", "ann@example.com");
  type("E-mail code", " 123456 ");
  type("User name", "ann");
  type("Password", "a good password");
  fireEvent.submit(screen.getByRole("form", { name: "Sign up" }));
  await waitFor(() => expect(assign).toHaveBeenCalledExactlyOnceWith("/jaeger/"));
  expect(sent(calls, "POST /api/auth/register")).toEqual({
    username: "ann",
    password: "a good password",
    email: "ann@example.com",
    verification_code: "123456",
  });
  expect(sent(calls, "POST /api/auth/login")).toEqual({
    username_or_email: "ann",
    password: "a good password",
  });
});

test("a taken name can be corrected with the same code", async () => {
  serve({ "POST /api/auth/register": new Refused(409, "User name already exists", "username_taken") });
  await openSignUp();
  type("E-mail code", "123456");
  type("User name", "ann");
  fireEvent.submit(screen.getByRole("form", { name: "Sign up" }));
  expect((await screen.findByRole("alert")).textContent).toBe("User name already exists");
  expect(screen.getByLabelText<HTMLInputElement>("E-mail code").value).toBe("123456");
  expect(screen.getByRole("button", { name: "Create account" }).hasAttribute("disabled")).toBe(false);
});

test("somebody who is signed in and sent here may go on or sign in again", async () => {
  const assign = assigned();
  at("/login?next=%2Foauth2%2Fauthorize%3Fprompt%3Dlogin");
  serve({ "GET /api/system/info": INFO, "GET /api/auth/session": ACCOUNT });
  render(<App />);
  fireEvent.click(await screen.findByRole("button", { name: "Continue as Ann" }));
  expect(assign).toHaveBeenCalledExactlyOnceWith("/oauth2/authorize?prompt=login");
  expect(screen.getByRole("form", { name: "Sign in" })).toBeTruthy();
  expect(accountStore.get().step).toBe("signed-in");
});
