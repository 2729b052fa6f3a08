/** Routes of the fake server: the envelope, a login, and rows in memory. */
import { randomBytes, randomUUID } from "node:crypto";
import { addIdentity } from "./fake-identity.mjs";
import { addKnowledge, citationsOf } from "./fake-knowledge.mjs";
import { activeSnapshot, interrupt, onActiveChange, resumeInto, startInto } from "./fake-runs.mjs";
import { addRuntime } from "./fake-runtime.mjs";
import { addSchedules } from "./fake-schedules.mjs";
import { addWorkshop } from "./fake-workshop.mjs";

const USER = {
  userid: "u1",
  username: "admin",
  nickname: "",
  phonenum: "",
  email: "",
  role: "admin",
  avatar: "",
  avatar_url: "",
};
const state = {
  passwords: new Map([["admin", "fake-password"]]),
  cookies: new Set(),
  agents: new Map(),
  providers: [],
  conversations: new Map(),
};
const BUILTIN = agentRow({ id: "default_agent", user_id: "", name: "Clary Assistant", access: "builtin" });
const DEMO = {
  id: "demo",
  name: "Clary demo model (not a real model)",
  base_url: "",
  api_keys: [],
  model: "demo",
  access: "system",
};

function agentRow(values) {
  return {
    id: `agent_${randomBytes(4).toString("hex")}`,
    user_id: USER.userid,
    description: "",
    systemPrefix: null,
    systemContext: {},
    availableTools: [],
    llm_provider_id: null,
    maxLoopCount: 50,
    deepThinking: null,
    moreSuggest: false,
    access: "owner",
    version: 1,
    ...values,
  };
}

class Refusal extends Error {
  constructor(code, message, slug, status = 200) {
    super(message);
    Object.assign(this, { code, slug, status });
  }
}

const missing = (what) => new Refusal(404, `${what} not found`, "not_found");
const now = () => new Date().toISOString();

export async function handleApi(request, response) {
  const url = new URL(request.url, "http://x");
  const context = {
    request,
    response,
    query: url.searchParams,
    isEnglish: request.headers["x-locale"] === "en-US",
    cookie: /clary_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1],
  };
  try {
    context.body = await readBody(request);
    const [route, params] = find(request.method, url.pathname);
    if (!route.isPublic && !state.cookies.has(context.cookie)) {
      throw new Refusal(401, context.isEnglish ? "Not signed in" : "未登录", "unauthenticated", 401);
    }
    const data = await route.run(context, ...params);
    if (!response.headersSent) answer(response, 200, { code: 200, message: "success", data: data ?? null });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    answer(response, error.status, {
      code: error.code,
      message: error.message,
      data: null,
      error_detail: error.slug,
    });
  }
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const isForm = request.headers["content-type"]?.startsWith("multipart/");
  if (isForm) return await new Response(bytes, { headers: request.headers }).formData();
  return bytes.length === 0 ? {} : JSON.parse(bytes.toString("utf8"));
}

function answer(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ ...body, timestamp: Date.now() / 1000 }));
}

const routes = [];
function on(method, pattern, run, isPublic = false) {
  routes.push({ method, pattern: new RegExp(`^${pattern.replaceAll("{}", "([^/]+)")}$`), run, isPublic });
}

function find(method, path) {
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (match !== null && route.method === method) return [route, match.slice(1).map(decodeURIComponent)];
  }
  throw new Refusal(404, "No such endpoint", "route_not_found", 404);
}

function find_conversation(id) {
  const found = state.conversations.get(id);
  if (found === undefined) throw missing("Conversation");
  return found;
}

