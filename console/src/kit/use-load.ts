import { useCallback, useEffect, useRef, useState } from "react";

export interface Loaded<T> {
  /** Null until the first answer; the last good answer while a newer one is on its way. */
  data: T | null;
  error: unknown;
  reload: () => Promise<void>;
}

/**
 * What `load` answers, asked again whenever `key` changes. An answer that was overtaken by a later question is
 * dropped. `reload` never throws: a failure stands in `error`.
 */
export function useLoad<T>(load: () => Promise<T>, key: string): Loaded<T> {
  const [state, setState] = useState<{ data: T | null; error: unknown }>({ data: null, error: null });
  const question = useRef(0);
  const current = useRef(load);
  current.current = load;
  const reload = useCallback(async () => {
    question.current += 1;
    const mine = question.current;
    try {
      const data = await current.current();
      if (mine === question.current) setState({ data, error: null });
    } catch (error) {
      if (mine === question.current) setState((old) => ({ ...old, error }));
    }
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when the answer is another one
  useEffect(() => {
    void reload();
    return () => {
      question.current += 1;
    };
  }, [reload, key]);
  return { ...state, reload };
}
