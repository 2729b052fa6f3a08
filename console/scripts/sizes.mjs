// Prints the compressed size of what a browser loads, and fails when the budget is exceeded.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const BUDGET_KB = { "first page": 180, "chat with Markdown": 230 };

const gzipped = (path) => gzipSync(readFileSync(new URL(path, dist)), { level: 9 }).length / 1024;
const assets = readdirSync(new URL("assets/", dist)).map((name) => `assets/${name}`);
const html = readFileSync(new URL("index.html", dist), "utf8");

// The chat page needs everything but what is loaded on a later demand.
const LATER = /(highlight|AgentsPage|ProvidersPage|AccountPage|AdminPage|SignUpForm|identity)-/;
const groups = {
  "first page": ["index.html", ...assets.filter((name) => html.includes(name))],
  "chat with Markdown": ["index.html", ...assets.filter((name) => !LATER.test(name))],
};

for (const name of assets) console.log(`${gzipped(name).toFixed(1).padStart(8)} KB gz  ${name}`);
for (const [group, files] of Object.entries(groups)) {
  const total = files.reduce((sum, name) => sum + gzipped(name), 0);
  console.log(`${total.toFixed(1).padStart(8)} KB gz  = ${group} (budget ${BUDGET_KB[group]})`);
  if (total > BUDGET_KB[group]) process.exitCode = 1;
}
