/**
 * A small stand-in for the server, for work on the console and for its browser tests. Keeps everything in memory.
 * PORT (8090), FAKE_SPEED (1; larger is faster). Signs in `admin` with `fake-password`.
 * FAKE_REGISTRATION=on lets people sign up (every code is 123456), FAKE_PROVIDERS=on shows other ways to sign in.
 * With UPSTREAM (an address such as http://127.0.0.1:8000) only the pages come from here, the API from there.
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { request as connect, createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { handleApi } from "./fake-api.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "font-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

function servePage(request, response) {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
  const file = join(DIST, path === "/" || path === "/login" ? "index.html" : path);
  if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("not found");
    return;
  }
  response.writeHead(200, {
    "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
  });
  createReadStream(file).pipe(response);
}

function passOn(request, response, upstream) {
  const { hostname, port } = new URL(upstream);
  const { method, headers, url: path } = request;
  const onward = connect({ hostname, port, method, headers, path }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

export function startFakeServer(port = 0) {
  const server = createServer((request, response) => {
    const isApi = request.url.startsWith("/api/");
    if (isApi && process.env.UPSTREAM) passOn(request, response, process.env.UPSTREAM);
    else if (isApi) {
      handleApi(request, response).catch((error) => {
        console.error(error);
        response.destroy();
      });
    } else servePage(request, response);
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startFakeServer(Number(process.env.PORT ?? 8090));
  console.log(`http://127.0.0.1:${server.address().port}`);
}
