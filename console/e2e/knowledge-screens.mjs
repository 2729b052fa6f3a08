/** Pictures of knowledge bases: list, form, documents, texts, search, questions, and marks in answers. */
import { settings } from "./browser.mjs";
import { actOn, button } from "./page-acts.mjs";

const TRAVEL = "a".repeat(32);
const RULES = "d".repeat(32);

const goTo = async (page, address) => {
  await page.goto(`${settings.url}/#/${address}`);
  await page.locator(".spinner").waitFor({ state: "detached" });
};
const toEnd = (page) => page.locator(".page").evaluate((box) => box.scrollTo(0, box.scrollHeight));
const file = (name, text = "text") => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

export async function knowledgeScreens(page, variant, check) {
  const picture = (name) => check(page, `${variant}-${name}`);
  await bases(page, picture);
  await documents(page, picture);
  await findings(page, picture);
  await marks(page, picture);
}

async function bases(page, picture) {
  await goTo(page, "knowledge");
  await page.locator(".cards .card").first().waitFor();
  await picture("120-bases");
  await goTo(page, "knowledge/new");
  await page.getByLabel("Name").fill("Product handbook");
  await page.getByLabel("Kind").selectOption("qa");
  await picture("121-base-form");
  await page.getByLabel("Kind").selectOption("document");
  for (const title of ["Advanced", "Defaults of the search"])
    await page.getByText(title, { exact: true }).click();
  await page.getByLabel("Search by meaning (embedding)").selectOption("provider");
  await page.getByLabel("Embedding model").fill("bad-model");
  await page.getByLabel("Service").selectOption({ index: 1 });
  await button(page, "Create").click();
  await page.locator(".notice.error").waitFor();
  await toEnd(page);
  await picture("122-base-form-advanced");
}

async function documents(page, picture) {
  await goTo(page, `knowledge/${TRAVEL}`);
  await page.locator(".doc-row").first().waitFor();
  await picture("123-documents");
  await page.locator(".doc-row").nth(3).scrollIntoViewIfNeeded();
  await picture("124-documents-refused");
  await page.getByRole("button", { name: "Actions for contract.pdf" }).click();
  await picture("125-document-menu");
  await page.keyboard.press("Escape");
  await page
    .getByLabel("Add files", { exact: true })
    .first()
    .setInputFiles([file("new.txt"), file("bad.txt")]);
  await page.locator(".task").waitFor();
  await page.locator(".task").scrollIntoViewIfNeeded();
  await picture("126-reading");
  await page.getByText("1 of 2 read").waitFor();
  await actOn(page, "Travel rules", "Share");
  await page.getByLabel("Engineering", { exact: true }).waitFor();
  await page.getByText("What they may do", { exact: true }).scrollIntoViewIfNeeded();
  await picture("127-share");
  await page.keyboard.press("Escape");
  await actOn(page, "Travel rules", "Delete");
  await picture("128-delete");
  await page.keyboard.press("Escape");
  await goTo(page, `knowledge/${TRAVEL}/settings`);
  await page.getByLabel("Name").waitFor();
  await picture("129-settings");
  await goTo(page, `knowledge/${"c".repeat(32)}`);
  await page.locator(".doc-row").first().waitFor();
  await page
    .getByLabel("Add files", { exact: true })
    .first()
    .setInputFiles([file("bad.csv"), file("good.csv"), file("x.pdf")]);
  await page.locator(".notice.error").waitFor();
  await picture("130-qa-refused");
  await goTo(page, `document/${RULES}?start=248&end=325`);
  await page.locator("mark").first().waitFor();
  await page.getByText("Headings (").click();
  await picture("131-document");
  await goTo(page, `document/${"9".repeat(32)}`);
  await page.locator(".notice.warning").waitFor();
  await picture("132-document-missing");
}

async function findings(page, picture) {
  await goTo(page, `knowledge/${TRAVEL}/search`);
  await page.getByLabel("Question", { exact: true }).fill("What does a hotel cost in Berlin? 补助");
  await page.getByText("Filters and more").click();
  await page.getByLabel("How", { exact: true }).selectOption("vector");
  await picture("133-search-form");
  await page.keyboard.press("Enter");
  await button(page, "Search").click();
  await page.locator(".hit").first().waitFor();
  await page.getByText("How it was found").first().click();
  await page.locator(".hits").evaluate((list) => list.scrollIntoView());
  await picture("134-search-results");
  await goTo(page, `knowledge/${TRAVEL}/questions`);
  await page.locator(".question-row").first().waitFor();
  await picture("135-questions");
  await button(page, "Add a question").click();
  await page.getByRole("textbox", { name: "Question 3" }).fill("Who signs?");
  await button(page, "Save the questions").click();
  await page.getByText("Name a document, or a text").waitFor();
  await picture("136-questions-wrong");
  await page.getByLabel("Text it has to contain").last().fill("head of the department");
  await button(page, "Save the questions").click();
  await page.getByText("3 questions are saved.").waitFor();
  await button(page, "Run the questions").click();
  await page.getByText("The questions are being asked…").waitFor();
  await page.getByText("The questions are being asked…").waitFor({ state: "detached" });
  await page.getByText("1 question missed").first().click();
  await toEnd(page);
  await picture("137-results");
}

async function marks(page, picture) {
  await goTo(page, "");
  await page.locator(".composer textarea").fill("What does a hotel cost?");
  await page.keyboard.press("Enter");
  await page.locator("a.citation").first().waitFor();
  await page.locator("a.citation").nth(1).focus();
  await page.locator(".citation-text").waitFor();
  await picture("138-citation");
  await page.locator("button.citation").focus();
  await page.getByRole("tooltip").waitFor();
  await picture("139-citation-deleted");
}
