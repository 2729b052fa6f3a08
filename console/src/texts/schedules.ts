/** The texts of scheduled tasks; loaded with those pages. */
import { textsOf } from "../kit/i18n";
import { schedulesEn } from "./schedules-en";
import { schedulesZh } from "./schedules-zh";
import type { Shape } from "./shape";

export type ScheduleTexts = Shape<typeof schedulesEn>;
export const useScheduleTexts = textsOf(schedulesEn, schedulesZh);
