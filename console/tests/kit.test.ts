import { expect, test, vi } from "vitest";
import { parseFrame } from "../src/features/conversations/active-sessions";
import { errorText } from "../src/kit/errors";
import { ApiError, get } from "../src/kit/http";
import { setLocale, texts } from "../src/kit/i18n";
import { hrefOf, parseRoute, type Route } from "../src/kit/route";
import { dayGroup } from "../src/kit/time";
import { en } from "../src/texts/en";
import { zh } from "../src/texts/zh";

const answerWith = (status: number, body: unknown) =>
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(JSON.stringify(body), { status }));

test("the data of the envelope is the answer, asked for in the current language", async () => {
  const fetched = answerWith(200, { code: 200, message: "success", data: [1] });
  setLocale("zh");
  expect(await get("/api/x")).toEqual([1]);
  expect(fetched.mock.calls[0]?.[1]?.headers).toMatchObject({ "X-Locale": "zh-CN" });
});

test("a refusal in the envelope is an error with the server's words", async () => {
  answerWith(200, { code: 400, message: "Wrong user name or password", error_detail: "invalid_credentials" });
  await expect(get("/api/x")).rejects.toMatchObject({
    message: "Wrong user name or password",
    status: 400,
    slug: "invalid_credentials",
  });
});

test("a lost connection and an empty answer have a text of their own", () => {
  expect(errorText(new ApiError("", 0, "network"))).toBe(en.errorNetwork);
  expect(errorText(new ApiError("", 502))).toBe(en.errorStatus(502));
});

test.each<Route>([
  { page: "chat", sessionId: null },
  { page: "chat", sessionId: "session_1:a" },
  { page: "agents", agentId: null, part: null },
  { page: "agents", agentId: "new", part: null },
  { page: "agents", agentId: "agent_1", part: "memory" },
  { page: "skills", path: "agent/agent_1/月报" },
  { page: "servers", name: ".new", ownerId: null },
  { page: "servers", name: "My notes", ownerId: "u2" },
  { page: "models" },
])("the address of %j leads back to it", (route) => {
  expect(parseRoute(hrefOf(route))).toEqual(route);
});

test("both languages have every text, and none is empty", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  for (const text of [...Object.values(en), ...Object.values(zh)]) {
    expect(typeof text === "function" ? "said" : text.trim()).not.toBe("");
  }
});

test("the language is remembered", () => {
  setLocale("zh");
  expect([texts().send, localStorage.getItem("clary.locale"), document.documentElement.lang]).toEqual([
    zh.send,
    "zh",
    "zh-CN",
  ]);
});

test("moments are grouped by calendar day", () => {
  const now = new Date(2026, 10, 25, 9);
  const at = (day: number, hour: number) => dayGroup(new Date(2026, 10, day, hour).toISOString(), now);
  expect([at(25, 0), at(24, 23), at(20, 1), at(1, 1)]).toEqual(["today", "yesterday", "week", "earlier"]);
});

test("only data frames of the feed are snapshots", () => {
  expect([parseFrame(": ping"), parseFrame("data: [1"), parseFrame("data: []")]).toEqual([null, null, []]);
});
