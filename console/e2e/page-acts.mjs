/** What the steps of journeys do on a page again and again. */
import { settings } from "./browser.mjs";

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const dialog = (page) => page.locator("dialog[open]");
export const gone = (page) => dialog(page).waitFor({ state: "detached" });
export const open = (page, address) => page.goto(`${settings.url}/#/${address}`);
export const row = (page, name) => page.locator(".card").filter({ hasText: name });

export async function actOn(page, name, entry) {
  await button(page, `Actions for ${name}`).click();
  await page.getByRole("menuitem", { name: entry, exact: true }).click();
}

/** A question in a new chat, sent by keyboard; its word chooses what the model plays. */
export async function ask(page, text) {
  await open(page, "");
  await page.locator(".welcome").waitFor();
  await page.locator(".composer textarea").fill(text);
  await page.keyboard.press("Enter");
  await page.locator(".turn").first().waitFor();
}

/** The visible text of the last answer, when the run is over. */
export async function answer(page, expected) {
  await page.locator(".turn").last().locator(".answer", { hasText: expected }).waitFor();
  await page.locator(".messages[aria-busy=false]").waitFor();
}
