import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const NEAR_PX = 60;

/** Keeps a scrolling box at its end while it grows, until the person scrolls up. */
export function useStickToBottom(box: RefObject<HTMLElement | null>, grows: unknown) {
  const isStuck = useRef(true);
  const [isAway, setAway] = useState(false);

  const toBottom = useCallback(() => {
    const element = box.current;
    if (element === null) return;
    isStuck.current = true;
    setAway(false);
    element.scrollTop = element.scrollHeight;
  }, [box]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const onScroll = () => {
      const isNear = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      isStuck.current = isNear;
      setAway(!isNear);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => element.removeEventListener("scroll", onScroll);
  }, [box]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: runs whenever the content grows
  useLayoutEffect(() => {
    if (isStuck.current) toBottom();
  }, [grows, toBottom]);

  return { isAway, toBottom };
}
