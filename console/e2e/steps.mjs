/** How a journey goes: step by step, each named, until one fails. */
import { startBrowser } from "./browser.mjs";

export function need(condition, reason) {
  if (!condition) throw new Error(reason);
}

/** Pages follow the server a moment later, so a number of things is waited for before it is judged. */
export async function needCount(things, count, reason) {
  for (let tries = 0; tries < 100 && (await things.count()) !== count; tries += 1)
    await new Promise((resume) => setTimeout(resume, 100));
  need((await things.count()) === count, reason);
}

export async function step(name, run) {
  try {
    const start = Date.now();
    const result = await run();
    console.log(`ok    ${name} (${Date.now() - start} ms)`);
    return result;
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
}

/** Goes a journey in a browser of its own, and ends the program with what came of it. */
export async function go(journey) {
  const browser = await startBrowser();
  try {
    await journey(browser);
    console.log("the journey is complete");
  } catch (error) {
    console.error(`FAILED ${error.message}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
