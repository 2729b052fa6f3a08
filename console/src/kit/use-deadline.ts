import { useEffect, useRef, useState } from "react";
import { serverNow } from "./server-clock";

/**
 * Whole seconds until a moment of the server's clock (epoch milliseconds), or null without one. `onPassed` is called
 * once when it is reached, or at once when it is past.
 */
export function useDeadline(moment: number | null, onPassed: () => void): number | null {
  const [left, setLeft] = useState(() => (moment === null ? null : secondsUntil(moment)));
  const passed = useRef(onPassed);
  passed.current = onPassed;
  useEffect(() => {
    if (moment === null) {
      setLeft(null);
      return;
    }
    const timer = setInterval(tick, 250);
    function tick() {
      const seconds = secondsUntil(moment as number);
      setLeft(seconds);
      if (seconds > 0) return;
      clearInterval(timer);
      passed.current();
    }
    tick();
    return () => clearInterval(timer);
  }, [moment]);
  return left;
}

const secondsUntil = (moment: number): number => Math.max(0, Math.ceil((moment - serverNow()) / 1000));

/** `75` is `1:15`. */
export function clockText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** Epoch milliseconds of a moment on the wire: ISO text or epoch seconds; null when there is none. */
export function momentOf(value: string | number | null | undefined): number | null {
  if (typeof value === "number") return value * 1000;
  const moment = Date.parse(value ?? "");
  return Number.isFinite(moment) ? moment : null;
}
