import { type WorkshopTexts, wordOf } from "../../texts/workshop";
import type { Mark } from "../../ui/Rows";
import type { Server } from "./api";

export const addressOf = (server: Server): string =>
  (server.protocol === "streamable_http" ? server.streamable_http_url : server.sse_url) ?? "";

export function stateMark(w: WorkshopTexts, { state }: Server): Mark {
  const kind = state === "ready" || state === "disabled" ? "usual" : state === "frozen" ? "bad" : "warn";
  return { text: wordOf(w, "state", state), kind };
}
