/**
 * One administrator's way through the pages of accounts and administration, by keyboard where that is the point.
 *
 * CLARY_STEPS names the steps to go (commas between them), for a server that has not all of them; without it all are
 * gone, which needs a server where people may sign up. CLARY_MAIL_LOG is the log of a server that writes its mail there;
 * without it the code is that of the fake server. CLARY_URL, CLARY_USER, CLARY_PASSWORD, CLARY_SHOTS as in the other
 * journey.
 */
import { readFileSync } from "node:fs";
import { newPage, PHONE, settings, shoot, signIn } from "./browser.mjs";
import { actOn, button, dialog, gone, open, row } from "./page-acts.mjs";
import { go, need, needCount, step } from "./steps.mjs";

const unique = Date.now().toString(36);
const focused = (page) => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");

/** A new person signs up and arrives at the page that was asked for first. */
async function signUp(browser) {
  const page = await newPage(browser);
  await page.goto(`${settings.url}/login?next=${encodeURIComponent("/#/agents")}`);
  await page.getByRole("link", { name: "Sign up" }).click();
  await page.getByLabel("E-mail", { exact: true }).fill(`${unique}@example.com`);
  await button(page, "Send code").click();
  await page.getByRole("button", { name: /^Try again in \d+ s$/ }).waitFor();
  await page.getByLabel("E-mail code").fill("000000");
  await page.getByLabel("User name").fill(`new-${unique}`);
  await page.getByLabel("Password", { exact: true }).fill("a good password");
  await button(page, "Create account").click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("E-mail code").fill(mailedCode(`${unique}@example.com`));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Agents" }).waitFor();
  need(new URL(page.url()).pathname === "/", `the address is still ${page.url()}`);
  return page;
}

function mailedCode(address) {
  if (!process.env.CLARY_MAIL_LOG) return "123456";
  const mails = readFileSync(process.env.CLARY_MAIL_LOG, "utf8").split("\n");
  const mail = mails.findLast((line) => line.includes("mail_not_configured") && line.includes(address));
  return /\b\d{6}\b/.exec(mail ?? "")?.[0] ?? "";
}

/** Whoever comes from another part of the server goes back there by a full load, with the whole query. */
async function next(browser) {
  const page = await newPage(browser);
  const wanted =
    "/oauth2/authorize?client_id=a&redirect_uri=https%3A%2F%2Fx.example%2Fcb%3Fd%3D1&state=s%26t";
  await page.goto(`${settings.url}/login?next=${encodeURIComponent(wanted)}`);
  await page.getByLabel("User name or e-mail").fill(settings.user);
  await page.getByLabel("Password", { exact: true }).fill(settings.password);
  const loaded = page.waitForRequest((request) => request.isNavigationRequest());
  await page.keyboard.press("Enter");
  need((await loaded).url() === `${settings.url}${wanted}`, `it went to ${(await loaded).url()}`);
  await page.waitForURL((url) => url.pathname.startsWith("/oauth2/"));
  await page.goto(`${settings.url}/login?next=${encodeURIComponent("//evil.example/")}`);
  await page.locator(".composer textarea").waitFor();
  return page;
}

/** A group from its making to its end; a window gives the focus back to what opened it. */
async function groups(page) {
  const name = `Group ${unique}`;
  await open(page, "admin/groups");
  await button(page, "New group").focus();
  await page.keyboard.press("Enter");
  await dialog(page).waitFor();
  await page.keyboard.press("Escape");
  await gone(page);
  need((await focused(page)) === "New group", `the focus is on “${await focused(page)}”`);
  await page.keyboard.press("Enter");
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name }).waitFor();
  await button(page, "Add members").click();
  await dialog(page).getByLabel(settings.user, { exact: true }).check();
  await dialog(page).getByRole("button", { name: "Add members" }).click();
  await gone(page);
  await row(page, settings.user).waitFor();
  await actOn(page, settings.user, "Make manager");
  await row(page, settings.user).getByText("Manager").waitFor();
  await shoot(page, "identity-1-group");
  await actOn(page, settings.user, "Remove from group");
  await dialog(page).getByRole("button", { name: "Remove from group" }).click();
  await gone(page);
  await row(page, settings.user).waitFor({ state: "detached" });
  need(await page.evaluate(() => document.activeElement !== document.body), "the focus is lost");
  await button(page, "Delete").click();
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Groups" }).waitFor();
  await needCount(row(page, name), 0, "the deleted group is still listed");
}

/** A key is made, its secret survives Escape, what it may spend comes back, and the key is ended. */
async function keys(page) {
  const name = `Key ${unique}`;
  await open(page, "account/keys");
  await button(page, "New key").click();
  await page.getByLabel("Name").fill(name);
  await page.getByText("What it may spend").click();
  await page.getByLabel("Per day").first().fill("5000");
  await button(page, "Create key").click();
  const secret = dialog(page).locator(".secret code");
  await secret.waitFor();
  need(/^clk_[\w-]{43}$/.test(await secret.textContent()), "what is shown is no key");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  need(await secret.isVisible(), "Escape took the secret away");
  await button(page, "I have saved it").click();
  await gone(page);
  await actOn(page, name, "Edit");
  const ceiling = await page.getByLabel("Per day").first().inputValue();
  need(ceiling === "5000", `the key may spend ${ceiling} tokens a day`);
  await page.keyboard.press("Escape");
  await gone(page);
  await actOn(page, name, "Delete");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await row(page, name).waitFor({ state: "detached" });
}

