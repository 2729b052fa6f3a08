/** The beginning of a cited passage, read with the rights one has now, and only once. */
import { get } from "../../kit/http";
import { query } from "../../kit/query";
import type { Source } from "./citations";

const LONGEST = 360;
const known = new Map<string, Promise<string | null>>();

/** Null where one may not see it, or it is gone by now. */
export function readSnippet({ docId, start, end }: Source): Promise<string | null> {
  const address = `/api/knowledge-base/doc/content/${encodeURIComponent(docId)}${query({
    start,
    end: Math.min(end, start + LONGEST),
  })}`;
  const asked =
    known.get(address) ??
    get<{ text: string; end: number }>(address).then(
      (content) => `${content.text.trim()}${end > start + LONGEST ? " …" : ""}`,
      () => null,
    );
  known.set(address, asked);
  // A refusal may be over the next time.
  void asked.then((text) => text === null && known.delete(address));
  return asked;
}
