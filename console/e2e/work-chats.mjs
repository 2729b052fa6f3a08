/** Chats with agents at work: tools, consent, questions, helpers, additions, files. */
import { readFileSync } from "node:fs";
import { shoot } from "./browser.mjs";
import { actOn, answer, ask, button, dialog, gone, open } from "./page-acts.mjs";
import { need, needCount } from "./steps.mjs";

const FIGURES = { name: "figures 2026.csv", mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2\n") };

/** The person's default agent is there from the start, and each of its calls becomes a card with a result. */
async function tools(page) {
  await page.locator(".picker-name", { hasText: /^Worker$/ }).waitFor();
  await ask(page, "Write a script [[play:tools]]");
  await answer(page, "Done: hello.py says hello, here too.");
  const statusOf = (name) => page.locator(`.tool[data-tool=${name}]`).getAttribute("data-status");
  for (const name of ["file_write", "execute_shell_command", "list_dir", "grep", "glob", "file_update"])
    need((await statusOf(name)) === "done", `${name} is ${await statusOf(name)}`);
  need((await statusOf("file_read")) === "failed", "reading a file that is not there did not fail");
  await page.locator(".tool[data-tool=execute_shell_command] .tool-head").click();
  await page.locator(".tool[data-tool=execute_shell_command] .output", { hasText: "42" }).waitFor();
  await page.locator(".task-panel", { hasText: "1 of 2 tasks done" }).waitFor();
  await shoot(page, "work-1-tools");
  for (const name of ["hello.py", "here"]) {
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name, exact: true }).click();
    need(readFileSync(await (await download).path(), "utf8").includes("hi"), `${name} leads to another file`);
  }
}

/** A call that needs consent is allowed by keyboard: from where one types, backwards to the card. */
async function consent(page) {
  await ask(page, "Clean up [[play:consent]]");
  await button(page, "Allow once").waitFor();
  await shoot(page, "work-2-consent");
  await page.locator(".composer textarea").focus();
  for (let presses = 0; presses < 4; presses += 1) {
    await page.keyboard.press("Shift+Tab");
    if (await button(page, "Allow once").evaluate((each) => each === document.activeElement)) break;
  }
  await page.keyboard.press("Enter");
  await page.locator(".approval[data-decision=approve]").waitFor();
  await answer(page, "The old files are gone.");
  await ask(page, "Clean up again [[play:consent]]");
  await button(page, "Do not allow").click();
  await page.locator(".approval[data-decision=deny]").waitFor();
  await page.locator(".tool[data-tool=execute_shell_command][data-status=failed]").waitFor();
  await answer(page, "The old files are gone.");
}

/** A questionnaire is answered, and shows its answers after a reload too. */
async function questions(page) {
  await ask(page, "Ask me [[play:ask]]");
  await page.getByLabel("A week", { exact: true }).check();
  await page.getByLabel("Museums").check();
  await button(page, "Submit").click();
  await answer(page, "A week of museums it is.");
  await page.reload();
  await page.locator(".ask", { hasText: "Museums" }).waitFor();
  await ask(page, "Ask later [[play:later]]");
  await page.getByLabel("A weekend", { exact: true }).check();
  await page.locator(".messages[aria-busy=false]").waitFor();
  await button(page, "Submit").click();
  await answer(page, "Thank you.");
  await ask(page, "Ask in your text [[play:text]]");
  await page.getByLabel("One page", { exact: true }).check();
  await page.locator(".messages[aria-busy=false]").waitFor();
  await button(page, "Submit").click();
  await page.locator(".user-message", { hasText: "One page" }).waitFor();
  await page.locator(".messages[aria-busy=false]").waitFor();
}

/** A plan is shown and waits for the person's word. */
async function plan(page) {
  await open(page, "");
  await page.locator(".welcome").waitFor();
  await button(page, "Add to the message").click();
  await page.getByRole("menuitemcheckbox", { name: /Plan first/ }).click();
  await page.locator(".composer textarea").fill("Report on it [[play:plan]]");
  await page.keyboard.press("Enter");
  await page.getByLabel("Execute the plan").check();
  await shoot(page, "work-3-plan");
  await button(page, "Submit").click();
  await page.locator(".task-panel", { hasText: "0 of 2 tasks done" }).waitFor();
  await page.locator(".messages[aria-busy=false]").waitFor();
}

/** Work is handed on: one helper is watched and stopped, what the other wants to know is asked in the conversation. */
async function helpers(page) {
  await ask(page, "Hand it on [[play:delegate]]");
  const helper = page.locator("[data-child] button").first();
  await page.locator("[data-child][data-state=running]").first().waitFor();
  await helper.focus();
  await page.keyboard.press("Enter");
  await page.locator(".side-panel .tool[data-tool=file_write]").waitFor();
  await page.locator(".side-panel .answer", { hasText: "part 0" }).waitFor();
  await shoot(page, "work-4-helper");
  await page.locator(".side-panel").press("Escape");
  await page.locator(".side-panel").waitFor({ state: "detached" });
  need(await helper.evaluate((each) => each === document.activeElement), "the focus is not on the row again");
  await button(page, "Allow once").click();
  await page.locator("[data-child][data-state=done]").waitFor();
  await helper.click();
  await button(page, "Stop this agent").click();
  await page.locator(".side-panel").press("Escape");
  await answer(page, "Both parts are there.");
  const [inner, outer] = [await helper.boundingBox(), await page.locator(".child-rows").boundingBox()];
  need(inner.width <= outer.width, "the row of a helper is wider than its card");
  await needCount(page.locator("[data-child][data-state=done]"), 2, "a helper is not finished");
}

