/** Pictures of agents at work: questions, consent, helpers, files; `check` takes one and looks at its accessibility. */
import { settings } from "./browser.mjs";

const button = (page, name) => page.getByRole("button", { name, exact: true });

export async function needFit(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) throw new Error(`${name} is ${overflow} px wider than the window`);
}

async function ask(page, text) {
  await page.goto(`${settings.url}/#/`);
  await page.locator(".welcome").waitFor();
  await page.locator(".composer textarea").fill(text);
  await page.keyboard.press("Enter");
}

const settled = (page) =>
  page.locator(".messages[aria-busy=false] .turn").last().waitFor({ timeout: 60_000 });

export async function runtimeScreens(page, variant, check) {
  const picture = async (name) => {
    await check(page, `${variant}-${name}`);
    await needFit(page, name);
  };
  await questions(page, picture);
  await consent(page, picture);
  await helpers(page, picture);
  await additions(page, picture);
  await files(page, picture);
  await extras(page, picture);
}

async function questions(page, picture) {
  await ask(page, "Ask me what you need");
  await page.getByLabel("A week", { exact: true }).check();
  await page.getByLabel("Museums").check();
  await picture("70-questionnaire");
  await button(page, "Submit").click();
  await settled(page);
  await picture("71-questionnaire-answered");
  await ask(page, "Plan it first");
  await page.getByLabel("Carry out the plan").check();
  await picture("72-plan");
  await button(page, "Submit").click();
  await settled(page);
  await ask(page, "Ask later");
  await settled(page);
  await page.getByLabel("A week", { exact: true }).check();
  await button(page, "Submit").click();
  await settled(page);
  await picture("73-questionnaire-async");
  await ask(page, "Ask in the text");
  await settled(page);
  await page.locator(".ask").waitFor();
  await picture("73a-questionnaire-in-text");
}

async function consent(page, picture) {
  await ask(page, "You need permission");
  await button(page, "Allow once").waitFor();
  await picture("74-approval");
  await button(page, "Allow once").click();
  await settled(page);
  await picture("75-approved");
}

async function helpers(page, picture) {
  await ask(page, "Delegate this");
  await page.locator("[data-child][data-state=running]").first().waitFor();
  await button(page, "Allow once").waitFor();
  await picture("76-delegation");
  await page.locator("[data-child] button").first().click();
  await page.locator(".side-panel .turn").first().waitFor();
  await picture("77-child-panel");
  await page.keyboard.press("Escape");
  await button(page, "Do not allow").first().click();
  await settled(page);
  await ask(page, "Do some research");
  await settled(page);
  for (const head of await page.locator(".tool-head").all()) await head.click();
  await picture("78-research");
}

async function additions(page, picture) {
  await ask(page, "Tell me slowly");
  await page.locator(".answer").first().waitFor();
  await ask_more(page, "Keep it short, please");
  await ask_more(page, "And use metric units all the way through, also for the temperatures");
  await page.locator(".composer textarea").fill("make it rhyme");
  await picture("79-additions");
  await page.locator(".composer textarea").fill("");
  await page.keyboard.press("Escape");
  await settled(page);
  await button(page, "Edit message").last().click();
  await picture("80-edit-message");
  await page.keyboard.press("Escape");
  await page.locator(".composer textarea").fill("tell me about tides");
  await button(page, "Improve my draft").click();
  await button(page, "Undo").waitFor();
  await picture("81-improved");
  await page.locator(".composer textarea").fill("");
}

async function ask_more(page, text) {
  await page.locator(".composer textarea").fill(text);
  await page.keyboard.press("Enter");
}

async function files(page, picture) {
  await button(page, "Files of the agent").click();
  await page.locator(".file-rows li").first().waitFor();
  await picture("82-files");
  await page.locator(".file-name", { hasText: "reports" }).click();
  await picture("83-folder");
  await page.getByRole("button", { name: /^Delete a rather/ }).click();
  await picture("84-delete-file");
  await page.keyboard.press("Escape");
  await page.locator(".side-panel").press("Escape");
}

const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

async function extras(page, picture) {
  await page.goto(`${settings.url}/#/`);
  await page.locator(".welcome").waitFor();
  // The built-in agent takes files only in a chat that has begun.
  const starter = page.locator("[data-action=starter-agent]");
  if ((await starter.count()) > 0) await starter.click();
  await starter.waitFor({ state: "detached" });
  await button(page, "Add to the message").click();
  await picture("84a-extras-menu");
  await page.getByRole("menuitemcheckbox", { name: /Plan first/ }).click();
  await page.locator(".composer input[type=file]").setInputFiles([
    { name: "sales figures 2026.csv", mimeType: "text/csv", buffer: Buffer.from("a,b") },
    { name: "shelf.png", mimeType: "image/png", buffer: PIXEL },
  ]);
  await page.locator(".chip", { hasText: /shelf(-\d+)?\.png$/ }).waitFor();
  await page.locator(".composer textarea").fill("Compare the figures with the picture");
  await picture("84b-extras");
  await page.keyboard.press("Enter");
  await page.locator(".ask").waitFor();
  await picture("84c-sent-files");
  await page.locator(".composer textarea").focus();
  await page.keyboard.press("Escape");
  await settled(page);
}
