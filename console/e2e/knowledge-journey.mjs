/**
 * One person's way through knowledge bases, against a real server that tests/console/test_knowledge_pages.py has
 * furnished: documents come in and are read, found, cited, tested, shared, and go again.
 *
 * CLARY_URL, CLARY_USER, CLARY_PASSWORD, CLARY_SHOTS as in the other journeys; CLARY_STEPS names the steps to go (commas
 * between them). An answer of the API that nobody expects fails the journey, and so does a page that is not accessible.
 */
import AxeBuilder from "@axe-core/playwright";
import { expectRefusal, newPage, PHONE, settings, shoot, signIn, watchAnswers } from "./browser.mjs";
import { actOn, answer, ask, button, dialog, gone, open, row } from "./page-acts.mjs";
import { go, need, needCount, step } from "./steps.mjs";

const RULES = `# Travel rules

What is paid on a business trip. 🚆

## Trains

Trains are booked in second class.

## Hotels

A night in Berlin costs at most 180 EUR. Breakfast is paid.
`;
const file = (name, content) => ({
  name,
  mimeType: "application/octet-stream",
  buffer: Buffer.from(content),
});
const doc = (page, name) => page.locator(".doc-row").filter({ hasText: name });
const READING = { timeout: 60_000 };
/** Where things are, as the steps find out. */
const places = { base: "", document: "", chat: "" };

async function looks(page, name) {
  await page.waitForTimeout(150);
  await shoot(page, name);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`);
  need(said.length === 0, `${name} is not accessible:\n${said.join("\n")}`);
}

async function pick(page, label, ...files) {
  await page.locator(`input[type=file][aria-label="${label}"]`).first().setInputFiles(files);
}

/** A base is made by keyboard; its page is there at once. */
async function create(page) {
  await open(page, "knowledge");
  await page.getByText("No knowledge base yet.").waitFor();
  await looks(page, "kb-01-none");
  await page.getByRole("link", { name: "New knowledge base" }).press("Enter");
  await page.getByLabel("Name").fill("Travel rules");
  await page.getByLabel("What it is about").fill("What is paid on a trip");
  await page.getByText("Advanced", { exact: true }).click();
  await looks(page, "kb-02-form");
  await page.getByLabel("Name").press("Enter");
  await page.getByRole("heading", { name: "Travel rules" }).waitFor();
  await page.getByText("There is no document yet.").waitFor();
  places.base = new URL(page.url()).hash.slice(2);
}

/** Files come in; what cannot be read says why; one is read again, replaced, deleted. */
async function documents(page) {
  await pick(page, "Add files", file("rules.md", RULES), file("plan.bin", "\x00\x01\x02\xff\xfe\x00\x07"));
  await page.getByText("1 of 2 read").waitFor(READING);
  await doc(page, "plan.bin").getByText("Not readable").waitFor();
  await doc(page, "plan.bin").getByText("Save it in a common format").waitFor();
  await looks(page, "kb-03-documents");
  await page.getByLabel("State").selectOption("3");
  await doc(page, "rules.md").waitFor({ state: "detached" });
  await page.getByLabel("State").selectOption("");
  await page.getByLabel("Search", { exact: true }).fill("rules");
  await doc(page, "plan.bin").waitFor({ state: "detached" });
  await actOn(page, "rules.md", "Read again");
  await doc(page, "rules.md").locator(".badge", { hasText: "Not readable" }).waitFor({ state: "detached" });
  await page.getByLabel("Search", { exact: true }).fill("");
  await actOn(page, "plan.bin", "Delete");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await doc(page, "plan.bin").waitFor({ state: "detached" });
  const row = doc(page, "rules.md");
  await row
    .locator("input[type=file]")
    .setInputFiles([file("new.md", `${RULES}\n## Receipts\n\nKeep them.\n`)]);
  await page.getByText("All read: 1 of 1").last().waitFor(READING);
  await needCount(page.locator(".doc-row"), 1, "the replaced document is still there");
}

