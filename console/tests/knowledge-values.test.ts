import { expect, test } from "vitest";
import type { BaseInfo, Grant } from "../src/features/knowledge/api";
import { toDraft, toValues } from "../src/features/knowledge/base-values";
import { fileUnderway, toBatches } from "../src/features/knowledge/batches";
import { blocksOf, windowFor } from "../src/features/knowledge/content-blocks";
import { droppedFiles, folderFiles } from "../src/features/knowledge/dropped-files";
import {
  fromRows,
  lacksAnswer,
  newQuestion,
  toRows,
  withDocName,
} from "../src/features/knowledge/question-values";
import { grantsOf } from "../src/features/knowledge/ShareBaseDialog";
import { startValues, toQuestion } from "../src/features/knowledge/search-values";
import { hrefOf, parseRoute } from "../src/kit/route";

const BASE = {
  kdbId: "k1",
  name: "Rules",
  intro: "About travel",
  type: "document",
  kdbSetting: {
    kdbAttach: { language: "en-us", more: 1 },
    embedding: { mode: "provider", provider_id: "p1", model: "e5", dims: 384 },
    chunk: { target_chars: 500, overlap_chars: 50 },
    retrieval: { top_k: 5, mode: "lexical", min_score: 0.2 },
  },
  index: { reranker: { mode: "none" } },
} as unknown as BaseInfo;

test("settings that nobody has touched are not sent, so that nothing is built anew", () => {
  expect(toDraft(toValues(BASE, "en-us"), BASE, "en-us")).toEqual({ name: "Rules", intro: "About travel" });
  const values = { ...toValues(BASE, "en-us"), chunkSize: "900", language: "zh-cn" };
  expect(toDraft(values, BASE, "en-us").kdb_setting).toEqual({
    chunk: { target_chars: 900, overlap_chars: 50 },
    kdbAttach: { language: "zh-cn", more: 1 },
  });
});

test("a new base says its kind and language, and of its models what is not as the server has it", () => {
  const values = { ...toValues(null, "zh-cn"), name: " 手册 ", type: "qa" };
  expect(toDraft(values, null, "zh-cn")).toEqual({ name: "手册", intro: "", type: "qa", language: "zh-cn" });
  const own = {
    ...values,
    embeddingMode: "provider" as const,
    embeddingProvider: "p1",
    embeddingModel: " e5 ",
    rerankerMode: "none" as const,
  };
  expect(toDraft(own, null, "zh-cn").kdb_setting).toEqual({
    embedding: { mode: "provider", provider_id: "p1", model: "e5" },
    reranker: { mode: "none" },
  });
});

test("whoever had a right keeps it, and whoever is new may read", () => {
  const old: Grant[] = [
    { kind: "user", id: "ann", name: "Ann", permission: "write" },
    { kind: "group", id: "ann", name: "Anns", permission: "read" },
  ];
  expect(grantsOf({ users: ["bo", "ann"], groups: [] }, old, ({ id }) => id.toUpperCase())).toEqual([
    { kind: "user", id: "bo", name: "BO", permission: "read" },
    { kind: "user", id: "ann", name: "Ann", permission: "write" },
  ]);
});

const sized = (name: string, size: number) => {
  const file = new File([], name);
  Object.defineProperty(file, "size", { value: size });
  return file;
};

test("many files travel in portions; a very large one travels alone", () => {
  const mega = 1024 * 1024;
  const files = [
    ...Array.from({ length: 201 }, (_, n) => sized(`${n}`, 10)),
    sized("large", 300 * mega),
    sized("last", 1),
  ];
  expect(toBatches(files).map((batch) => batch.length)).toEqual([200, 1, 1, 1]);
  expect(toBatches([])).toEqual([]);
  const three = [sized("a", 50), sized("b", 0), sized("c", 50)];
  expect([0, 49, 50, 99, 100].map((percent) => fileUnderway(three, percent))).toEqual([0, 0, 2, 2, 2]);
});

const file = (name: string, path = "") => {
  const made = new File(["x"], name);
  Object.defineProperty(made, "webkitRelativePath", { value: path });
  return made;
};

test("files that systems put into folders are left there", () => {
  const files = [
    file("a.md", "in/a.md"),
    file(".DS_Store", "in/.DS_Store"),
    file("c", "in/.git/c"),
    file("~$b.docx", "in/~$b.docx"),
  ];
  expect(folderFiles(files).map(({ name }) => name)).toEqual(["a.md"]);
});