// System and accounts
const info = {
  instance_name: "Clary",
  announcement: "",
  auth_mode: "native",
  has_local_auth: true,
  native_login_admin_only: false,
  auth_providers: [
    { id: "native", type: "native", name: "Password", button_text: "Sign in with a password", login_url: "" },
  ],
  allow_registration: process.env.FAKE_REGISTRATION === "on",
  demo_model: true,
};
// A server of the mode `oauth` has no form, but both are wanted on one picture.
if (process.env.FAKE_PROVIDERS === "on") {
  for (const [id, name, icon] of [
    ["corp", "Corp SSO", "building2"],
    ["github", "GitHub", "github"],
  ]) {
    const login_url = `/api/auth/upstream/login/${id}`;
    info.auth_providers.push({
      id,
      type: "oidc",
      name,
      icon,
      button_text: `Sign in with ${name}`,
      login_url,
    });
  }
}
on("GET", "/api/system/info", () => info, true);
const words = (isEnglish, english, chinese) => (isEnglish ? english : chinese);
addIdentity({
  on,
  Refusal,
  missing,
  words,
  account: { user: USER, passwords: state.passwords },
});
on(
  "POST",
  "/api/auth/login",
  ({ body, response, isEnglish }) => {
    if (body.password === undefined || state.passwords.get(body.username_or_email) !== body.password) {
      throw new Refusal(
        400,
        isEnglish ? "Wrong user name or password" : "用户名或密码错误",
        "invalid_credentials",
      );
    }
    const cookie = randomUUID();
    state.cookies.add(cookie);
    response.setHeader("Set-Cookie", `clary_session=${cookie}; Path=/; HttpOnly; SameSite=Lax`);
    return { access_token: "a.b.c", refresh_token: "clt_x", expires_in: 3600 };
  },
  true,
);
on("GET", "/api/auth/session", () => ({
  user: USER,
  has_provider: state.providers.length > 0,
  has_agent: state.agents.size > 0,
}));
on("POST", "/api/auth/logout", ({ cookie }) => {
  state.cookies.delete(cookie);
  return {};
});
on("POST", "/api/user/change-password", ({ body, isEnglish }) => {
  if (body.old_password !== state.passwords.get(USER.username)) {
    throw new Refusal(400, isEnglish ? "Old password is wrong" : "旧密码错误", "wrong_old_password");
  }
  state.passwords.set(USER.username, body.new_password);
  return {};
});

addRuntime({
  on,
  Refusal,
  missing,
  find: find_conversation,
  agentOf: (id) => state.agents.get(id) ?? BUILTIN,
});
addKnowledge({ on, Refusal, missing });
addSchedules({ on, Refusal });
on("GET", "/api/conversations/{}/citations", (_, id) => ({
  items: citationsOf(find_conversation(id).messages),
}));
addWorkshop({ on, Refusal, missing, words, agents: state.agents });

// Agents
on("GET", "/api/agent/list", () => [...state.agents.values()]);
on("POST", "/api/agent/create", ({ body }) => {
  const agent = agentRow(body);
  state.agents.set(agent.id, agent);
  return { agent_id: agent.id, id: agent.id, version: 1, warnings: [] };
});
on("GET", "/api/agent/{}", (_, id) => {
  const found = id === BUILTIN.id ? BUILTIN : state.agents.get(id);
  if (found === undefined) throw missing("Agent");
  return found;
});
on("PUT", "/api/agent/{}", ({ body }, id) => {
  if (!state.agents.has(id)) throw missing("Agent");
  const old = state.agents.get(id);
  state.agents.set(id, { ...agentRow(body), id, version: old.version + 1 });
  return { agent_id: id, id, version: old.version + 1, warnings: [] };
});
on("DELETE", "/api/agent/{}", (_, id) => {
  if (!state.agents.delete(id)) throw missing("Agent");
  return { agent_id: id };
});

// Models
const mask = (key) => (key.length < 12 ? "***" : `${key.slice(0, 4)}***${key.slice(-4)}`);
on("GET", "/api/llm-provider/list", () => [...state.providers, DEMO]);
on("POST", "/api/llm-provider/create", ({ body }) => {
  const name = body.name ?? `${body.model}@${new URL(body.base_url).host}`;
  const row = {
    ...body,
    name,
    id: randomUUID(),
    api_keys: [mask(body.api_keys[0])],
    is_default: false,
    access: "owner",
  };
  state.providers.unshift(row);
  return row;
});
on("PUT", "/api/llm-provider/update/{}", ({ body }, id) => {
  const row = state.providers.find((provider) => provider.id === id);
  if (row === undefined) throw missing("Provider");
  if (body.is_default) for (const other of state.providers) other.is_default = false;
  const keys = body.api_keys?.[0] === row.api_keys[0] ? row.api_keys : body.api_keys?.map(mask);
  return Object.assign(row, body, { api_keys: keys ?? row.api_keys });
});
on("DELETE", "/api/llm-provider/delete/{}", (_, id) => {
  const row = state.providers.find((provider) => provider.id === id);
  if (row?.is_default) throw new Refusal(500, "Cannot delete default provider", "provider_is_default");
  state.providers = state.providers.filter((provider) => provider !== row);
  return { provider_id: id, agents: [] };
});
on("POST", "/api/llm-provider/verify", ({ body, isEnglish }) => {
  if (!body.model.includes("good")) {
    throw new Refusal(
      500,
      isEnglish ? "Verification failed: the key was refused" : "验证失败: 密钥被拒绝",
      "provider_auth",
    );
  }
  return { model: body.model, latency_ms: 321 };
});
on("POST", "/api/llm-provider/verify-multimodal", () => ({ supports_multimodal: true, recognized: true }));