/** The text with its headings, and the original file. */
async function document(page) {
  await open(page, places.base);
  await page.getByRole("link", { name: "rules.md" }).click();
  await page.getByRole("heading", { name: "Receipts" }).waitFor();
  places.document = new URL(page.url()).hash.slice(2);
  await page.getByText(/^Headings \(/).click();
  await page.getByRole("navigation", { name: "Headings" }).getByRole("button", { name: "Hotels" }).click();
  await looks(page, "kb-04-document");
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Original file" }).click();
  need((await download).suggestedFilename() === "rules.md", "the original has another name");
}

/** What is found is marked and leads to its place. */
async function search(page) {
  await open(page, `${places.base}/search`);
  await page.getByLabel("Question", { exact: true }).fill("What does a hotel in Berlin cost?");
  await page.keyboard.press("Enter");
  const hit = page.locator(".hit").filter({ hasText: "180 EUR" }).first();
  await hit.locator("mark", { hasText: "Berlin" }).first().waitFor();
  await hit.getByText("How it was found").click();
  await page.getByText("Filters and more").click();
  await looks(page, "kb-05-search");
  await hit.getByRole("link", { name: "rules.md" }).click();
  await page.locator(".doc-content mark", { hasText: "180 EUR" }).first().waitFor();
  await looks(page, "kb-06-passage");
  await open(page, `${places.base}/search`);
  expectRefusal(page, "query_empty");
  await page.getByLabel("Question", { exact: true }).fill("  ");
  await page.keyboard.press("Enter");
  await page.locator(".notice.error").waitFor();
}

/** Test questions: one without an answer is pointed at, a wrong one is missed. */
async function questions(page) {
  await open(page, `${places.base}/questions`);
  await page.getByText("There are no questions yet.").waitFor();
  await button(page, "Add a question").click();
  await page.keyboard.type("What may a hotel cost in Berlin?");
  await button(page, "Save the questions").click();
  await page.getByText("Name a document, or a text that has to be found.").waitFor();
  await page.getByLabel("Document with the answer").fill("rules.md");
  await page.getByLabel("Text it has to contain").fill("180 EUR");
  await button(page, "Add a question").click();
  await page.keyboard.type("Who pays for parking?");
  await page.getByLabel("Document with the answer").last().fill("parking.pdf");
  await button(page, "Save the questions").click();
  await page.getByText("2 questions are saved.").waitFor();
  await button(page, "Run the questions").click();
  await page.getByText("50 %").waitFor(READING);
  await page.getByText("1 question missed").click();
  await page.locator(".bullets", { hasText: "Who pays for parking?" }).waitFor();
  await looks(page, "kb-07-questions");
}

/** A base of questions and answers refuses what it cannot take, as a whole, and keeps the files at hand. */
async function answers(page) {
  await open(page, "knowledge/new");
  await page.getByLabel("Name").fill("Help desk");
  await page.getByLabel("Kind").selectOption("qa");
  await button(page, "Create").click();
  await page.getByText("CSV or Excel, two columns").waitFor();
  expectRefusal(page, "qa_file_format");
  const good = "question,answer\nHow do I reset my password?,Ask the desk\nIs there tea?,\n";
  await pick(page, "Add files", file("good.csv", good), file("bad.csv", "only one column\nreally\n"));
  await page.locator(".notice.error", { hasText: "bad.csv" }).waitFor();
  await looks(page, "kb-08-refused");
  await button(page, "Leave out bad.csv").click();
  await button(page, "Send again").click();
  await page.getByText("All read: 1 of 1").waitFor(READING);
  await doc(page, "good.csv").getByText("1 row without a question or an answer").waitFor();
  await page.getByRole("link", { name: "Try the search" }).click();
  await page.getByLabel("Question", { exact: true }).fill("reset password");
  await page.keyboard.press("Enter");
  await page.locator(".hit", { hasText: "Ask the desk" }).waitFor();
}

/** Somebody may read, then write; the window shows it again. */
async function sharing(page) {
  await open(page, places.base);
  await actOn(page, "Travel rules", "Share");
  await page.getByLabel("mary", { exact: true }).check();
  await page.getByLabel("What mary may do").selectOption("write");
  await looks(page, "kb-09-share");
  await button(page, "Save").click();
  await gone(page);
  await actOn(page, "Travel rules", "Share");
  await dialog(page).getByLabel("What mary may do").waitFor();
  need((await page.getByLabel("What mary may do").inputValue()) === "write", "the right was not saved");
  await page.keyboard.press("Escape");
  await gone(page);
}

/** An agent gets the base, cites it, and its mark leads to the passage. */
async function citing(page) {
  await open(page, "agents/new");
  await page.getByLabel("Name", { exact: true }).fill("Travel desk");
  await page.getByLabel(/^Search the knowledge/).check();
  await page.getByText("Knowledge and memory", { exact: true }).click();
  await page.getByLabel(/^Travel rules/).check();
  await button(page, "Save").click();
  await page.getByRole("heading", { name: "Agents" }).waitFor();
  await row(page, "Travel desk").getByRole("button", { name: "Chat" }).click();
  await ask(page, "What does a hotel cost? [[play:cite]]");
  await answer(page, "A night costs 180 EUR");
  const mark = page.locator("a.citation");
  await mark.waitFor();
  await needCount(mark, 1, "a number that nobody gave, or one in a program, has become a link");
  places.chat = new URL(page.url()).hash.slice(2);
  await mark.hover();
  await page.getByRole("tooltip").getByText("rules.md").waitFor();
  await page.locator(".citation-text").waitFor();
  await looks(page, "kb-10-citation");
  await page.mouse.move(0, 0);
  await page.getByRole("tooltip").waitFor({ state: "detached" });
  await mark.focus();
  await page.getByRole("tooltip").waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".doc-content mark").first().waitFor();
}

