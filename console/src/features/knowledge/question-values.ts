/** The table of test questions while it is edited, and its way from and to the wire. */
import type { Expected, SetQuestion } from "./questions-api";

export interface ExpectedValues {
  /** Not sent; keeps the field where it is. */
  key: number;
  docId: string | null;
  docName: string;
  contains: string;
}

export interface QuestionValues {
  key: number;
  id?: string;
  question: string;
  expected: ExpectedValues[];
}

let newest = 0;
export const newExpected = (): ExpectedValues => ({ key: ++newest, docId: null, docName: "", contains: "" });
export const newQuestion = (): QuestionValues => ({ key: ++newest, question: "", expected: [newExpected()] });

export const toRows = (questions: SetQuestion[]): QuestionValues[] =>
  questions.map(({ id, question, expected }) => ({
    key: ++newest,
    id,
    question,
    expected: expected.map((each) => ({
      key: ++newest,
      docId: each.doc_id ?? null,
      docName: each.doc_name ?? "",
      contains: each.contains ?? "",
    })),
  }));

/** Rows in which nothing was typed are left out. */
export const fromRows = (rows: QuestionValues[]): SetQuestion[] =>
  rows
    .filter((row) => !isBlank(row))
    .map(({ id, question, expected }) => ({
      ...(id !== undefined && { id }),
      question: question.trim(),
      expected: expected.filter(saysSomething).map(toExpected),
    }));

const toExpected = ({ docId, docName, contains }: ExpectedValues): Expected => ({
  ...(docId !== null && { doc_id: docId }),
  ...(docName.trim() !== "" && { doc_name: docName.trim() }),
  ...(contains.trim() !== "" && { contains: contains.trim() }),
});

const saysSomething = ({ docId, docName, contains }: ExpectedValues): boolean =>
  docId !== null || docName.trim() !== "" || contains.trim() !== "";

export const isBlank = ({ question, expected }: QuestionValues): boolean =>
  question.trim() === "" && !expected.some(saysSomething);

/** A question to which no answer is known cannot be counted. */
export const lacksAnswer = (row: QuestionValues): boolean =>
  !isBlank(row) && !row.expected.some(saysSomething);

/** Another name is another document, and the id of the old one does not hold. */
export const withDocName = (docName: string): Partial<ExpectedValues> => ({ docName, docId: null });
