import { useCallback, useEffect, useRef, useState } from "react";
import { improveDraft } from "./api";

interface Improving {
  isBusy: boolean;
  error: unknown;
  /** The draft as it was before, while the better one still stands in the field. */
  before: string | null;
  improve: () => Promise<void>;
  undo: () => void;
}

/** Lets the server write a draft better. Typing meanwhile ends that: what the person types counts. */
export function useImprove(
  text: string,
  setText: (text: string) => void,
  conversation: { sessionId: string; agentId: string | null },
): Improving {
  const [state, setState] = useState<{ old: string; better: string } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const asking = useRef<AbortController | null>(null);
  const end = useCallback(() => {
    asking.current?.abort();
    asking.current = null;
    setBusy(false);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text ends what was asked about the old one
  useEffect(() => end, [text, end]);
  const improve = async () => {
    const controller = new AbortController();
    asking.current = controller;
    setBusy(true);
    setError(null);
    try {
      const { optimized_input: better } = await improveDraft({ ...conversation, text }, controller.signal);
      if (controller.signal.aborted) return;
      setState({ old: text, better });
      setText(better);
    } catch (failure) {
      if (!controller.signal.aborted) setError(failure);
    }
    if (!controller.signal.aborted) setBusy(false);
  };
  const before = state !== null && state.better === text ? state.old : null;
  const undo = () => before !== null && setText(before);
  return { isBusy, error, before, improve, undo };
}
