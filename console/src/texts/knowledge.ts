/** The texts of knowledge bases; loaded with those pages. */
import { textsOf } from "../kit/i18n";
import { knowledgeEn } from "./knowledge-en";
import { knowledgeZh } from "./knowledge-zh";
import type { Shape } from "./shape";

export type KnowledgeTexts = Shape<typeof knowledgeEn>;
export const useKnowledgeTexts = textsOf(knowledgeEn, knowledgeZh);
