/** Starts the browser of the machine and signs in; shared by the journey and the gallery. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const settings = {
  url: process.env.CLARY_URL ?? "http://127.0.0.1:8090",
  user: process.env.CLARY_USER ?? "admin",
  password: process.env.CLARY_PASSWORD ?? "fake-password",
  shots: process.env.CLARY_SHOTS ?? "",
  browser: process.env.CLARY_CHROMIUM ?? "/usr/bin/chromium",
};

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 780 };

export const startBrowser = () =>
  chromium.launch({ executablePath: settings.browser, headless: true, args: ARGUMENTS });

/** A page in English, with the faults of the page collected in `page.faults`. */
export async function newPage(browser, { viewport = DESKTOP, colorScheme = "light", storageState } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, storageState, locale: "en-US" });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    const isPolicy = /Content Security Policy|Refused to/i.test(message.text());
    if (isPolicy) page.faults.push(`page policy: ${message.text()}`);
  });
  return page;
}

/**
 * Counts refusals of the API as faults of the page, except those that a step announces with `expectRefusal`, and lists
 * that this server does not have.
 */
export function watchAnswers(page) {
  page.expected = [];
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    const isJson = (response.headers()["content-type"] ?? "").includes("json");
    if (!pathname.startsWith("/api/") || !isJson) return;
    const { code = response.status(), message, error_detail } = await response.json().catch(() => ({}));
    if (code === 200 && response.ok()) return;
    if (error_detail === "route_not_found") return;
    const place = page.expected.indexOf(error_detail);
    if (place >= 0) page.expected.splice(place, 1);
    else page.faults.push(`${response.request().method()} ${pathname}: ${code} ${message}`);
  });
}

/** The next refusal with this slug is part of the way. */
export const expectRefusal = (page, slug) => page.expected.push(slug);

export async function signIn(page) {
  await page.goto(settings.url);
  await page.getByLabel("User name or e-mail").fill(settings.user);
  await page.getByLabel("Password", { exact: true }).fill(settings.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const refusal = page.getByRole("alert");
  await page.locator(".composer textarea").or(refusal).first().waitFor();
  if ((await refusal.count()) > 0) throw new Error(`refused: ${await refusal.first().textContent()}`);
}

export async function shoot(page, name) {
  if (settings.shots === "") return;
  mkdirSync(settings.shots, { recursive: true });
  await page.screenshot({ path: join(settings.shots, `${name}.png`) });
}
