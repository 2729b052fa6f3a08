import { useEffect, useRef } from "react";

/**
 * Does something again and again while the page is looked at, each time after the one before is over. Null as the pause
 * means: not now. What is done must not throw.
 */
export function useRepeated(run: () => Promise<void>, pauseMs: number | null): void {
  const current = useRef(run);
  current.current = run;
  useEffect(() => {
    if (pauseMs === null) return;
    let isOver = false;
    let timer = setTimeout(turn, pauseMs);
    async function turn() {
      if (!document.hidden) await current.current();
      if (!isOver) timer = setTimeout(turn, pauseMs ?? 0);
    }
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [pauseMs]);
}