/** What is added to a run: changed, taken back, and read. */
async function additions(page) {
  await ask(page, "Slowly [[play:slow]]");
  await page.locator(".answer").first().waitFor();
  for (const text of ["Keep it short", "No, long"]) {
    await page.locator(".composer textarea").fill(text);
    await page.keyboard.press("Enter");
    await page.locator(".guidance li", { hasText: text }).waitFor();
  }
  await page
    .locator(".guidance li")
    .last()
    .getByRole("button", { name: /^Delete/ })
    .click();
  await page.locator(".guidance li").nth(1).waitFor({ state: "detached" });
  await page.locator(".user-message", { hasText: "Keep it short" }).waitFor();
  await button(page, "Stop").click();
  await page.locator(".messages[aria-busy=false]").waitFor();
  await page.locator(".stopped").last().waitFor();
}

/** The last question is changed, answered again, and a draft is written better. */
async function again(page) {
  await ask(page, "Hello there");
  await answer(page, "This is an answer.");
  await button(page, "Edit message").click();
  await page.getByLabel("Edit message", { exact: true }).fill("Hello again");
  await page.keyboard.press("Enter");
  await page.locator(".user-message", { hasText: "Hello again" }).waitFor();
  await answer(page, "This is an answer.");
  await button(page, "Answer again").click();
  await answer(page, "This is an answer.");
  await page.locator(".composer textarea").fill("tides");
  await button(page, "Improve my draft").click();
  await button(page, "Undo").click();
  need((await page.locator(".composer textarea").inputValue()) === "tides", "the draft did not come back");
}

/** Files go in, go with a message, come out one by one and as a folder, and go. */
async function files(page) {
  await ask(page, "Hello");
  await answer(page, "This is an answer.");
  await button(page, "Files of the agent").click();
  await page.locator(".side-panel input[type=file]").setInputFiles([FIGURES]);
  await page.locator(".file-rows li", { hasText: FIGURES.name }).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: `Download ${FIGURES.name}` }).click();
  const came = await download;
  need(came.suggestedFilename() === FIGURES.name, `the file is called ${came.suggestedFilename()}`);
  need(readFileSync(await came.path()).equals(FIGURES.buffer), "the file is not the one that was uploaded");
  const whole = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download as ZIP" }).click();
  need((await whole).suggestedFilename() === "workspace.zip", "the whole is no ZIP file");
  await shoot(page, "work-5-files");
  await button(page, `Delete ${FIGURES.name}`).click();
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await gone(page);
  await page.locator(".file-rows li", { hasText: FIGURES.name }).waitFor({ state: "detached" });
  await button(page, "Close the panel").click();
  await page.locator(".composer input[type=file]").setInputFiles([FIGURES]);
  await page.locator(".chip", { hasText: /^figures 2026\.csv$/ }).waitFor();
  await page.locator(".composer textarea").fill("Add them up");
  await page.keyboard.press("Enter");
  const sent = page.waitForEvent("download");
  await page.locator(".sent-files").getByRole("link", { name: FIGURES.name }).click();
  need(readFileSync(await (await sent).path()).equals(FIGURES.buffer), "the sent file is another one");
  await answer(page, "This is an answer.");
}

/** The built-in agent keeps files per chat, and says so before there is one. */
async function builtIn(page) {
  await open(page, "agents");
  await page.locator(".card", { hasText: "Built in" }).getByRole("button", { name: "Chat" }).click();
  await page.locator(".welcome").waitFor();
  await page.locator(".composer input[type=file]").setInputFiles([FIGURES]);
  await page.getByText("Files of this assistant belong to a chat.").waitFor();
  await page.locator(".composer textarea").fill("Hello");
  await page.keyboard.press("Enter");
  await answer(page, "This is an answer.");
  await page.locator(".composer input[type=file]").setInputFiles([FIGURES]);
  await page.locator(".chip", { hasText: /^figures 2026\.csv$/ }).waitFor();
  await page.locator(".composer textarea").fill("Look at it");
  await page.keyboard.press("Enter");
  await page.locator(".sent-files").getByRole("link", { name: FIGURES.name }).waitFor();
  await answer(page, "This is an answer.");
  await open(page, "agents");
  await page.locator(".card", { hasText: "Worker" }).getByRole("button", { name: "Chat" }).click();
}

/** What an agent noted is on its page of notes, and can be changed and forgotten. */
async function memory(page) {
  await ask(page, "Remember it [[play:note]]");
  await answer(page, "Noted.");
  await open(page, "agents");
  await actOn(page, "Worker", "Memory");
  await page.locator(".note-text", { hasText: "Likes short answers" }).waitFor();
  await button(page, "Add a note").click();
  await dialog(page).getByLabel("Note").fill("Drinks tea");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await gone(page);
  await button(page, "Edit: Drinks tea").click();
  await dialog(page).getByLabel("Note").fill("Drinks green tea");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await gone(page);
  await page.locator(".note-text", { hasText: "green tea" }).waitFor();
  await button(page, "Forget: Likes short answers").click();
  await dialog(page).getByRole("button", { name: "Forget" }).click();
  await gone(page);
  await page.locator(".note-text", { hasText: "Likes short answers" }).waitFor({ state: "detached" });
  await shoot(page, "work-6-memory");
  await button(page, "Forget everything").click();
  await dialog(page).getByRole("button", { name: "Forget everything" }).click();
  await gone(page);
  await page.getByText("Nothing is remembered yet.").waitFor();
}

export const chatSteps = {
  tools,
  consent,
  questions,
  plan,
  helpers,
  additions,
  again,
  files,
  builtIn,
  memory,
};
