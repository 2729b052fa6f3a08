import { readFileSync } from "node:fs";
import { DESKTOP, newPage, PHONE, settings, shoot, signIn, startBrowser } from "./browser.mjs";

const info = JSON.parse(readFileSync("/tmp/pages/info.json"));
settings.url = info.url;
settings.password = "Journey-Admin-4711";
settings.shots = process.env.SHOTS ?? "/tmp/pages/shots";
const viewport = process.env.PHONE ? PHONE : DESKTOP;
const prefix = `${process.env.PHONE ? "p" : "d"}${process.env.DARK ? "d" : "l"}`;
const only = (process.argv[2] ?? "").split(",").filter(Boolean);
const browser = await startBrowser();
const page = await newPage(browser, { viewport, colorScheme: process.env.DARK ? "dark" : "light" });
page.setDefaultTimeout(8000);
page.on("console", (m) => {
  if (["error", "warning"].includes(m.type())) console.log("   CONSOLE", m.type(), m.text().slice(0, 300));
});
page.on("pageerror", (e) => console.log("   PAGEERROR", e.message));
page.on("response", async (r) => {
  if (!r.url().includes("/api/")) return;
  let code = r.status(),
    note = "";
  const type = r.headers()["content-type"] ?? "";
  if (type.includes("json")) {
    try {
      const b = await r.json();
      if (b.code !== undefined && b.code !== 200) {
        code = `${r.status()}/${b.code}`;
        note = JSON.stringify(b).slice(0, 400);
      } else if (r.status() >= 400) note = JSON.stringify(b).slice(0, 400);
    } catch {}
  }
  if (String(code) !== "200" || process.env.ALL)
    console.log("   NET", code, r.request().method(), r.url().replace(info.url, ""), note);
});
const button = (name, exact = true) => page.getByRole("button", { name, exact });
const go = (hash) => page.goto(`${settings.url}/#/${hash}`);
const shot = async (name) => {
  await page.waitForTimeout(250);
  await shoot(page, `${prefix}-${name}`);
  const o = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (o > 0) console.log("   OVERFLOW", name, o);
};
const ask = async (text) => {
  await go("");
  await page.locator(".welcome").waitFor();
  await page.locator(".composer textarea").fill(text);
  await page.keyboard.press("Enter");
  await page.locator(".turn").first().waitFor();
  await page.waitForTimeout(150);
};
const settled = () => page.locator(".messages[aria-busy=false] .turn").last().waitFor({ timeout: 60000 });
const S = {
  async tools() {
    await ask("Work please [[play:tools]]");
    await page.waitForTimeout(400);
    // maybe approval
    await page.waitForTimeout(1500);
    await shot("tools-running");
    await settled();
    await shot("tools");
    for (const h of await page.locator(".tool-head").all()) await h.click();
    await shot("tools-open");
    await page.locator(".messages").evaluate((e) => e.scrollTo(0, 0));
    await shot("tools-open-top");
  },
  async ask() {
    await ask("Ask me [[play:ask]]");
    await page.getByLabel("A week", { exact: true }).check();
    await page.getByLabel("Museums").check();
    await shot("ask");
    await button("Submit").click();
    await settled();
    await shot("ask-answered");
    await page.reload();
    await settled();
    await shot("ask-reloaded");
  },
  async later() {
    await ask("Ask later [[play:later]]");
    await settled();
    await page.getByLabel("A week", { exact: true }).check();
    await shot("later");
    await button("Submit").click();
    await page.waitForTimeout(500);
    await settled();
    await shot("later-answered");
  },
  async text() {
    await ask("Ask in text [[play:text]]");
    await settled();
    await page.locator(".ask").waitFor();
    await page.getByLabel("One page").check();
    await shot("text");
    await button("Submit").click();
    await page.waitForTimeout(500);
    await settled();
    await shot("text-answered");
  },
  async plan() {
    await go("");
    await page.locator(".welcome").waitFor();
    await button("Add to the message").click();
    await shot("plan-menu");
    await page.getByRole("menuitemcheckbox", { name: /Plan first/ }).click();
    await page.locator(".composer textarea").fill("Plan it [[play:plan]]");
    await page.keyboard.press("Enter");
    await page.locator(".ask").waitFor();
    await shot("plan");
    await page.getByRole("radio").first().check();
    await button("Submit").click();
    await page.waitForTimeout(500);
    await settled();
    await shot("plan-answered");
  },
  async consent() {
    await ask("Clean up [[play:consent]]");
    await button("Allow once").waitFor();
    await shot("consent");
    await page.keyboard.press("Enter");
    await page.waitForTimeout(300);
    if (await button("Allow once").count()) {
      console.log("   not focused");
      await button("Allow once").click();
    }
    await settled();
    await shot("consent-given");
    await page.reload();
    await settled();
    await shot("consent-reloaded");
  },
  async delegate() {
    await ask("Delegate [[play:delegate]]");
    await page.locator("[data-child][data-state=running]").first().waitFor();
    await shot("delegate");
    await page.locator("[data-child] button").first().click();
    await page.locator(".side-panel .turn").first().waitFor();
    await shot("child-panel");
    await settled();
    await shot("child-panel-end");
    await page.keyboard.press("Escape");
    await shot("delegate-end");
    await page.reload();
    await settled();
    await shot("delegate-reloaded");
  },
  async slow() {
    await ask("Slowly [[play:slow]]");
    await page.locator(".answer").first().waitFor();
    await page.locator(".composer textarea").fill("Keep it short");
    await page.keyboard.press("Enter");
    await page.locator(".composer textarea").fill("And metric");
    await page.keyboard.press("Enter");
    await shot("guidance");
    await settled();
    await shot("guidance-end");
    await page.reload();
    await settled();
    await shot("guidance-reloaded");
  },
  async edit() {
    await ask("Hello there");
    await settled();
    await button("Edit message").last().click();
    await shot("edit");
    await page.keyboard.press("Escape");
    await button("Answer again").last().click();
    await page.waitForTimeout(300);
    await settled();
    await shot("again");
    await page.locator(".composer textarea").fill("tell me tides");
    await button("Improve my draft").click();
    await button("Undo").waitFor();
    await shot("improved");
  },
  async files() {
    await go("");
    await page.locator(".welcome").waitFor();
    await button("Files of the agent").click();
    await shot("files-0");
    await page
      .locator(".side-panel input[type=file]")
      .setInputFiles([{ name: "figures 2026.csv", mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2\n") }]);
    await page.locator(".file-rows li", { hasText: "figures" }).waitFor();
    await shot("files");
    const d = page.waitForEvent("download");
    await page.getByRole("link", { name: /^Download figures/ }).click();
    console.log("   downloaded", (await d).suggestedFilename());
    const folder = page.locator(".file-name", { hasText: "notes" });
    if (await folder.count()) {
      await folder.click();
      await shot("folder");
    }
  },
  async extras() {
    await go("");
    await page.locator(".welcome").waitFor();
    await page.locator(".composer input[type=file]").setInputFiles([
      { name: "sales.csv", mimeType: "text/csv", buffer: Buffer.from("a,b") },
      {
        name: "shelf.png",
        mimeType: "image/png",
        buffer: Buffer.from(
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
          "base64",
        ),
      },
    ]);
    await page.locator(".chip").nth(1).waitFor();
    await page.locator(".composer textarea").fill("Compare them");
    await shot("extras");
    await page.keyboard.press("Enter");
    await page.waitForTimeout(500);
    await settled();
    await shot("extras-sent");
  },
  async skills() {
    await go("skills");
    await page.waitForTimeout(600);
    await shot("skills-empty");
    await button("Add a skill").first().click();
    await shot("add-skill");
    await page
      .getByLabel("ZIP files with a SKILL.md")
      .setInputFiles(["minutes.zip", "wild.zip", "bad.zip"].map((f) => `${info.folder}/${f}`));
    await shot("add-skill-files");
    await button("Add").click();
    await button("Close").waitFor();
    await shot("skills-added");
    await page.keyboard.press("Escape");
    await shot("skills");
    await page.locator(".card a", { hasText: "wild" }).first().click();
    await page.waitForTimeout(800);
    await shot("skill-review");
    await page.locator(".page").evaluate((b) => b.scrollTo(0, b.scrollHeight));
    await shot("skill-review-end");
    await go("skills/user%2Fminutes");
    await page.waitForTimeout(800);
    await shot("skill");
    await button("Actions for minutes").click();
    await shot("skill-menu");
    await page.getByRole("menuitem", { name: "Edit SKILL.md" }).click();
    await shot("skill-edit");
    const area = page.locator("textarea").last();
    await area.fill((await area.inputValue()) + "\nAlso when.\n");
    await button("Save").click();
    await page.waitForTimeout(800);
    await shot("skill-edited");
  },
  async approve() {
    await go("skills/user%2Fwild");
    await page.waitForTimeout(800);
    const approve = button(/approve/i, false);
    console.log("   buttons", await page.getByRole("button").allInnerTexts());
    await approve.first().click();
    await page.waitForTimeout(800);
    await shot("skill-approved");
  },
  async copy() {
    await go("skills/user%2Fminutes");
    await button("Actions for minutes").click();
    await page.getByRole("menuitem", { name: /Copy/ }).click();
    await shot("skill-copy");
    await page.locator("dialog[open] select, dialog[open] input").first().waitFor();
    console.log(await page.locator("dialog[open]").innerText());
  },
  async servers() {
    await go("servers");
    await page.waitForTimeout(600);
    await shot("servers-empty");
    await go("servers/.new");
    await page.getByLabel("Name").fill("Friend");
    await page.getByLabel("Address").fill(info.open);
    await shot("server-form");
    await button("Save").click();
    await page.waitForTimeout(1200);
    await shot("server-added");
    await go("servers");
    await page.waitForTimeout(500);
    await shot("servers");
    await go("servers/.new");
    await page.getByLabel("Name").fill("Broken");
    await page.getByLabel("Address").fill("http://127.0.0.1:9/mcp");
    await button("Save").click();
    await page.waitForTimeout(2500);
    await shot("server-broken");
  },
  async oauth() {
    await go("servers/.new");
    await page.getByLabel("Name").fill("Locked");
    await page.getByLabel("Address").fill(info.locked);
    await page.getByLabel("How it knows you").selectOption("oauth");
    await shot("oauth-form");
    await button("Save").click();
    await page.waitForTimeout(1200);
    await shot("oauth-added");
  },
  async agents() {
    await go("agents");
    await page.waitForTimeout(600);
    await shot("agents");
    await page.locator(".card a[aria-label^='Edit Worker']").click();
    await page.locator(".tool-choice").first().waitFor();
    await page.evaluate(() => {
      for (const s of document.querySelectorAll(".form-section")) s.open = true;
    });
    await shot("agent-form");
    for (const [n, part] of (await page.locator(".form-section").all()).entries()) {
      await part.evaluate((e) => e.scrollIntoView());
      await shot(`agent-form-${n}`);
    }
    await button("Save").click();
    await page.waitForTimeout(800);
    await shot("agent-saved");
  },
  async memory() {
    await go("agents");
    await button("Actions for Worker").click();
    await shot("agent-menu");
    await page.getByRole("menuitem", { name: "Memory" }).click();
    await page.waitForTimeout(600);
    await shot("memory-empty");
    await button("Add a note").first().click();
    await page.locator("textarea").last().fill("I like tea");
    await button(/Save|Add/, false)
      .last()
      .click();
    await page.waitForTimeout(500);
    await shot("memory");
  },
  async versions() {
    await go("agents");
    await button("Actions for Worker").click();
    await page.getByRole("menuitem", { name: "Earlier versions" }).click();
    await page.waitForTimeout(600);
    await shot("versions");
  },
  async draft() {
    await go("agents/new");
    await page.getByLabel("Draft it for me").fill("About travel [[play:draft]]");
    await button("Draft it for me").click();
    await page.waitForTimeout(1500);
    await shot("draft");
  },
  async budgets() {
    await go("account/budgets");
    await page.waitForTimeout(600);
    await shot("own-budgets");
    await go("admin/budgets");
    await page.waitForTimeout(600);
    await shot("budgets");
    await button("Set a budget").first().click();
    await shot("budget-form");
    console.log(await page.locator("dialog[open]").innerText());
  },
  async misc() {
    for (const h of [
      "",
      "models",
      "account/profile",
      "account/security",
      "account/keys",
      "account/groups",
      "account/activity",
      "account/grants",
      "account/identities",
      "admin/users",
      "admin/groups",
      "admin/clients",
      "admin/audit",
    ]) {
      await go(h);
      await page.waitForTimeout(700);
      await shot(`page-${h.replace("/", "-") || "home"}`);
    }
  },
};
await signIn(page);
await page.evaluate(async () => {
  const l = await (await fetch("/api/agent/list")).json();
  localStorage.setItem("clary.agent", l.data.find((a) => a.name === "Worker").id);
});
await page.reload();
await page.locator(".composer textarea").waitFor();
for (const [name, run] of Object.entries(S)) {
  if (only.length && !only.includes(name)) continue;
  console.log("==", name);
  try {
    await run();
  } catch (e) {
    console.log("   FAILED", e.message.split("\n").slice(0, 3).join(" | "));
    await shot(`failed-${name}`);
  }
}
await browser.close();
