/** Reads the questions an agent asks, and writes what was answered (S9.12). Lenient: models write the questions. */
import type { Answers } from "./api";
import { isObject, str, type Values } from "./tool-facts";

export interface Option {
  label: string;
  value: string;
}

export interface Question {
  id: string;
  kind: "single" | "multiple" | "text";
  title: string;
  options: Option[];
  /** The value the form begins with: a list for `multiple`, else a text. */
  start: string | string[];
  placeholder: string;
  maxLength: number;
}

export interface Questionnaire {
  id: string;
  title: string;
  isPlan: boolean;
  questions: Question[];
  /** Seconds from the call on; 0 when there is no deadline. */
  waitSeconds: number;
}

const LONGEST_ANSWER = 1000;
const USUAL_WAIT_SECONDS = 300;

/** `callId` names a questionnaire that carries no id of its own. */
export function readQuestionnaire(args: Values, callId: string): Questionnaire {
  const questions = Array.isArray(args.questions) ? args.questions.filter(isObject) : [];
  return {
    id: str(args.questionnaire_id) || callId,
    title: str(args.title),
    isPlan: args.questionnaire_kind === "plan_confirmation",
    questions: questions.map(readQuestion),
    waitSeconds: typeof args.wait_time === "number" ? args.wait_time : USUAL_WAIT_SECONDS,
  };
}

function readQuestion(values: Values, index: number): Question {
  const type = str(values.type);
  const options = (Array.isArray(values.options) ? values.options : []).map(readOption);
  const kind = type.startsWith("multi") ? "multiple" : type.startsWith("single") ? "single" : "text";
  return {
    id: str(values.id) || `q${index + 1}`,
    kind,
    title: str(values.title) || str(values.text),
    options,
    start: startOf(kind, values.default),
    placeholder: str(values.placeholder),
    maxLength: typeof values.max_length === "number" ? values.max_length : LONGEST_ANSWER,
  };
}

function readOption(option: unknown): Option {
  if (!isObject(option)) return { label: str(option), value: str(option) };
  const value = str(option.value) || str(option.label);
  return { label: str(option.label) || value, value };
}

function startOf(kind: Question["kind"], value: unknown): string | string[] {
  const values = (Array.isArray(value) ? value : [value]).map(str).filter((each) => each !== "");
  return kind === "multiple" ? values : (values[0] ?? "");
}

export const startAnswers = ({ questions }: Questionnaire): Answers =>
  Object.fromEntries(questions.map((question) => [question.id, question.start]));

/** What is sent at the deadline: "not answered", for each question. */
export const noAnswers = ({ questions }: Questionnaire): Answers =>
  Object.fromEntries(questions.map(({ id, kind }) => [id, kind === "multiple" ? [] : ""]));

/** The labels of what was chosen, or the text; empty when it was not answered. */
export function answerText(question: Question, answer: unknown): string {
  const labels = new Map(question.options.map(({ value, label }) => [value, label]));
  const values = (Array.isArray(answer) ? answer : [answer]).map(str).filter((each) => each !== "");
  return values.map((value) => labels.get(value) ?? value).join(", ");
}

const TAG = /^\s*<questionnaire-response>([\s\S]*)<\/questionnaire-response>\s*$/;

/** The next message of the person, as an answer to `questionnaire_async`. */
export function responseMessage(questionnaire: Questionnaire, answers: Answers): string {
  const response = {
    type: "questionnaire_response",
    questionnaire_id: questionnaire.id,
    status: "submitted",
    answers: questionnaire.questions.map((question) => ({
      question_id: question.id,
      question: question.title,
      type: { single: "single_choice", multiple: "multiple_choice", text: "text" }[question.kind],
      answer: answers[question.id] ?? "",
      text: answerText(question, answers[question.id]),
    })),
  };
  // The tag must end where it is meant to, whatever was typed.
  const json = JSON.stringify(response).replaceAll("<", "\\u003c");
  return `<questionnaire-response>${json}</questionnaire-response>`;
}

/** Questions and answers of such a message; null for every other text. */
export function readResponse(text: string): { question: string; answer: string }[] | null {
  const json = TAG.exec(text)?.[1];
  if (json === undefined) return null;
  try {
    const value: unknown = JSON.parse(json);
    if (!isObject(value) || !Array.isArray(value.answers)) return null;
    return value.answers.filter(isObject).map((each) => ({
      question: str(each.question),
      answer: str(each.text) || answerText({ options: [] } as unknown as Question, each.answer),
    }));
  } catch {
    return null;
  }
}
