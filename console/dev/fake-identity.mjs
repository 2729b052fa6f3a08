/** Identity in the fake server: sign-up, account, API keys, apps, groups, users, clients and the audit log in memory. */
import { createHash, randomBytes } from "node:crypto";

const hex = (bytes) => randomBytes(bytes).toString("hex");
const secret = (prefix) => prefix + randomBytes(32).toString("base64url");
const ago = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();

const users = [
  userRow({ user_id: "u1", username: "admin", role: "admin", last_login_at: ago(0.1) }),
  userRow({
    user_id: "u2",
    username: "mei.lin",
    nickname: "Mei Lin",
    email: "mei.lin@example.com",
    groups: [{ id: "grp_0000000000000001", name: "Engineering" }],
    auth_sources: ["password", "corp"],
    last_login_at: ago(30),
  }),
  userRow({ user_id: "u3", username: "tomas", email: "tomas@example.com", status: "disabled" }),
  ...Array.from({ length: 24 }, (_, n) => userRow({ user_id: `p${n}`, username: `person-${n + 1}` })),
];
const groups = [
  groupRow({
    id: "grp_0000000000000001",
    name: "Engineering",
    description: "Everybody who builds the product",
  }),
  groupRow({ id: "grp_0000000000000002", name: "Support", source: "upstream:corp" }),
];
const members = new Map([
  [groups[0].id, [memberRow(users[0], "manager"), memberRow(users[1], "member", "upstream:corp")]],
  [groups[1].id, [memberRow(users[1])]],
]);
const keys = [
  keyRow({ name: "Nightly report", last_used_at: ago(7), last_used_address: "192.0.2.7" }),
  keyRow({ name: "Old laptop", status: "expired", expires_at: ago(48), scopes: ["read"] }),
];
const clients = [
  clientRow({ client_id: "wiki", client_name: "Company wiki", source: "config", skip_consent: true }),
  clientRow({
    client_name: "Desktop app",
    token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1/callback"],
    last_used_at: ago(3),
  }),
];
let grants = [
  {
    client_id: clients[1].client_id,
    client_name: "Desktop app",
    scope: "openid profile read chat",
    resource: null,
    created_at: ago(200),
    last_used_at: ago(3),
  },
];
let sessions = [
  sessionRow({ current: true }),
  sessionRow({
    user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1",
    method: "upstream:corp",
    address: "198.51.100.4",
  }),
  sessionRow({ user_agent: "clary-desktop/2.1", address: "203.0.113.9" }),
];
let identities = [
  {
    provider_id: "corp",
    name: "Corp SSO",
    username: "admin",
    email: "admin@example.com",
    linked_at: ago(900),
  },
];
const shares = new Map();
const log = [];

function userRow(values) {
  return {
    nickname: "",
    email: null,
    phonenum: null,
    role: "user",
    status: "active",
    groups: [],
    auth_sources: ["password"],
    created_at: ago(1000),
    last_login_at: null,
    ...values,
  };
}
function groupRow(values) {
  return {
    id: `grp_${hex(8)}`,
    description: "",
    source: "manual",
    budget: null,
    created_at: ago(500),
    ...values,
  };
}
function memberRow(user, role = "member", source = "manual") {
  const { user_id, username, nickname } = user;
  return { user_id, username, nickname, role, source, added_at: ago(100) };
}
function keyRow(values) {
  return {
    id: hex(8),
    prefix: `clk_${hex(2)}`,
    scopes: ["read", "chat", "write"],
    expires_at: null,
    agent_ids: [],
    addresses: [],
    budget: null,
    status: "active",
    created_at: ago(100),
    last_used_at: null,
    last_used_address: null,
    ...values,
  };
}
function clientRow(values) {
  return {
    client_id: `oc_${hex(12)}`,
    client_uri: null,
    redirect_uris: ["https://wiki.example.com/signed-in"],
    token_endpoint_auth_method: "client_secret_basic",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    scope: "openid profile email",
    skip_consent: false,
    require_pkce: false,
    introspect_all: false,
    enabled: true,
    source: "admin",
    created_at: ago(300),
    last_used_at: null,
    ...values,
  };
}
function sessionRow(values) {
  return {
    id: hex(8),
    current: false,
    method: "password",
    address: "127.0.0.1",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36",
    created_at: ago(50),
    last_seen_at: ago(1),
    expires_at: ago(-300),
    ...values,
  };
}

