/** Questions that stand in the text of an answer instead of a call (S9.12). */
import { readYaml } from "./plain-yaml";
import { type Questionnaire, readQuestionnaire } from "./questionnaire";
import { isObject } from "./tool-facts";

const BLOCK =
  /<(sage-)?questionnaire>([\s\S]*?)<\/(?:sage-)?questionnaire>|^```questionnaire[ \t]*\n([\s\S]*?)^```[ \t]*$/m;
const BEGINNING = /<(?:sage-)?questionnaire>|^```questionnaire/m;

export interface WithQuestions {
  before: string;
  questionnaire: Questionnaire;
  after: string;
}

/** The questions of an answer with the text around them; null where there are none that can be read. */
export function splitQuestions(text: string, messageId: string): WithQuestions | null {
  // Asked of every answer at every redraw, so the cheap question comes first.
  const match = text.includes("questionnaire") ? BLOCK.exec(text) : null;
  if (match === null) return null;
  const values = valuesOf(match[2] ?? match[3] ?? "");
  if (values === null) return null;
  const questionnaire = readQuestionnaire(values, messageId);
  if (questionnaire.questions.length === 0) return null;
  return {
    before: text.slice(0, match.index).trimEnd(),
    questionnaire,
    after: text.slice(match.index + match[0].length).trimStart(),
  };
}

/** What of a growing answer can be shown: not the code of questions that are still being written. */
export function withoutUnfinished(text: string): string {
  const start = BEGINNING.exec(text);
  return start === null ? text : text.slice(0, start.index).trimEnd();
}

function valuesOf(source: string): Record<string, unknown> | null {
  for (const read of [JSON.parse, readYaml]) {
    try {
      const values: unknown = read(source);
      if (isObject(values)) return values;
    } catch {
      // Not written like this.
    }
  }
  return null;
}