async function users(page) {
  const name = `user-${unique}`;
  await open(page, "admin/users");
  await button(page, "Add user").click();
  await page.getByLabel("User name").fill(name);
  await dialog(page).getByLabel("Password", { exact: true }).fill("a good password");
  await dialog(page).getByRole("button", { name: "Add user" }).click();
  await gone(page);
  await page.getByLabel("Search", { exact: true }).fill(name);
  await actOn(page, name, "Reset password");
  await dialog(page).getByRole("button", { name: "Reset password" }).click();
  await dialog(page).locator(".secret code").waitFor();
  await button(page, "I have saved it").click();
  await actOn(page, name, "Disable");
  await dialog(page).getByRole("button", { name: "Disable" }).click();
  await row(page, name).getByText("Disabled").waitFor();
  await actOn(page, name, "Delete");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("Nobody found").waitFor();
}

async function clients(page) {
  const name = `Client ${unique}`;
  await open(page, "admin/clients");
  await button(page, "New client").click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Redirect addresses").fill("https://app.example.com/cb");
  await button(page, "Add client").click();
  await dialog(page).locator(".secret code").nth(1).waitFor();
  await button(page, "I have saved it").click();
  await actOn(page, name, "Delete");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await row(page, name).waitFor({ state: "detached" });
}

async function audit(page) {
  await open(page, "admin/audit");
  await page.locator(".entry").first().waitFor();
  await page.getByLabel("Action", { exact: true }).fill("auth.");
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".entry summary code")].every((code) =>
      code.textContent.startsWith("auth."),
    ),
  );
  await page.locator(".entry summary").first().focus();
  await page.keyboard.press("Enter");
  await page.locator(".entry .facts").first().waitFor();
  await button(page, "Verify").click();
  await button(page, "Check").click();
  await page.getByText("The log is whole").waitFor();
  await page.keyboard.press("Escape");
  await button(page, "Export").click();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  need((await download).suggestedFilename().endsWith("jsonl"), "the export is no file of lines");
}

/** One request of the page itself, for what the page is not asked to do here. */
const ask = (page, path, method, body) =>
  page.evaluate(
    async ([path, method, body]) => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(path, { method, headers, body: JSON.stringify(body) });
      return (await answer.json()).data;
    },
    [path, method, body],
  );

/** An agent is shared with a group, and the window knows it when it is opened again. */
async function share(page) {
  const name = `Readers ${unique}`;
  await open(page, "agents");
  const group = await ask(page, "/api/groups", "POST", { name });
  const starter = page.locator("[data-action=starter-agent]");
  const own = page.locator(".card", { has: page.getByRole("link", { name: /^Edit / }) }).first();
  const openWindow = async () => {
    await own.getByRole("button", { name: /^Actions for / }).click();
    await page.getByRole("menuitem", { name: "Share" }).click();
  };
  await starter.or(own).first().waitFor();
  if ((await own.count()) === 0) await starter.click();
  await openWindow();
  const choice = dialog(page).getByLabel(name);
  await choice.check();
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await gone(page);
  await openWindow();
  await choice.waitFor();
  need(await choice.isChecked(), "the grant is not there any more");
  await choice.uncheck();
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await gone(page);
  await ask(page, `/api/groups/${group.id}`, "DELETE");
}

async function account(page) {
  await open(page, "account/profile");
  await page.getByLabel("Nickname").fill(`Nick ${unique}`);
  await button(page, "Save").click();
  await page.getByRole("button", { name: `Account: Nick ${unique}` }).waitFor();
  await page.getByLabel("Nickname").fill("");
  await button(page, "Save").click();
  await page.getByRole("button", { name: `Account: ${settings.user}` }).waitFor();
  await open(page, "account/security");
  await page.getByText("This browser").waitFor();
  await open(page, "account/activity");
  await page.locator(".entry").first().waitFor();
}

/** Every page fits a phone, and the open section is in sight. */
async function phone(browser, storageState, sections) {
  const page = await newPage(browser, { viewport: PHONE, storageState });
  for (const section of sections) {
    await open(page, section);
    const here = page.locator(".section-links [aria-current]");
    await here.waitFor();
    const box = await here.boundingBox();
    need(box.x >= 0 && box.x + box.width <= PHONE.width, `the link of ${section} is out of sight`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    need(overflow <= 0, `${section} is ${overflow} px wider than the phone`);
  }
  return page;
}

const SECTIONS = {
  groups: ["account/groups", "admin/groups"],
  keys: ["account/keys"],
  users: ["admin/users"],
  clients: ["admin/clients"],
  audit: ["account/activity", "admin/audit"],
  account: ["account/profile", "account/security"],
};
const BEFORE = { "sign-up": signUp, next };
const STEPS = { groups, keys, users, clients, audit, share, account };
const wanted = (process.env.CLARY_STEPS ?? Object.keys({ ...BEFORE, ...STEPS }).join(",")).split(",");

async function journey(browser) {
  const unknown = wanted.filter((name) => !(name in BEFORE || name in STEPS));
  need(unknown.length === 0, `there is no step ${unknown}`);
  const pages = [];
  for (const [name, run] of Object.entries(BEFORE))
    if (wanted.includes(name)) pages.push(await step(name, () => run(browser)));
  const page = await newPage(browser);
  pages.push(page);
  await signIn(page);
  try {
    for (const [name, run] of Object.entries(STEPS))
      if (wanted.includes(name)) await step(name, () => run(page));
    const storageState = await page.context().storageState();
    const sections = wanted.flatMap((name) => SECTIONS[name] ?? []);
    pages.push(await step("phone", () => phone(browser, storageState, sections)));
  } catch (error) {
    await shoot(page, "identity-failed").catch(() => {});
    throw error;
  }
  const faults = pages.flatMap((each) => each.faults);
  need(faults.length === 0, `faults of the page:\n${faults.join("\n")}`);
}

await go(journey);
