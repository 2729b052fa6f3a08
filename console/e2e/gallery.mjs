/** Takes a picture of every screen of the console, wide and narrow, light and dark, from the fake server. */
import AxeBuilder from "@axe-core/playwright";
import { DESKTOP, newPage, PHONE, settings, shoot, signIn, startBrowser } from "./browser.mjs";
import { identityScreens, signUpScreens } from "./identity-screens.mjs";
import { knowledgeScreens } from "./knowledge-screens.mjs";
import { runtimeScreens } from "./runtime-screens.mjs";
import { workshopScreens } from "./workshop-screens.mjs";

settings.shots ||= "shots";
const VARIANTS = [
  ["wide-light", DESKTOP, "light"],
  ["wide-dark", DESKTOP, "dark"],
  ["phone-light", PHONE, "light"],
  ["phone-dark", PHONE, "dark"],
];
/** SCREENS names the groups to take, such as `chat,runtime`; all of them without it. */
const wants = (group) => (process.env.SCREENS ?? group).split(",").includes(group);
let violations = 0;

async function check(page, name) {
  await page.waitForTimeout(250);
  await shoot(page, name);
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  for (const violation of found) {
    violations += 1;
    console.log(`${name}: ${violation.id}: ${violation.help}`);
    for (const node of violation.nodes.slice(0, 3)) console.log(`    ${node.html.slice(0, 160)}`);
  }
}

async function ask(page, text) {
  await page.locator(".composer textarea").fill(text);
  await page.keyboard.press("Enter");
}

const settled = (page) =>
  page.locator(".messages[aria-busy=false] .turn").last().waitFor({ timeout: 60_000 });

async function chatScreens(page, variant) {
  await check(page, `${variant}-2-welcome`);
  await ask(page, "Show me a plain answer");
  await page.waitForTimeout(1800);
  await shoot(page, `${variant}-3-streaming`);
  await settled(page);
  await check(page, `${variant}-4-answer`);
  await ask(page, "Now use the tools, write a script");
  await page.locator(".tool[data-status=running]").first().waitFor();
  await shoot(page, `${variant}-5-tool-running`);
  await page.waitForTimeout(1500);
  await settled(page);
  await check(page, `${variant}-6-tools`);
  for (const head of await page.locator(".tool-head").all()) await head.click();
  await page.locator(".thought summary").last().click();
  await page.locator(".task-panel summary").click();
  await check(page, `${variant}-7-tools-open`);
  await page.locator(".tool[data-tool=execute_shell_command]").scrollIntoViewIfNeeded();
  await check(page, `${variant}-7b-shell`);
  await ask(page, "Please fail");
  await page.waitForTimeout(600);
  await settled(page);
  await ask(page, "retry");
  await page.waitForTimeout(600);
  await settled(page);
  await check(page, `${variant}-8-failures`);
}

async function otherScreens(page, variant, isPhone) {
  await page.goto(`${settings.url}/#/agents`);
  await page.locator(".cards .card").first().waitFor();
  await check(page, `${variant}-10-agents`);
  await page.goto(`${settings.url}/#/agents/new`);
  await page.locator(".tool-choice").first().waitFor();
  await check(page, `${variant}-11-agent-form`);
  await page.goto(`${settings.url}/#/models`);
  await page.locator(".cards .card").first().waitFor();
  await check(page, `${variant}-12-models`);
  await page.getByRole("button", { name: "Connect a model" }).click();
  await page.getByLabel("Base address").fill("https://api.example.com/v1");
  await page.getByLabel("API key").fill("sk-0123456789abcdef");
  await page.getByLabel("Model", { exact: true }).fill("bad-model");
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.locator(".probe .notice").waitFor();
  await check(page, `${variant}-13-model-form`);
  await page.goto(`${settings.url}/#/`);
  if (isPhone) await page.getByRole("button", { name: "Open the side bar" }).click();
  await page.locator(".account-button").click();
  await check(page, `${variant}-14-account-menu`);
  await page.getByRole("menuitem", { name: "Change password" }).click();
  await check(page, `${variant}-15-password`);
  await page.keyboard.press("Escape");
  await page.locator(".history-row").first().hover();
  await page.locator(".row-menu").first().click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await check(page, `${variant}-16-delete`);
  await page.keyboard.press("Escape");
  await page.locator(".account-button").click();
  await page.getByRole("menuitemradio", { name: "中文" }).click();
  await check(page, `${variant}-17-chinese`);
  await page.locator(".account-button").click();
  await page.getByRole("menuitemradio", { name: "English" }).click();
}

const browser = await startBrowser();
try {
  const wanted = process.env.VARIANT;
  for (const [variant, viewport, colorScheme] of VARIANTS.filter(([name]) => !wanted || name === wanted)) {
    const page = await newPage(browser, { viewport, colorScheme });
    await page.goto(settings.url);
    await page.getByLabel("Password", { exact: true }).waitFor();
    if (wants("identity")) {
      await check(page, `${variant}-1-login`);
      await signUpScreens(page, variant, check);
    }
    await signIn(page);
    if (wants("chat")) {
      await chatScreens(page, variant);
      await otherScreens(page, variant, viewport === PHONE);
    }
    if (wants("runtime")) await runtimeScreens(page, variant, check);
    if (wants("workshop")) await workshopScreens(page, variant, check);
    if (wants("knowledge")) await knowledgeScreens(page, variant, check);
    if (wants("identity")) await identityScreens(page, variant, check);
    for (const fault of page.faults) console.log(`${variant}: ${fault}`);
    await page.context().close();
  }
} finally {
  await browser.close();
}
console.log(`${violations} accessibility violations`);