test("a dropped folder is walked through, entry by entry, until there are no more", async () => {
  const entry = (name: string) => ({
    name,
    isFile: true,
    file: (done: (file: File) => void) => done(file(name)),
  });
  const folder = (name: string, portions: object[][]) => ({
    name,
    isFile: false,
    createReader: () => ({ readEntries: (done: (found: object[]) => void) => done(portions.shift() ?? []) }),
  });
  const inner = folder("inner", [[entry("c.txt"), entry("Thumbs.db")]]);
  const top = folder("top", [[entry("a.txt")], [inner]]);
  const items = [entry(".hidden-but-chosen"), top].map((each) => ({
    kind: "file",
    webkitGetAsEntry: () => each,
  }));
  const found = await droppedFiles({ items, files: [] } as unknown as DataTransfer);
  expect(found.map(({ name }) => name)).toEqual([".hidden-but-chosen", "a.txt", "c.txt"]);
});

test("a text is cut where pages and headings begin, by characters of the whole", () => {
  const text = "🚆 intro\n\nOne\nfirst\n\n## Two\nsecond";
  const blocks = blocksOf({
    start: 100,
    text,
    pages: [
      { page: 1, start: 0, end: 109 },
      { page: 2, start: 109, end: 200 },
    ],
    headings: [
      { level: 1, title: "Before", start: 4 },
      { level: 1, title: "One", start: 109 },
      { level: 4, title: "Two", start: 120 },
    ],
  });
  expect(blocks).toEqual([
    { kind: "text", start: 100, textStart: 100, text: "🚆 intro" },
    { kind: "page", start: 109, textStart: 109, text: "", page: 2 },
    { kind: "heading", start: 109, textStart: 109, text: "One", level: 2 },
    { kind: "text", start: 113, textStart: 113, text: "first" },
    { kind: "heading", start: 120, textStart: 123, text: "Two", level: 3 },
    { kind: "text", start: 127, textStart: 127, text: "second" },
  ]);
  expect([windowFor(null), windowFor(100), windowFor(9000)]).toEqual([0, 0, 7500]);
});

test("the address of a document names the characters, and nothing else gets through", () => {
  const route = { page: "document", docId: "d1", start: 0, end: 25 } as const;
  expect(hrefOf(route)).toBe("#/document/d1?start=0&end=25");
  expect(parseRoute(hrefOf(route))).toEqual(route);
  expect(parseRoute("#/document/d1?start=-4&end=1e3")).toEqual({ ...route, start: null, end: null });
  expect(parseRoute("#/knowledge/k1/questions")).toEqual({
    page: "knowledge",
    kdbId: "k1",
    part: "questions",
  });
  expect(parseRoute("#/knowledge/k1/other")).toEqual({ page: "knowledge", kdbId: "k1", part: null });
});

test("a question carries only the filters that were typed", () => {
  const values = { ...startValues(BASE), query: "hotel" };
  expect(toQuestion("k1", values)).toEqual({
    kdb_id: "k1",
    query: "hotel",
    top_k: 5,
    mode: "lexical",
    min_score: 0.2,
    rerank: false,
    merge: true,
    highlight: true,
    explain: true,
  });
  const narrowed = { ...values, otherBases: ["k2"], types: "pdf, .docx", names: " a b.pdf \n\n" };
  expect(toQuestion("k1", narrowed)).toMatchObject({
    kdb_ids: ["k1", "k2"],
    filters: { types: ["pdf", ".docx"], doc_names: ["a b.pdf"] },
  });
});

test("test questions come back as they were; blank ones are left out, and a new name is a new document", () => {
  const set = [
    { id: "q1", question: "Who?", expected: [{ doc_id: "d1", doc_name: "a.pdf" }, { contains: "me" }] },
  ];
  const rows = toRows(set);
  expect(fromRows([...rows, newQuestion()])).toEqual(set);
  const [row] = rows;
  const [first] = row?.expected ?? [];
  const renamed = { ...row, expected: [{ ...first, ...withDocName("b.pdf") }] } as (typeof rows)[number];
  expect(fromRows([renamed])[0]?.expected).toEqual([{ doc_name: "b.pdf" }]);
  expect([newQuestion(), { ...newQuestion(), question: "Who?" }, renamed].map(lacksAnswer)).toEqual([
    false,
    true,
    false,
  ]);
});
