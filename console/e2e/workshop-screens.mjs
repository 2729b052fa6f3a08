/** Pictures of what agents are made of; `check` takes one and looks at its accessibility. */
import { settings } from "./browser.mjs";
import { needFit } from "./runtime-screens.mjs";

const button = (page, name) => page.getByRole("button", { name, exact: true });
const goTo = (page, hash) => page.goto(`${settings.url}/#/${hash}`);

export async function workshopScreens(page, variant, check) {
  const picture = async (name) => {
    await check(page, `${variant}-${name}`);
    await needFit(page, name);
  };
  await skills(page, picture);
  await servers(page, picture);
  await agents(page, picture);
  await budgets(page, picture);
}

async function skills(page, picture) {
  await goTo(page, "skills");
  await page.locator(".cards .card").first().waitFor();
  await picture("85-skills");
  await button(page, "Add a skill").click();
  await picture("86-add-skill");
  await button(page, "Web address").click();
  await page.getByLabel("Address", { exact: true }).fill("https://example.com/skills/notes.zip");
  await picture("87-add-skill-address");
  await page.keyboard.press("Escape");
  await button(page, "Add a skill").click();
  await page.getByLabel("ZIP files with a SKILL.md").setInputFiles([
    { name: "minutes.zip", mimeType: "application/zip", buffer: Buffer.from("PK") },
    { name: "wild.zip", mimeType: "application/zip", buffer: Buffer.from("PK") },
    { name: "bad.zip", mimeType: "application/zip", buffer: Buffer.from("PK") },
  ]);
  await button(page, "Add").click();
  await button(page, "Close").waitFor();
  await picture("88-skills-added");
  await page.keyboard.press("Escape");
  await goTo(page, "skills/user%2Fweb-research");
  await page.locator(".scan").waitFor();
  await page.locator(".output").waitFor();
  await picture("89-skill-review");
  await page.locator(".page").evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await picture("90-skill-text");
  await goTo(page, "skills/user%2Fmonthly-report");
  await page.locator(".output").waitFor();
  await button(page, "Actions for monthly-report").click();
  await page.getByRole("menuitem", { name: "Edit SKILL.md" }).click();
  await picture("91-skill-edit");
}

async function servers(page, picture) {
  await goTo(page, "servers");
  await page.locator(".cards .card").first().waitFor();
  await picture("92-servers");
  await goTo(page, "servers/Issue%20tracker");
  await page.locator(".entry").first().waitFor();
  await picture("93-server-frozen");
  await goTo(page, "servers/Calendar");
  await button(page, "Sign in there").waitFor();
  await picture("94-server-sign-in");
  await goTo(page, "servers/.new");
  await page.getByLabel("How it knows you").selectOption("oauth");
  await page.getByText("Headers and client").click();
  await page.getByLabel("Name").fill("Broken");
  await page.getByLabel("Address").fill("https://down.example.com/mcp");
  await button(page, "Save").click();
  await page.locator(".notice.error").waitFor();
  await picture("95-server-form");
}

async function agents(page, picture) {
  await goTo(page, "agents");
  await page.locator(".cards .card").first().waitFor();
  if ((await page.locator(".cards .card").count()) < 2) {
    await button(page, "Create a starter agent").click();
    await page.locator(".cards .card").nth(1).waitFor();
  }
  await page
    .getByRole("button", { name: /^Actions for/ })
    .last()
    .click();
  await picture("96-agents");
  await page.getByRole("menuitem", { name: "Memory" }).click();
  await page.locator(".note-text").first().waitFor();
  await picture("97-memory");
  await button(page, "Add a note").click();
  await picture("98-memory-note");
  await page.keyboard.press("Escape");
  await goTo(page, "agents");
  await page.locator(".card a[aria-label^=Edit]").last().click();
  await page.locator(".tool-choice").first().waitFor();
  await picture("99-agent-form");
  await page.evaluate(() => {
    for (const section of document.querySelectorAll(".form-section")) section.open = true;
  });
  await page.getByLabel("Way of working").selectOption("team");
  await button(page, "Add a workflow").click();
  for (const [name, part] of (await page.locator(".form-section").all()).entries()) {
    await part.evaluate((element) => element.scrollIntoView());
    await picture(`99${"abcdef"[name]}-agent-form`);
  }
  await goTo(page, "agents/new");
  await page.getByLabel("Draft it for me").fill("Answers questions about our travel rules");
  await button(page, "Draft it for me").click();
  await page.waitForFunction(() => document.querySelector("input[required]")?.value !== "");
  await picture("100-agent-draft");
  await goTo(page, "agents");
  await page
    .getByRole("button", { name: /^Actions for/ })
    .last()
    .click();
  await page.getByRole("menuitem", { name: "Earlier versions" }).click();
  await page.locator(".cards .card").first().waitFor();
  await picture("101-versions");
}

async function budgets(page, picture) {
  await goTo(page, "account/budgets");
  await page.locator(".pot").first().waitFor();
  await picture("102-own-budgets");
  await goTo(page, "admin/budgets");
  await page.locator(".pot").first().waitFor();
  await picture("103-budgets");
  await button(page, "Set a budget").click();
  await page.getByLabel("For", { exact: true }).selectOption("user");
  await page.getByLabel("Person", { exact: true }).waitFor();
  await picture("104-budget-form");
  await page.keyboard.press("Escape");
}
