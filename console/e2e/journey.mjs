/**
 * One person's way through the console, in a real browser: sign in, starter agent, a streamed answer, a reload in
 * the middle of an answer, a stop, the other language, history, and a phone.
 *
 * CLARY_URL, CLARY_USER, CLARY_PASSWORD say where and who; CLARY_SHOTS is a folder for pictures. The questions can be
 * changed with CLARY_SHORT_PROMPT and CLARY_LONG_PROMPT; the answer to the long one, asked as the first question of a
 * chat, should take three seconds or more.
 */
import { newPage, PHONE, settings, shoot, signIn } from "./browser.mjs";
import { go, need, needCount, step } from "./steps.mjs";

const SHORT = process.env.CLARY_SHORT_PROMPT ?? "Hello, what can you do here?";
const LONG = process.env.CLARY_LONG_PROMPT ?? "Please give me a long answer";
const ANSWER_MS = 90_000;

const composer = (page) => page.locator(".composer textarea");
const stopButton = (page) => page.locator(".send.stop");
const lastTurn = (page) => page.locator(".turn").last();

async function ask(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await stopButton(page).waitFor();
}

const settle = (page) =>
  page
    .locator(".messages[aria-busy=false]")
    .waitFor({ timeout: ANSWER_MS })
    .then(() => page.waitForTimeout(200));

/** The visible answer of the last turn, without the white space that layout may change. */
const answerOf = async (page) =>
  (await lastTurn(page).locator(".answer").allInnerTexts()).join("\n").replace(/\s+/g, " ").trim();

/** Waits until the last turn shows something, and fails with its words when that is an error. */
async function firstWords(page) {
  const error = page.locator(".chat-column .notice.error");
  await lastTurn(page).locator(".answer, .thought, .tool").or(error).first().waitFor();
  if ((await error.count()) > 0)
    throw new Error(`the chat shows an error: ${await error.last().textContent()}`);
}

async function makeStarterAgent(page) {
  const offer = page.locator("[data-action=starter-agent]");
  await page.waitForFunction(() => document.querySelector(".picker-name")?.textContent !== "…");
  if ((await offer.count()) > 0) {
    await offer.click();
    await offer.waitFor({ state: "detached" });
  }
  await page.locator(".picker").click();
  const own = page.getByRole("menuitemradio").nth(1);
  await needCount(own, 1, "no own agent can be chosen");
  await own.click();
}

async function seeStreamedAnswer(page) {
  await ask(page, SHORT);
  await firstWords(page);
  await shoot(page, "journey-2-streaming");
  await settle(page);
  need((await answerOf(page)).length > 0, "the answer is empty");
  await needCount(page.locator(".notice.error"), 0, "an error is shown beside the first answer");
  await shoot(page, "journey-3-answer");
}

async function newChat(page) {
  await page.keyboard.press("Control+k");
  await page.locator(".welcome").waitFor();
}

async function reloadInMidAnswer(page) {
  let soon = null;
  for (let attempt = 1; soon === null && attempt <= 3; attempt += 1) soon = await reloadOnce(page);
  need(soon !== null, "the answer ended before the page was there again, three times; ask for a longer one");
  await shoot(page, "journey-4-resumed");
  await settle(page);
  const live = await answerOf(page);
  need(live.length > soon.length, "the answer did not go on after the reload");
  await page.reload();
  await page.locator(".messages .turn").last().waitFor();
  await settle(page);
  const stored = await answerOf(page);
  need(live === stored, `the resumed answer differs from the stored one:\n${live}\n---\n${stored}`);
  need(hasNoDoubledHalf(stored), "the answer says the same twice");
}

/** What stood there soon after the reload, or null when the answer was complete by then. */
async function reloadOnce(page) {
  await newChat(page);
  await ask(page, LONG);
  await firstWords(page);
  await page.waitForTimeout(200);
  await page.reload();
  await page.locator(".messages .turn").last().waitFor();
  const isRunning = await stopButton(page)
    .waitFor({ timeout: 3000 })
    .then(() => true)
    .catch(() => false);
  return isRunning ? answerOf(page) : null;
}

/** False when the text is some text said twice in a row. */
function hasNoDoubledHalf(text) {
  const half = Math.floor(text.length / 2);
  return text.length < 40 || text.slice(0, half).trim() !== text.slice(half).trim();
}

async function stopRun(page) {
  await newChat(page);
  await ask(page, LONG);
  await firstWords(page);
  await stopButton(page).click();
  await settle(page);
  await lastTurn(page).locator(".stopped").waitFor();
  await shoot(page, "journey-5-stopped");
  await ask(page, SHORT);
  await settle(page);
  need((await answerOf(page)).length > 0, "there is no answer after a stopped run");
}

async function seeHistory(page) {
  const row = page.locator(".history-row.open");
  await row.waitFor();
  need(
    (await row.textContent()).includes(LONG.slice(0, 12)),
    "the chat is not in the side bar under its first question",
  );
  await newChat(page);
  await row.waitFor({ state: "detached" });
  await page.locator(".history-row a").first().click();
  await page.locator(".messages .turn").first().waitFor();
  await settle(page);
  await needCount(page.locator(".turn"), 2, "the chat opened from the history is not the whole chat");
}

async function switchLanguage(page) {
  const choose = async (name) => {
    await page.locator(".account-button").click();
    await page.getByRole("menuitemradio", { name }).click();
  };
  await choose("中文");
  await page.getByRole("link", { name: "新对话" }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: "新对话" }).waitFor();
  await shoot(page, "journey-6-chinese");
  await choose("English");
  await page.getByRole("link", { name: "New chat" }).waitFor();
}

async function usePhone(browser, storageState) {
  const page = await newPage(browser, { viewport: PHONE, colorScheme: "dark", storageState });
  await page.goto(settings.url);
  await composer(page).waitFor();
  await page.getByRole("button", { name: "Open the side bar" }).click();
  await page.locator(".sidebar.open .history-row a").first().click();
  await page.locator(".messages .turn").first().waitFor();
  await page.locator(".sidebar.open").waitFor({ state: "detached" });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  need(overflow <= 0, `the page is ${overflow} px wider than the phone`);
  await ask(page, SHORT);
  await settle(page);
  need((await answerOf(page)).length > 0, "the answer on the phone is empty");
  await shoot(page, "journey-7-phone");
  return page;
}

async function signOut(page) {
  await page.locator(".account-button").click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
}

async function journey(browser) {
  const page = await newPage(browser);
  try {
    await step("sign in", () => signIn(page));
    await shoot(page, "journey-1-welcome");
    await step("have an own agent", () => makeStarterAgent(page));
    await step("see a streamed answer", () => seeStreamedAnswer(page));
    await step("reload in the middle of an answer", () => reloadInMidAnswer(page));
    await step("stop a run", () => stopRun(page));
    await step("find the chat in the history", () => seeHistory(page));
    await step("switch the language", () => switchLanguage(page));
    const storageState = await page.context().storageState();
    const phone = await step("use a phone", () => usePhone(browser, storageState));
    await step("sign out", () => signOut(page));
    const faults = [...page.faults, ...phone.faults];
    need(faults.length === 0, `faults of the page:\n${faults.join("\n")}`);
  } catch (error) {
    await shoot(page, "journey-failed").catch(() => {});
    throw error;
  }
}

await go(journey);
