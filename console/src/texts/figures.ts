/** The texts of usage and runs; loaded with those pages. */
import { textsOf } from "../kit/i18n";
import { figuresEn } from "./figures-en";
import { figuresZh } from "./figures-zh";

export const useFigureTexts = textsOf(figuresEn, figuresZh);
