import { useCallback, useEffect, useRef, useState } from "react";
import { toBatches } from "./batches";
import { uploadDocuments } from "./documents-api";

/** Files that travel together and become one task. */
export interface Batch {
  id: number;
  files: File[];
  isReplacing: boolean;
  state: "waiting" | "sending" | "failed";
  percent: number;
  error: unknown;
}

export interface Batches {
  batches: Batch[];
  add: (files: File[], isReplacing: boolean) => void;
  /** Stops what is being sent; the files stay, so that they can be sent again. */
  stop: (id: number) => void;
  again: (id: number) => void;
  /** Takes one file out, or with null all of them. */
  leaveOut: (id: number, file: File | null) => void;
}

let newest = 0;

/** Sends batch after batch to a base. `onTaken` hears the task of each that was taken. */
export function useBatches(kdbId: string, onTaken: (taskId: string) => void): Batches {
  const [batches, setBatches] = useState<Batch[]>([]);
  const sending = useRef<{ id: number; abort: AbortController } | null>(null);
  const taken = useRef(onTaken);
  taken.current = onTaken;
  const change = useCallback(
    (id: number, part: Partial<Batch>) =>
      setBatches((all) => all.map((each) => (each.id === id ? { ...each, ...part } : each))),
    [],
  );
  const send = useCallback(
    async ({ id, files, isReplacing }: Batch) => {
      const abort = new AbortController();
      sending.current = { id, abort };
      change(id, { state: "sending", percent: 0, error: null });
      try {
        const onProgress = (percent: number) => change(id, { percent });
        const { taskId } = await uploadDocuments(kdbId, files, isReplacing, onProgress, abort.signal);
        setBatches((all) => all.filter((each) => each.id !== id));
        taken.current(taskId);
      } catch (error) {
        change(id, { state: "failed", error: abort.signal.aborted ? null : error });
      }
      sending.current = null;
    },
    [kdbId, change],
  );
  useEffect(() => {
    const next = batches.find(({ state }) => state === "waiting");
    if (next !== undefined && sending.current === null) void send(next);
  }, [batches, send]);
  // Whoever leaves the page does not want the rest of a half-sent batch.
  useEffect(() => () => sending.current?.abort.abort(), []);
  useAskBeforeLeaving(batches.some(({ state }) => state !== "failed"));
  return {
    batches,
    add: (files, isReplacing) =>
      setBatches((all) => [
        ...all,
        ...toBatches(files).map((some) => ({
          id: ++newest,
          files: some,
          isReplacing,
          state: "waiting" as const,
          percent: 0,
          error: null,
        })),
      ]),
    stop: (id) => {
      if (sending.current?.id === id) sending.current.abort.abort();
      else change(id, { state: "failed" });
    },
    again: (id) => change(id, { state: "waiting", error: null }),
    leaveOut: (id, file) =>
      setBatches((all) =>
        all
          .map((each) =>
            each.id === id
              ? { ...each, files: each.files.filter((one) => file !== null && one !== file) }
              : each,
          )
          .filter(({ files }) => files.length > 0),
      ),
  };
}

/** The browser asks before the tab is closed on files that are on their way. */
function useAskBeforeLeaving(isUnderway: boolean): void {
  useEffect(() => {
    if (!isUnderway) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isUnderway]);
}
