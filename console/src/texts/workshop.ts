/** The texts of what agents are made of; loaded with those pages, not with the chat. */
import { textsOf } from "../kit/i18n";
import type { Shape } from "./shape";
import { workshopEn } from "./workshop-en";
import { workshopZh } from "./workshop-zh";

export type WorkshopTexts = Shape<typeof workshopEn>;
export const useWorkshopTexts = textsOf(workshopEn, workshopZh);

export { wordOf } from "../kit/i18n";
