/**
 * One person's way through scheduled tasks, against a real server that tests/console/test_task_pages.py has furnished:
 * a task is made by keyboard, changed, started by hand, followed to its conversation, switched off, and goes again.
 *
 * CLARY_URL, CLARY_USER, CLARY_PASSWORD, CLARY_SHOTS as in the other journeys; CLARY_OFF_URL is a server without a
 * scheduler. An answer of the API that nobody expects fails the journey, and so does a page that is not accessible.
 */
import AxeBuilder from "@axe-core/playwright";
import { expectRefusal, newPage, PHONE, settings, shoot, signIn, watchAnswers } from "./browser.mjs";
import { answer, button, dialog, gone, open, row } from "./page-acts.mjs";
import { go, need, needCount, step } from "./steps.mjs";

const RUNNING = { timeout: 60_000 };
/** Where things are, as the steps find out. */
const places = { task: "" };

async function looks(page, name) {
  await page.waitForTimeout(200);
  await shoot(page, name);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`);
  need(said.length === 0, `${name} is not accessible:\n${said.join("\n")}`);
}

const times = (page) => page.locator(".next-times[aria-busy=false]");

/** A task is made by keyboard alone, with its next times in sight; what is wrong with a schedule stands at it. */
async function create(page) {
  await open(page, "");
  await page.getByRole("link", { name: "Tasks", exact: true }).press("Enter");
  await page.getByText("There is no task yet.").waitFor();
  await looks(page, "task-01-none");
  await button(page, "New task").press("Enter");
  await page.getByLabel("Name", { exact: true }).waitFor();
  await page.keyboard.type("Morning report");
  await page.keyboard.press("Tab");
  await page.keyboard.type("What is new today? [[play:report]]");
  await times(page).getByRole("listitem").nth(4).waitFor();
  await looks(page, "task-02-form");
  await page.getByLabel("How often").selectOption("cron");
  expectRefusal(page, "schedule_invalid");
  await page.getByLabel("Cron expression").fill("0 9 * *");
  await times(page).getByText("Schedule is not valid: neither an ISO time nor cron").waitFor();
  await looks(page, "task-03-wrong");
  expectRefusal(page, "schedule_invalid");
  await page.getByLabel("Cron expression").press("Enter");
  await page.getByRole("alert").waitFor();
  await page.keyboard.press("Escape");
  need(
    (await page.getByLabel("Name", { exact: true }).inputValue()) === "Morning report",
    "the name is lost",
  );
  await page.getByLabel("How often").selectOption("weekly");
  await page.getByLabel("Time zone").fill("Asia/Tokyo");
  await times(page).getByText("there").first().waitFor();
  await looks(page, "task-04-weekly");
  await page.getByLabel("At", { exact: true }).press("Enter");
  await gone(page);
  await row(page, "Morning report").getByText("Monday to Friday at 9:00 AM (Asia/Tokyo)").waitFor();
  await row(page, "Morning report").getByText("Has not run yet").waitFor();
}

/** Another time, the same conversation for every run; what was not touched stays. */
async function change(page) {
  await button(page, "Edit Morning report").click();
  await dialog(page).getByLabel("How often").selectOption("daily");
  await dialog(page).getByText("Conversation and failures").click();
  await dialog(page).getByLabel("Conversation", { exact: true }).selectOption("same");
  await times(page).waitFor();
  await looks(page, "task-05-edit");
  await button(page, "Save").click();
  await gone(page);
  await row(page, "Morning report").getByText("Every day at 9:00 AM (Asia/Tokyo)").waitFor();
}

/** A start by hand is seen to its end, and its conversation opened. */
async function run(page) {
  await button(page, "Run Morning report now").press("Enter");
  await page.getByText("“Morning report” was started.").waitFor();
  await row(page, "Morning report").getByText("Last: completed").waitFor(RUNNING);
  await looks(page, "task-06-list");
  await row(page, "Morning report").getByRole("link").press("Enter");
  await page.getByRole("heading", { name: "Morning report" }).waitFor();
  places.task = new URL(page.url()).hash.slice(2);
  await row(page, "By hand").getByText("Completed").waitFor(RUNNING);
  await looks(page, "task-07-history");
  await row(page, "By hand")
    .getByRole("link", { name: /^Open the conversation/ })
    .press("Enter");
  await answer(page, "All is well today.");
  await page.locator(".history-row").getByText("Morning report").waitFor();
  await looks(page, "task-08-conversation");
  await page.goBack();
  await row(page, "By hand")
    .getByRole("link", { name: /^Steps/ })
    .press("Enter");
  await page.locator(".timeline .step").first().waitFor();
}

/** What fails says why; the start from the page of the task is watched there. */
async function failure(page) {
  await open(page, places.task);
  await button(page, "Edit Morning report").click();
  await page.getByLabel("Message to the agent").fill("What is new? [[play:broken]]");
  await button(page, "Save").click();
  await gone(page);
  await button(page, "Run now").press("Enter");
  await row(page, "The model does not exist").waitFor(RUNNING);
  await looks(page, "task-09-failed");
  await page.getByLabel("Outcome").selectOption("failed");
  await page.waitForFunction(() => document.querySelectorAll("ul.cards > .card").length === 1);
}

/** Off is off, also after the page was loaded anew. */
async function off(page) {
  await open(page, "schedules");
  const onOff = page.getByRole("switch", { name: "Morning report is switched on" });
  await onOff.press("Space");
  await row(page, "Morning report").getByText("Paused", { exact: true }).waitFor();
  await page.reload();
  await row(page, "Morning report").getByText("Switched off").waitFor();
  need((await onOff.getAttribute("aria-checked")) === "false", "the switch shows something else");
  await looks(page, "task-10-off");
}

/** Every page fits a phone in the dark, in both languages, the form too. */
async function phone(browser, storageState) {
  const page = await newPage(browser, { viewport: PHONE, colorScheme: "dark", storageState });
  watchAnswers(page);
  const fits = async (name) => {
    const overflow = await page.evaluate(() => {
      const boxes = [".page", "dialog[open]"].map((place) => document.querySelector(place)).filter(Boolean);
      return Math.max(
        ...[document.documentElement, ...boxes].map((box) => box.scrollWidth - box.clientWidth),
      );
    });
    need(overflow <= 0, `${name} is ${overflow} px wider than the phone`);
    await looks(page, name);
  };
  await page.goto(settings.url);
  for (const [locale, edit] of [
    ["en", "Edit Morning report"],
    ["zh", "编辑 Morning report"],
  ]) {
    await page.evaluate((value) => localStorage.setItem("clary.locale", value), locale);
    await page.reload();
    await open(page, "schedules");
    await row(page, "Morning report").waitFor();
    await fits(`task-phone-${locale}-1-list`);
    await button(page, edit).click();
    await times(page).getByRole("listitem").nth(4).waitFor();
    await dialog(page).locator("details summary").click();
    await dialog(page).locator("select").nth(1).selectOption("weekly");
    await page.waitForTimeout(500);
    await times(page).waitFor();
    await fits(`task-phone-${locale}-2-form`);
    await dialog(page).locator(".dialog-actions").scrollIntoViewIfNeeded();
    await fits(`task-phone-${locale}-3-form-end`);
    await dialog(page).locator(".dialog-actions .button").first().click();
    await gone(page);
    await open(page, places.task);
    await page.locator(".card").first().waitFor();
    await fits(`task-phone-${locale}-4-task`);
    await page.locator(".card").last().scrollIntoViewIfNeeded();
    await fits(`task-phone-${locale}-5-history`);
  }
  return page;
}

/** The task goes after a question; its conversation stays. */
async function leaving(page) {
  await open(page, places.task);
  await button(page, "Delete Morning report").click();
  await looks(page, "task-11-delete");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("There is no task yet.").waitFor();
  await page.locator(".history-row").getByText("Morning report").first().waitFor();
  expectRefusal(page, "task_not_found");
  await open(page, places.task);
  await page.getByRole("alert").getByText("Task not found").waitFor();
}

/** A server without a scheduler says so, and offers nothing. */
async function switchedOff(browser) {
  const page = await newPage(browser);
  settings.url = process.env.CLARY_OFF_URL;
  await signIn(page);
  await open(page, "schedules");
  await page.getByText("Scheduled tasks are switched off on this server").waitFor();
  await needCount(button(page, "New task"), 0, "a task is offered where none can be");
  await looks(page, "task-12-scheduler-off");
  return page;
}

const STEPS = { create, change, run, failure, off };

async function journey(browser) {
  const page = await newPage(browser);
  await signIn(page);
  watchAnswers(page);
  try {
    for (const [name, act] of Object.entries(STEPS)) await step(name, () => act(page));
    const storageState = await page.context().storageState();
    const small = await step("phone", () => phone(browser, storageState));
    await step("leaving", () => leaving(page));
    const without = await step("switchedOff", () => switchedOff(browser));
    const faults = [page, small, without].flatMap((each) => each.faults);
    need(faults.length === 0, `faults of the page:\n${faults.join("\n")}`);
  } catch (error) {
    await shoot(page, "task-failed").catch(() => {});
    throw new Error([error.message, ...page.faults].join("\n"));
  }
}

await go(journey);