/** Adds one entry to the log, chained to the one before. */
function record(action, values = {}) {
  const entry = {
    seq: log.length + 1,
    at: new Date().toISOString(),
    actor: { kind: "user", user_id: "u1", username: "admin" },
    action,
    outcome: "success",
    object: null,
    address: "127.0.0.1",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0",
    request_id: hex(16),
    detail: {},
    prev_hash: log.at(-1)?.hash ?? "0".repeat(64),
    ...values,
  };
  entry.hash = createHash("sha256").update(JSON.stringify(entry)).digest("hex");
  log.push(entry);
}
record("server.started", { actor: { kind: "system", user_id: null, username: null }, address: null });
record("auth.login_failed", {
  actor: { kind: "anonymous", user_id: null, username: null },
  outcome: "denied",
  detail: { count: 14 },
});
record("user.role_changed", {
  object: { type: "user", id: "u2" },
  detail: { role: { old: "admin", new: "user" } },
});
record("auth.login");

function paged(rows, query) {
  const size = Number(query.get("page_size") ?? 20);
  const page = Number(query.get("page") ?? 1);
  return { items: rows.slice((page - 1) * size, page * size), total: rows.length };
}
const holds = (query, ...texts) => {
  const word = (query.get("q") ?? "").toLowerCase();
  return texts.some((text) => (text ?? "").toLowerCase().includes(word));
};

/** Puts the routes into the fake server. `kit` is its own: how routes are made, and what refusals look like. */
export function addIdentity(kit) {
  signUpRoutes(kit);
  accountRoutes(kit);
  keyRoutes(kit);
  groupRoutes(kit);
  userRoutes(kit);
  clientRoutes(kit);
  auditRoutes(kit);
  shareRoutes(kit);
}

function signUpRoutes({ on, Refusal, words, account }) {
  const sent = new Map();
  on(
    "POST",
    "/api/auth/register/send-code",
    ({ body, response }) => {
      const wait = Math.ceil((sent.get(body.email) ?? 0) - Date.now() / 1000);
      if (wait > 0) {
        response.setHeader("Retry-After", String(wait));
        throw new Refusal(429, `Code was just sent, try again in ${wait} seconds`, "code_throttled");
      }
      sent.set(body.email, Date.now() / 1000 + 30);
      return { expires_in: 300, retry_after: 30 };
    },
    true,
  );
  on(
    "POST",
    "/api/auth/register",
    ({ body, isEnglish }) => {
      if (!sent.has(body.email) || body.verification_code !== "123456")
        throw new Refusal(400, words(isEnglish, "Verification code is wrong", "验证码错误"), "code_wrong");
      if (users.some((user) => user.username === body.username))
        throw new Refusal(
          409,
          words(isEnglish, "User name already exists", "用户名已存在"),
          "username_taken",
        );
      users.unshift(userRow({ user_id: hex(16), username: body.username, email: body.email }));
      account.passwords.set(body.username, body.password);
      return { user_id: users[0].user_id };
    },
    true,
  );
}

function accountRoutes({ on, missing, account }) {
  on("PUT", "/api/user/profile", ({ body }) => {
    const nickname = body.nickname || account.user.username;
    return Object.assign(account.user, body, { nickname, avatar: body.avatar_url });
  });
  on("GET", "/api/user/sessions", () => sessions);
  on("DELETE", "/api/user/sessions", () => {
    const ended = sessions.length - 1;
    sessions = sessions.filter((session) => session.current);
    return { ended };
  });
  on("DELETE", "/api/user/sessions/{}", (_, id) => {
    if (!sessions.some((session) => session.id === id)) throw missing("Login session");
    sessions = sessions.filter((session) => session.id !== id);
    return {};
  });
  on("GET", "/api/user/identities", () => identities);
  on("DELETE", "/api/user/identities/{}", (_, id) => {
    identities = identities.filter((identity) => identity.provider_id !== id);
    return {};
  });
  on("GET", "/api/oauth2/grants", () => grants);
  on("DELETE", "/api/oauth2/grants/{}", (_, id) => {
    grants = grants.filter((grant) => grant.client_id !== id);
    return {};
  });
}

