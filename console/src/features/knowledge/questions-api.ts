/** Sets of questions with known answers, which say how well a base finds things (product.md 5.9). */
import { get, post } from "../../kit/http";
import { query } from "../../kit/query";
import { KNOWLEDGE, type Mode } from "./api";

export interface Expected {
  doc_id?: string | null;
  doc_name?: string | null;
  contains?: string | null;
}

export interface SetQuestion {
  id?: string;
  question: string;
  expected: Expected[];
}

export interface Evaluation {
  evaluation_id: string;
  status: string;
  trigger: "manual" | "reindex";
  index_version: number | null;
  questions: number;
  recall: number | null;
  mrr: number | null;
  missed: { id: string; question: string }[];
  created_at: string;
}

const QUESTIONS = `${KNOWLEDGE}/questions`;
export const RESULTS_PER_PAGE = 10;
export const MAX_QUESTIONS = 2000;
const PER_REQUEST = 200;

/** The whole set: it is changed as a whole. */
export async function readQuestions(kdbId: string): Promise<SetQuestion[]> {
  const all: SetQuestion[] = [];
  for (let page = 1; ; page += 1) {
    const { items, total } = await get<{ items: SetQuestion[]; total: number }>(
      `${QUESTIONS}${query({ kdb_id: kdbId, page, page_size: PER_REQUEST })}`,
    );
    all.push(...items);
    if (items.length === 0 || all.length >= total) return all;
  }
}

export const saveQuestions = (kdbId: string, items: SetQuestion[]) =>
  post<{ count: number }>(QUESTIONS, { kdb_id: kdbId, items, replace: true });
export const runQuestions = (kdbId: string, topK: number, mode: Mode) =>
  post<{ evaluation_id: string; status: string }>(`${QUESTIONS}/run`, { kdb_id: kdbId, top_k: topK, mode });
export const listResults = (kdbId: string, page: number) =>
  get<{ items: Evaluation[]; total: number }>(
    `${QUESTIONS}/results${query({ kdb_id: kdbId, page, page_size: RESULTS_PER_PAGE })}`,
  );
