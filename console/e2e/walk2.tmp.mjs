import { readFileSync } from "node:fs";
import AxeBuilder from "@axe-core/playwright";
import { DESKTOP, newPage, PHONE, settings, shoot, signIn, startBrowser, watchAnswers } from "./browser.mjs";
import { actOn, answer, ask, button, dialog, open } from "./work-page.mjs";

const info = JSON.parse(readFileSync("/tmp/pages/info.json"));
settings.url = info.url;
settings.password = "Journey-Admin-4711";
settings.shots = "/tmp/pages/w2";
const browser = await startBrowser();
const page = await newPage(browser, {
  viewport: process.env.PHONE ? PHONE : DESKTOP,
  colorScheme: process.env.DARK ? "dark" : "light",
});
page.setDefaultTimeout(7000);
await signIn(page);
watchAnswers(page);
const prefix = (process.env.PHONE ? "p" : "d") + (process.env.DARK ? "d" : "l");
const shot = async (name, axe = true) => {
  await page.waitForTimeout(250);
  await shoot(page, `${prefix}-${name}`);
  const o = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (o > 0) console.log("   OVERFLOW", name, o);
  if (axe) {
    const { violations } = await new AxeBuilder({ page }).analyze();
    for (const v of violations)
      console.log(`   AXE ${name}: ${v.id} ${v.help}: ${v.nodes[0].html.slice(0, 140)}`);
  }
};
const S = {
  async reloadConsent() {
    await ask(page, "Clean [[play:consent]]");
    await button(page, "Allow once").waitFor();
    await page.reload();
    await button(page, "Allow once").waitFor();
    await shot("consent-reload");
    await button(page, "Allow once").click();
    await answer(page, "The old files are gone.");
  },
  async reloadAsk() {
    await ask(page, "Ask [[play:ask]]");
    await button(page, "Submit").waitFor();
    await page.reload();
    await button(page, "Submit").waitFor();
    await page.getByLabel("A week", { exact: true }).check();
    await button(page, "Submit").click();
    await answer(page, "A week of museums");
  },
  async stopAsk() {
    await ask(page, "Ask [[play:ask]]");
    await button(page, "Submit").waitFor();
    await page.locator(".composer textarea").focus();
    await page.keyboard.press("Escape");
    await page.locator(".messages[aria-busy=false]").waitFor();
    await shot("ask-stopped");
    await page.reload();
    await page.locator(".turn").waitFor();
    await shot("ask-stopped-reloaded");
  },
  async stopConsent() {
    await ask(page, "Clean [[play:consent]]");
    await button(page, "Allow once").waitFor();
    await button(page, "Stop").click();
    await page.locator(".messages[aria-busy=false]").waitFor();
    await shot("consent-stopped");
  },
  async reloadChild() {
    await ask(page, "Delegate [[play:delegate]]");
    await page.locator("[data-child][data-state=running]").first().waitFor();
    await page.reload();
    await page.locator("[data-child]").first().waitFor();
    await shot("child-reload");
    await answer(page, "Both parts");
    await page.locator("[data-child] button").first().click();
    await page.locator(".side-panel .answer").first().waitFor();
    await shot("child-done");
  },
  async servers() {
    await open(page, "servers/Friend");
    await page.locator(".entry").first().waitFor();
    await shot("server");
    await open(page, "servers/Locked");
    await page.locator("h1 .badge").waitFor();
    await shot("locked");
    await open(page, "servers");
    await page.locator(".card").first().waitFor();
    await shot("servers");
    await open(page, "servers/.new");
    await page.getByLabel("Protocol").selectOption("stdio");
    await shot("stdio-form");
    await page.getByLabel("Name").fill("Prog");
    await page.getByLabel("Entry").fill("nothing");
    await button(page, "Save").click();
    await page.locator(".notice.error").waitFor();
    await shot("stdio-refused");
  },
  async skillsys() {
    await open(page, "skills");
    await button(page, "Add a skill").click();
    await page.getByLabel("For whom").selectOption("system");
    await page.getByLabel("ZIP files with a SKILL.md").setInputFiles([`${info.folder}/minutes.zip`]);
    await button(page, "Add").click();
    await page.getByText("minutes can be used.").waitFor();
    await button(page, "Close").click();
    await shot("skills-all");
    await button(page, "Add a skill").click();
    await button(page, "Web address").click();
    await page.getByLabel("Address", { exact: true }).fill("http://127.0.0.1:9/x.zip");
    await button(page, "Add").click();
    await page.locator("dialog .notice.error").waitFor();
    await shot("skill-url-failed");
  },
  async chinese() {
    await open(page, "");
    if (process.env.PHONE) await page.getByRole("button", { name: "Open the side bar" }).click();
    await page.locator(".account-button").click();
    await page.getByRole("menuitemradio", { name: "中文" }).click();
    await page.reload();
    await page.locator(".composer textarea").waitFor();
    await ask(page, "清理 [[play:consent]]");
    await page
      .getByRole("button", { name: "允许" })
      .first()
      .waitFor()
      .catch(() => {});
    await shot("zh-consent");
    await ask(page, "计划 [[play:ask]]");
    await page.waitForTimeout(1200);
    await shot("zh-ask");
    for (const h of [
      "skills",
      "servers",
      "servers/Friend",
      "agents",
      "admin/budgets",
      "skills/user%2Fminutes",
    ]) {
      await open(page, h);
      await page.waitForTimeout(700);
      await shot(`zh-${h.replace(/\W/g, "-")}`, false);
    }
    await open(page, "agents");
    await page.locator(".card a[aria-label]").nth(1).click();
    await page.waitForTimeout(900);
    await page.evaluate(() => {
      for (const s of document.querySelectorAll(".form-section")) s.open = true;
    });
    for (const [n, part] of (await page.locator(".form-section").all()).entries()) {
      await part.evaluate((e) => e.scrollIntoView());
      await shot(`zh-form-${n}`, n === 0);
    }
  },
};
const only = (process.argv[2] ?? "").split(",").filter(Boolean);
for (const [name, run] of Object.entries(S)) {
  if (only.length && !only.includes(name)) continue;
  console.log("==", name);
  try {
    await run();
  } catch (e) {
    console.log("   FAILED", e.message.split("\n").slice(0, 3).join(" | "));
    await shot(`failed-${name}`, false);
  }
  for (const f of page.faults.splice(0)) console.log("   FAULT", f);
}
await browser.close();
