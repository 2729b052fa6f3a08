import { useEffect } from "react";

/**
 * Asks before unsaved work is left: the browser when the tab closes, this page when a link leads elsewhere in it.
 * The address has changed by then; "no" puts the old one back before anybody else hears of the new one.
 */
export function useUnsaved(isUnsaved: boolean, question: string): void {
  useEffect(() => {
    if (!isUnsaved) return;
    const here = location.hash;
    const askBrowser = (event: BeforeUnloadEvent) => event.preventDefault();
    const ask = (event: HashChangeEvent) => {
      if (location.hash === here || confirm(question)) return;
      event.stopImmediatePropagation();
      history.pushState(null, "", here);
    };
    addEventListener("beforeunload", askBrowser);
    addEventListener("hashchange", ask, { capture: true });
    return () => {
      removeEventListener("beforeunload", askBrowser);
      removeEventListener("hashchange", ask, { capture: true });
    };
  }, [isUnsaved, question]);
}