function keyRoutes({ on, missing }) {
  const find = (id) => {
    const key = keys.find((each) => each.id === id);
    if (key === undefined) throw missing("Key");
    return key;
  };
  const drop = (_, id) => {
    keys.splice(keys.indexOf(find(id)), 1);
    return {};
  };
  on("GET", "/api/user/keys", () => keys);
  on("POST", "/api/user/keys", ({ body }) => {
    const key = secret("clk_");
    keys.unshift(keyRow({ ...body, prefix: key.slice(0, 8), created_at: ago(0) }));
    record("key.created", { object: { type: "key", id: keys[0].id } });
    return { ...keys[0], key };
  });
  on("PUT", "/api/user/keys/{}", ({ body }, id) => Object.assign(find(id), body));
  on("POST", "/api/user/keys/{}/rotate", (_, id) => {
    const key = secret("clk_");
    return { ...Object.assign(find(id), { prefix: key.slice(0, 8) }), key };
  });
  on("DELETE", "/api/user/keys/{}", drop);
  on("GET", "/api/user/{}/keys", (_, id) => (id === "u1" ? keys : []));
  on("DELETE", "/api/user/{}/keys/{}", (context, _user, id) => drop(context, id));
}

function groupRoutes({ on, missing, Refusal }) {
  const shown = (group) => {
    const inside = members.get(group.id) ?? [];
    const my_role = inside.find((member) => member.user_id === "u1")?.role ?? null;
    return { ...group, member_count: inside.length, my_role };
  };
  const find = (id) => {
    const group = groups.find((each) => each.id === id);
    if (group === undefined) throw missing("Group");
    return group;
  };
  const options = () => groups.map((group) => ({ label: group.name, value: group.id }));
  on("GET", "/api/groups/options", options);
  on("GET", "/api/groups", ({ query }) =>
    paged(groups.filter((group) => holds(query, group.name)).map(shown), query),
  );
  on("GET", "/api/groups/{}", (_, id) => ({ ...shown(find(id)), members: members.get(id) }));
  on("POST", "/api/groups", ({ body }) => {
    if (groups.some((group) => group.name === body.name))
      throw new Refusal(409, "Group already exists", "group_exists");
    const group = groupRow(body);
    groups.push(group);
    members.set(group.id, []);
    return shown(group);
  });
  on("PUT", "/api/groups/{}", ({ body }, id) => shown(Object.assign(find(id), body)));
  on("DELETE", "/api/groups/{}", (_, id) => {
    groups.splice(groups.indexOf(find(id)), 1);
    return {};
  });
  on("POST", "/api/groups/{}/members", ({ body }, id) => {
    find(id);
    const inside = members.get(id);
    for (const userId of body.user_ids) {
      const known = inside.find((member) => member.user_id === userId);
      const user = users.find((each) => each.user_id === userId);
      if (known) known.role = body.role ?? known.role;
      else if (user) inside.push(memberRow(user, body.role));
    }
    return { added: body.user_ids.length };
  });
  on("DELETE", "/api/groups/{}/members/{}", (_, id, userId) => {
    find(id);
    members.set(
      id,
      members.get(id).filter((member) => member.user_id !== userId),
    );
    return {};
  });
}

function userRoutes({ on, missing, Refusal, words }) {
  const find = (id) => {
    const user = users.find((each) => each.user_id === id);
    if (user === undefined) throw missing("User");
    return user;
  };
  on("GET", "/api/user/options", () =>
    users
      .filter((user) => user.status === "active")
      .map((user) => ({ label: user.username, value: user.user_id })),
  );
  on("GET", "/api/user/list", ({ query }) => {
    const is = (key, user) => !query.get(key) || user[key] === query.get(key);
    const rows = users.filter(
      (user) =>
        holds(query, user.username, user.nickname, user.email) && is("role", user) && is("status", user),
    );
    return paged(rows, query);
  });
  on("POST", "/api/user/add", ({ body, isEnglish }) => {
    if (users.some((user) => user.username === body.username))
      throw new Refusal(409, words(isEnglish, "User name already exists", "用户名已存在"), "username_taken");
    const { password: _, ...values } = body;
    users.unshift(userRow({ ...values, user_id: hex(16) }));
    record("user.created", { object: { type: "user", id: users[0].user_id } });
    return { user_id: users[0].user_id };
  });
  on("POST", "/api/user/update", ({ body }) => {
    const { user_id, disabled, ...values } = body;
    const status = disabled === undefined ? {} : { status: disabled ? "disabled" : "active" };
    Object.assign(find(user_id), values, { nickname: values.nickname ?? "" }, status);
    return { user_id };
  });
  on("POST", "/api/user/reset-password", ({ body }) => {
    find(body.user_id);
    return body.new_password ? {} : { password: randomBytes(15).toString("base64url") };
  });
  on("POST", "/api/user/delete", ({ body }) => {
    users.splice(users.indexOf(find(body.user_id)), 1);
    record("user.deleted", { object: { type: "user", id: body.user_id }, detail: { objects: body.objects } });
    return {};
  });
}

