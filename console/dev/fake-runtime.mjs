/** Routes of the fake server for agents at work: questions, consent, additions, drafts, files. */
import { randomUUID } from "node:crypto";
import { answerWaiting, guidanceOf, interrupt, startInto } from "./fake-runs.mjs";

export function addRuntime({ on, Refusal, missing, find, agentOf }) {
  on("POST", "/api/questionnaires/{}/submit", ({ body, isEnglish }, id) => {
    if (answerWaiting(id, body.answers)) return { success: true };
    throw new Refusal(409, isEnglish ? "Already submitted" : "问卷已提交", "questionnaire_submitted", 409);
  });
  on("POST", "/api/sandbox/approval", ({ body }) => {
    if (!answerWaiting(body.approval_id, body.decision)) throw missing("Approval");
    return { success: true, status: body.decision === "deny" ? "denied" : "approved" };
  });
  on("GET", "/api/runs/{}", () => ({ waiting: null }));

  on("GET", "/api/sessions/{}/inject-user-message", (_, id) => ({
    session_id: id,
    items: guidanceOf(find(id)),
  }));
  on("POST", "/api/sessions/{}/inject-user-message", ({ body }, id) => {
    guidanceOf(find(id)).push({ ...body, status: "pending", at: Date.now() });
    return { session_id: id, guidance_id: body.guidance_id, accepted: true };
  });
  on("PATCH", "/api/sessions/{}/inject-user-message/{}", ({ body }, id, guidanceId) => {
    const item = guidanceOf(find(id)).find((each) => each.guidance_id === guidanceId);
    if (item === undefined) throw missing("Guidance");
    item.content = body.content;
    return { guidance_id: guidanceId, updated: true };
  });
  on("DELETE", "/api/sessions/{}/inject-user-message/{}", (_, id, guidanceId) => {
    const conversation = find(id);
    conversation.guidance = guidanceOf(conversation).filter((each) => each.guidance_id !== guidanceId);
    return { guidance_id: guidanceId, deleted: true };
  });

  const cut = (conversation) => {
    const last = conversation.messages.findLastIndex(
      (message) => message.role === "user" && message.session_id === conversation.row.session_id,
    );
    conversation.messages.length = last + 1;
    return conversation.messages[last];
  };
  on("POST", "/api/conversations/{}/edit-last-user-message", ({ body }, id) => {
    const conversation = find(id);
    interrupt(conversation);
    cut(conversation).content = body.content;
    return { session_id: id, title: conversation.row.title };
  });
  on("POST", "/api/conversations/{}/rerun-stream", ({ body, request, response }, id) => {
    const conversation = find(id);
    const { guidance_content: added, guidance_id } = body;
    if (added)
      conversation.guidance = guidanceOf(conversation).filter((each) => each.guidance_id !== guidance_id);
    const text = added ?? cut(conversation).content;
    const message = added ? { message_id: randomUUID() } : null;
    const agent = agentOf(conversation.row.agent_id);
    startInto(conversation, { text, agent, message, key: request.headers["idempotency-key"] }, response);
  });
  on("POST", "/api/chat/optimize-input", async ({ body }) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { optimized_input: `Please ${body.current_input.trim()}, and explain each step.`, language: "en" };
  });
  addFiles({ on, Refusal });
}

const file = (path, size) => ({
  name: path.split("/").at(-1),
  path,
  size: size ?? 0,
  modified_time: Date.now() / 1000 - 3600,
  is_directory: size === undefined,
});
let files = [
  file("data.csv", 81_240),
  file("hello.py", 34),
  file("reports"),
  file("reports/2027-01.md", 5_012),
  file("reports/a rather long name of a file that someone has really chosen.pdf", 1_403_556),
  file("skills"),
];

const SHELF =
  '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><rect width="320" height="180" fill="#9bd"/>' +
  '<path d="M0 120h320M40 120V60h60v60M150 120V80h40v40" stroke="#345" stroke-width="6" fill="#cde"/></svg>';

function addFiles({ on, Refusal }) {
  on("POST", "/api/agent/{}/file_workspace", () => ({ files, truncated: false }));
  on("DELETE", "/api/agent/{}/file_workspace/delete", ({ query }) => {
    const path = query.get("file_path");
    files = files.filter((each) => each.path !== path && !each.path.startsWith(`${path}/`));
    return { path, deleted: true };
  });
  on("POST", "/api/agent/{}/file_workspace/upload", ({ body }) => {
    const sent = body.get("file");
    if (sent.name.endsWith(".exe"))
      throw new Refusal(413, "The file is too large, limit 100 MB", "file_too_large");
    const taken = files.some(({ path }) => path === `${body.get("target_path")}${sent.name}`);
    if (taken && body.get("overwrite") === "false")
      throw new Refusal(409, `File already exists: ${sent.name}`, "file_exists");
    files.push(file(`${body.get("target_path")}${sent.name}`, sent.size));
    return { filename: sent.name, path: `${body.get("target_path")}${sent.name}`, size: sent.size };
  });
  on("GET", "/api/agent/{}/file_workspace/download", ({ response, query }) => {
    if (query.get("file_path").endsWith(".png"))
      return void response.writeHead(200, { "Content-Type": "image/svg+xml" }).end(SHELF);
    response.writeHead(200, { "Content-Type": "text/plain" }).end(`content of ${query.get("file_path")}\n`);
  });
}
