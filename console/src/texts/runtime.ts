/** The texts of agents at work: questions, approvals, tools, files. They travel with the chat. */
import { textsOf } from "../kit/i18n";
import { runtimeEn } from "./runtime-en";
import { runtimeZh } from "./runtime-zh";
import type { Shape } from "./shape";

export type RuntimeTexts = Shape<typeof runtimeEn>;
export const useRuntimeTexts = textsOf(runtimeEn, runtimeZh);