function clientRoutes({ on, missing, Refusal }) {
  const find = (id) => {
    const client = clients.find((each) => each.client_id === id);
    if (client === undefined) throw missing("Client");
    if (client.source === "config")
      throw new Refusal(403, "This client is managed by configuration", "client_locked");
    return client;
  };
  on("GET", "/api/oauth2/clients", ({ query }) =>
    paged(
      clients.filter((client) => holds(query, client.client_name, client.client_id)),
      query,
    ),
  );
  on("POST", "/api/oauth2/clients", ({ body }) => {
    if (clients.some((client) => client.client_id === body.client_id))
      throw new Refusal(409, "Client already exists", "client_exists");
    clients.unshift(clientRow({ ...body, created_at: ago(0) }));
    const isPublic = body.token_endpoint_auth_method === "none";
    return { ...clients[0], client_secret: isPublic ? null : secret("") };
  });
  on("PUT", "/api/oauth2/clients/{}", ({ body }, id) => Object.assign(find(id), body));
  on("POST", "/api/oauth2/clients/{}/secret", (_, id) => {
    find(id);
    return { client_secret: secret("") };
  });
  on("DELETE", "/api/oauth2/clients/{}", (_, id) => {
    clients.splice(clients.indexOf(find(id)), 1);
    return {};
  });
}

function auditRoutes({ on }) {
  const newest = () => [...log].reverse();
  const fits = (query) => (entry) => {
    const is = (key, value) => !query.get(key) || query.get(key) === value;
    const action = query.get("action") ?? "";
    return (
      (action.endsWith(".") ? entry.action.startsWith(action) : is("action", entry.action)) &&
      is("outcome", entry.outcome) &&
      is("user_id", entry.actor.user_id) &&
      is("address", entry.address) &&
      is("object_type", entry.object?.type) &&
      is("object_id", entry.object?.id)
    );
  };
  on("GET", "/api/audit", ({ query }) => paged(newest().filter(fits(query)), query));
  on("GET", "/api/user/audit", ({ query }) =>
    paged(
      newest().filter((entry) => entry.actor.user_id === "u1"),
      query,
    ),
  );
  on("GET", "/api/audit/export", ({ response }) => {
    response.writeHead(200, {
      "Content-Type": "application/x-ndjson",
      "Content-Disposition": 'attachment; filename="audit.jsonl"',
    });
    const { seq, hash } = log.at(-1);
    response.end([...log, { head: { seq, hash } }].map((line) => `${JSON.stringify(line)}\n`).join(""));
  });
  on("POST", "/api/audit/verify", ({ body }) => {
    const { seq, hash } = log.at(-1);
    const noted = body.head && log.find((entry) => entry.seq === body.head.seq);
    const ok = !body.head || noted?.hash === body.head.hash;
    return {
      ok,
      entries: log.length,
      first_seq: 1,
      head: { seq, hash },
      broken_at: ok ? null : body.head.seq,
      reason: ok ? null : "head",
    };
  });
}

function shareRoutes({ on }) {
  on("GET", "/api/agent/{}/auth", ({ query }, id) => {
    const { user_ids = [], group_ids = [] } = shares.get(id) ?? {};
    if (query.get("detail") !== "true") return user_ids;
    const grant = (kind, rows, key) => (objectId) => {
      const row = rows.find((each) => each[key] === objectId);
      const name = row?.username ?? row?.name ?? "";
      return { kind, id: objectId, name, granted_by: "u1", granted_at: ago(1) };
    };
    return {
      user_ids,
      group_ids,
      grants: [
        ...user_ids.map(grant("user", users, "user_id")),
        ...group_ids.map(grant("group", groups, "id")),
      ],
    };
  });
  on("POST", "/api/agent/{}/auth", ({ body }, id) => {
    shares.set(id, { group_ids: shares.get(id)?.group_ids, ...body });
    record("agent.shared", { object: { type: "agent", id, owner_id: "u1" }, detail: body });
    return {};
  });
}
