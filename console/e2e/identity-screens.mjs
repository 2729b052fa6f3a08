/** Pictures of the pages about accounts and administration; `check` takes one and looks at its accessibility. */
import { settings } from "./browser.mjs";

const SECTIONS = [
  ["account/profile", ".facts"],
  ["account/security", ".cards .card"],
  ["account/keys", ".cards .card"],
  ["account/apps", ".page"],
  ["account/groups", ".cards .card"],
  ["account/activity", ".entries .entry"],
  ["admin/users", ".cards .card"],
  ["admin/groups", ".cards .card"],
  ["admin/groups/grp_0000000000000001", ".cards .card"],
  ["admin/clients", ".cards .card"],
  ["admin/audit", ".entries .entry"],
];

const button = (page, name) => page.getByRole("button", { name, exact: true });

async function open(page, address) {
  await page.goto(`${settings.url}/#/${address}`);
}

async function needFit(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) throw new Error(`${name} is ${overflow} px wider than the window`);
}

/** Before the sign-in. */
export async function signUpScreens(page, variant, check) {
  await page.goto(`${settings.url}/login?error=oauth_denied&next=%2F`);
  await page.getByLabel("Password", { exact: true }).waitFor();
  await check(page, `${variant}-20-login-error`);
  const signUp = page.getByRole("link", { name: "Sign up" });
  if ((await signUp.count()) === 0) return;
  await signUp.click();
  await page.getByLabel("E-mail", { exact: true }).fill(`${variant}@example.com`);
  await button(page, "Send code").click();
  await page.getByText("A code is on its way").waitFor();
  await check(page, `${variant}-21-sign-up`);
}

export async function identityScreens(page, variant, check) {
  for (const [number, [address, ready]] of SECTIONS.entries()) {
    const name = `${variant}-${30 + number}-${address.replaceAll("/", "-")}`;
    await open(page, address);
    await page.locator(ready).first().waitFor();
    await check(page, name);
    await needFit(page, name);
  }
  await keyScreens(page, variant, check);
  await adminScreens(page, variant, check);
  await shareScreen(page, variant, check);
}

async function keyScreens(page, variant, check) {
  await open(page, "account/keys");
  await button(page, "New key").click();
  await page.getByLabel("Name").fill("Script");
  await check(page, `${variant}-50-key-form`);
  await button(page, "Create key").click();
  await page.getByText("This is shown only now").waitFor();
  await check(page, `${variant}-51-key-secret`);
  await button(page, "I have saved it").click();
}

async function adminScreens(page, variant, check) {
  await open(page, "admin/users");
  await button(page, "Actions for mei.lin").click();
  await check(page, `${variant}-52-user-menu`);
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByLabel("Give everything to somebody").check();
  await check(page, `${variant}-53-user-delete`);
  await page.keyboard.press("Escape");
  await button(page, "Add user").click();
  await check(page, `${variant}-54-user-form`);
  await page.keyboard.press("Escape");
  await open(page, "admin/clients");
  await button(page, "New client").click();
  await check(page, `${variant}-55-client-form`);
  await page.keyboard.press("Escape");
  await open(page, "admin/audit");
  await button(page, "Verify").click();
  await button(page, "Check").click();
  await page.getByText("The log is whole").waitFor();
  await check(page, `${variant}-56-verify`);
  await page.keyboard.press("Escape");
  await button(page, "Export").click();
  await check(page, `${variant}-57-export`);
  await page.keyboard.press("Escape");
  await page.locator(".entry summary").nth(2).click();
  await check(page, `${variant}-58-entry`);
  await open(page, "admin/groups/grp_0000000000000001");
  await button(page, "Add members").click();
  await page.locator(".choices .check").first().waitFor();
  await check(page, `${variant}-59-members`);
  await page.keyboard.press("Escape");
}

async function shareScreen(page, variant, check) {
  await open(page, "agents");
  const starter = page.locator("[data-action=starter-agent]");
  const own = page.locator(".card", { has: page.getByRole("link", { name: /^Edit / }) }).first();
  await starter.or(own).first().waitFor();
  if ((await own.count()) === 0) await starter.click();
  await own.getByRole("button", { name: /^Actions for / }).click();
  await page.getByRole("menuitem", { name: "Share" }).click();
  await page.locator(".choices .check").first().waitFor();
  await check(page, `${variant}-60-share`);
  await page.keyboard.press("Escape");
}
