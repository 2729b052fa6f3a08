// Prints the compressed size of what a browser loads, and fails when the budget is exceeded.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const BUDGET_KB = { "first page": 180, "chat with Markdown": 230 };

const read = (path) => readFileSync(new URL(path, dist));
const gzipped = (path) => gzipSync(read(path), { level: 9 }).length / 1024;
const assets = readdirSync(new URL("assets/", dist)).map((name) => `assets/${name}`);

/** A script with everything it imports at once; what it imports later is loaded on demand. */
function withImports(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  const imports = read(path)
    .toString("utf8")
    .matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g);
  for (const [, name] of imports) withImports(`assets/${name}`, found);
  return found;
}

const html = read("index.html").toString("utf8");
const named = assets.filter((name) => html.includes(name));
const scripts = (names) =>
  names.filter((name) => name.endsWith(".js")).flatMap((name) => [...withImports(name)]);
const first = ["index.html", ...new Set([...named, ...scripts(named)])];
const shell = scripts(assets.filter((name) => /\/Shell-/.test(name)));
const groups = { "first page": first, "chat with Markdown": [...new Set([...first, ...shell])] };

for (const name of assets) console.log(`${gzipped(name).toFixed(1).padStart(8)} KB gz  ${name}`);
for (const [group, files] of Object.entries(groups)) {
  const total = files.reduce((sum, name) => sum + gzipped(name), 0);
  console.log(`${total.toFixed(1).padStart(8)} KB gz  = ${group} (budget ${BUDGET_KB[group]})`);
  if (total > BUDGET_KB[group]) process.exitCode = 1;
}
