/**
 * One person's way through everything agents work with, against a real server that tests/console/workplace.py has
 * furnished: a model that follows a script ([[play:…]] chooses it), servers of tools, archives with skills.
 *
 * CLARY_URL, CLARY_USER, CLARY_PASSWORD, CLARY_SHOTS as in the other journeys. CLARY_OPEN_SERVER and
 * CLARY_LOCKED_SERVER are the addresses of two servers of tools, CLARY_ARCHIVES is the folder of the archives;
 * CLARY_STEPS names the steps to go (commas between them). An answer of the API that nobody expects fails the journey.
 */
import { newPage, PHONE, settings, shoot, signIn, watchAnswers } from "./browser.mjs";
import { go, need, step } from "./steps.mjs";
import { chatSteps } from "./work-chats.mjs";
import { workshopSteps } from "./work-workshop.mjs";

const STEPS = { ...chatSteps, ...workshopSteps };
const wanted = (process.env.CLARY_STEPS ?? Object.keys(STEPS).join(",")).split(",");
const PAGES = ["", "agents", "skills", "servers", "account/budgets", "admin/budgets"];

/** Every page fits a phone in the dark. */
async function phone(browser, storageState) {
  const page = await newPage(browser, { viewport: PHONE, colorScheme: "dark", storageState });
  watchAnswers(page);
  for (const address of PAGES) {
    await page.goto(`${settings.url}/#/${address}`);
    await page.locator("h1").first().waitFor();
    await page.locator(".spinner").waitFor({ state: "detached" });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    need(overflow <= 0, `the page ${address} is ${overflow} px wider than the phone`);
  }
  return page;
}

async function journey(browser) {
  const page = await newPage(browser);
  await signIn(page);
  watchAnswers(page);
  try {
    for (const [name, run] of Object.entries(STEPS))
      if (wanted.includes(name)) await step(name, () => run(page));
    const storageState = await page.context().storageState();
    const small = await step("phone", () => phone(browser, storageState));
    const faults = [...page.faults, ...small.faults];
    need(faults.length === 0, `faults of the page:\n${faults.join("\n")}`);
  } catch (error) {
    await shoot(page, "work-failed").catch(() => {});
    throw new Error([error.message, ...page.faults].join("\n"));
  }
}

await go(journey);