// Conversations
on("GET", "/api/conversations", ({ query }) => {
  const words = (query.get("search") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const size = Number(query.get("page_size") ?? 10);
  const page = Number(query.get("page") ?? 1);
  const rows = [...state.conversations.values()]
    .filter(({ row }) => words.every((word) => row.title.toLowerCase().includes(word)))
    .sort((a, b) => b.row.updated_at.localeCompare(a.row.updated_at))
    .map(({ row }) => (words.length > 0 ? { ...row, snippet: row.title } : row));
  const list = rows.slice((page - 1) * size, page * size);
  return { list, total: rows.length, page, page_size: size, has_next: page * size < rows.length };
});
on("GET", "/api/conversations/{}/messages", (_, id) => {
  const { row, messages, run } = find_conversation(id);
  return {
    conversation_id: id,
    messages: structuredClone(messages),
    next_stream_index: run?.lines.length ?? 0,
    next_stream_run_id: run?.run_id ?? null,
    conversation_info: row,
  };
});
on("POST", "/api/conversations/{}/title", ({ body }, id) => {
  const { row } = find_conversation(id);
  row.title = body.title.trim();
  return { session_id: id, title: row.title };
});
on("DELETE", "/api/conversations/{}", (_, id) => {
  interrupt(find_conversation(id));
  state.conversations.delete(id);
  return { session_id: id };
});
on("POST", "/api/sessions/{}/tasks_status", (_, id) => {
  const { tasks } = find_conversation(id);
  return { session_id: id, tasks_status: { tasks }, user_id: USER.userid };
});
on("POST", "/api/sessions/{}/interrupt", (_, id) => {
  const conversation = find_conversation(id);
  return { session_id: id, interrupted: interrupt(conversation) };
});

// Streams
on("POST", "/api/web-stream", ({ body, request, response }) => {
  const id = body.session_id;
  const { content } = body.messages[0];
  const plain = typeof content === "string" ? content : content[0].text;
  // Tags tell about the run; they are no part of the message.
  const tags = /^(<(\w+)>[^<]*<\/\2>\s*)+/.exec(plain)?.[0] ?? "";
  const text = tags.includes("enable_plan")
    ? `Plan it: ${plain.slice(tags.length)}`
    : plain.slice(tags.length);
  const stored = typeof content === "string" ? text : [{ type: "text", text }, ...content.slice(1)];
  const agent = state.agents.get(body.agent_id) ?? BUILTIN;
  const title = text.length > 50 ? `${text.slice(0, 50)}...` : text;
  const row = { session_id: id, id, title, agent_id: agent.id, agent_name: agent.name, created_at: now() };
  const known = state.conversations.get(id) ?? { row, messages: [], tasks: [], run: null };
  state.conversations.set(id, known);
  Object.assign(known.row, { agent_id: agent.id, agent_name: agent.name, updated_at: now() });
  startInto(
    known,
    {
      text,
      agent,
      message: { ...body.messages[0], content: stored },
      key: request.headers["idempotency-key"],
    },
    response,
  );
});
on("GET", "/api/stream/resume/{}", ({ query, response }, id) => {
  const conversation = state.conversations.get(id);
  if (conversation === undefined) throw new Refusal(404, `会话 ${id} 不存在`, "session_not_found", 404);
  resumeInto(conversation, Number(query.get("last_index") ?? 0), response);
});
on("GET", "/api/stream/active_sessions", ({ response }) => {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const push = () => response.write(`data: ${JSON.stringify(activeSnapshot())}\n\n`);
  push();
  response.on("close", onActiveChange(push));
});