/** Another size of passages builds the index anew; meanwhile and afterwards the base answers. */
async function rebuild(page) {
  await open(page, `${places.base}/settings`);
  await page.getByText("Advanced", { exact: true }).click();
  await page.getByLabel("Size of a passage (characters)").fill("300");
  await button(page, "Save").click();
  await page.getByText("Saved. The index is being built anew").waitFor();
  await page.locator(".base-facts", { hasText: /Index version\s*2/ }).waitFor(READING);
  await looks(page, "kb-11-settings");
}

/** The document goes, and its citation says so; then the base goes, by its name. */
async function leaving(page) {
  await open(page, places.base);
  await page.getByRole("link", { name: "rules.md" }).waitFor();
  await actOn(page, "Travel rules", "Delete all documents");
  await dialog(page)
    .getByLabel(/^To confirm/)
    .fill("Travel rules");
  await looks(page, "kb-12-clear");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await gone(page);
  await page.getByText("There is no document yet.").waitFor();
  await open(page, places.document);
  await page.getByText("This document does not exist any more").waitFor();
  await open(page, places.chat);
  await page.locator("button.citation").focus();
  await page.getByRole("tooltip").getByText("The document was deleted.").waitFor();
  await looks(page, "kb-13-deleted");
  await open(page, places.base);
  await actOn(page, "Travel rules", "Delete");
  await dialog(page)
    .getByLabel(/^To confirm/)
    .fill("Travel rules");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await gone(page);
  await page.getByRole("link", { name: "Help desk" }).waitFor();
  await needCount(row(page, "Travel rules"), 0, "the base is still there");
}

/** Every page fits a phone in the dark, in both languages. */
async function phone(browser, storageState) {
  const page = await newPage(browser, { viewport: PHONE, colorScheme: "dark", storageState });
  watchAnswers(page);
  const { base, document } = places;
  const addresses = [
    "knowledge",
    "knowledge/new",
    base,
    `${base}/search`,
    `${base}/questions`,
    `${base}/settings`,
    document,
  ];
  await page.goto(settings.url);
  for (const locale of ["en", "zh"]) {
    await page.evaluate((value) => localStorage.setItem("clary.locale", value), locale);
    await page.reload();
    for (const [number, address] of addresses.entries()) {
      await open(page, address);
      await page.locator("h1").first().waitFor();
      await page.waitForFunction(() => window.document.querySelector(".spinner") === null);
      const overflow = await page.evaluate(() => {
        const boxes = [window.document.documentElement, window.document.querySelector(".page")];
        return Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth));
      });
      need(overflow <= 0, `the page ${address} is ${overflow} px wider than the phone`);
      await looks(page, `kb-phone-${locale}-${number + 1}`);
    }
  }
  return page;
}

const STEPS = { create, documents, document, search, questions, answers, sharing, citing, rebuild };
const wanted = (process.env.CLARY_STEPS ?? [...Object.keys(STEPS), "phone", "leaving"].join(",")).split(",");

async function journey(browser) {
  const page = await newPage(browser);
  await signIn(page);
  watchAnswers(page);
  const faults = [];
  try {
    for (const [name, run] of Object.entries(STEPS))
      if (wanted.includes(name)) await step(name, () => run(page));
    const storageState = await page.context().storageState();
    if (wanted.includes("phone"))
      faults.push(...(await step("phone", () => phone(browser, storageState))).faults);
    if (wanted.includes("leaving")) await step("leaving", () => leaving(page));
    faults.push(...page.faults);
    need(faults.length === 0, `faults of the page:\n${faults.join("\n")}`);
  } catch (error) {
    await shoot(page, "kb-failed").catch(() => {});
    throw new Error([error.message, ...page.faults].join("\n"));
  }
}

await go(journey);
