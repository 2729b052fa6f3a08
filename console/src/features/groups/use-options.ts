import { useEffect, useState } from "react";
import { useDebounced } from "../../kit/use-debounced";
import { type Loaded, useLoad } from "../../kit/use-load";
import type { Option } from "./api";

/** As many as one answer of a directory holds (platform.md 4.8, 7.2). */
const FULL = 1000;

export interface Options {
  loaded: Loaded<Option[]>;
  /** All that was seen so far, so that somebody who was chosen keeps a name. */
  known: Option[];
  /** Looks for more in a directory that did not fit into one answer. */
  onFilter: (text: string) => void;
}

/** A directory to choose from. One that fits into an answer is asked for once; a larger one is searched as well. */
export function useOptions(load: (q: string) => Promise<Option[]>): Options {
  const [typed, setTyped] = useState("");
  const q = useDebounced(typed.trim());
  const loaded = useLoad(() => load(""), "all");
  const isCut = (loaded.data?.length ?? 0) >= FULL;
  const asked = isCut ? q : "";
  const found = useLoad(() => (asked === "" ? Promise.resolve([]) : load(asked)), asked);
  const [known, setKnown] = useState<Option[]>([]);
  useEffect(() => {
    const fresh = [...(loaded.data ?? []), ...(found.data ?? [])];
    setKnown((old) => {
      const seen = new Set(old.map((option) => option.value));
      return [...old, ...fresh.filter((option) => !seen.has(option.value))];
    });
  }, [loaded.data, found.data]);
  return { loaded, known, onFilter: setTyped };
}
