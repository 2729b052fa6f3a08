import { type ReactNode, useContext, useEffect, useId, useRef, useState } from "react";
import { hrefOf } from "../../kit/route";
import { useRuntimeTexts } from "../../texts/runtime";
import { type Source, SourcesContext } from "./citations";
import { readSnippet } from "./snippets";

/** A number in an answer: a way to the passage where it is known, plain text where nobody gave it. */
export function CitationMark({ children }: { children?: ReactNode }) {
  const n = Number(String(children));
  const source = useContext(SourcesContext).get(n);
  return source === undefined ? `[${String(children)}]` : <Mark source={source} />;
}

const PAUSE_MS = 120;

function Mark({ source }: { source: Source }) {
  const r = useRuntimeTexts();
  const [side, setSide] = useState<string | null>(null);
  const root = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const cardId = useId();
  useEffect(() => () => clearTimeout(timer.current), []);
  const open = () => setSide(sideFor(root.current));
  const openSoon = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(open, PAUSE_MS);
  };
  const close = () => {
    clearTimeout(timer.current);
    setSide(null);
  };
  const { n, docId, start, end, page, title, isDeleted } = source;
  const place = [title, page !== null && r.citedPage(page), isDeleted && r.citedDeleted];
  const shared = {
    className: isDeleted ? "citation gone" : "citation",
    "aria-label": `[${n}] ${place.filter(Boolean).join(", ")}`,
    "aria-describedby": side === null ? undefined : cardId,
    onFocus: open,
    onBlur: close,
    onKeyDown: (event: React.KeyboardEvent) => {
      if (event.key === "Escape" && side !== null) {
        event.stopPropagation();
        close();
      }
    },
  };
  return (
    <span className="citation-root" ref={root} onPointerEnter={openSoon} onPointerLeave={close}>
      {isDeleted ? (
        <button type="button" {...shared} onClick={open}>
          [{n}]
        </button>
      ) : (
        <a {...shared} href={hrefOf({ page: "document", docId, start, end })}>
          [{n}]
        </a>
      )}
      {side !== null && <Card id={cardId} source={source} side={side} />}
    </span>
  );
}

/** Where there is room for the card: away from the nearer edges of what is seen. */
function sideFor(mark: HTMLElement | null): string {
  const box = mark?.getBoundingClientRect();
  if (box === undefined) return "";
  const column = mark?.closest(".messages")?.getBoundingClientRect();
  const middle = column === undefined ? innerWidth / 2 : column.left + column.width / 2;
  return [box.left > middle && "end", box.bottom > innerHeight * 0.55 && "above"].filter(Boolean).join(" ");
}

function Card({ id, source, side }: { id: string; source: Source; side: string }) {
  const r = useRuntimeTexts();
  const { title, page, isDeleted } = source;
  const [snippet, setSnippet] = useState<string | null | undefined>(undefined);
  useEffect(() => {
    let isCurrent = true;
    if (!source.isDeleted) void readSnippet(source).then((text) => isCurrent && setSnippet(text));
    return () => {
      isCurrent = false;
    };
  }, [source]);
  return (
    <span className={`citation-card ${side}`} role="tooltip" id={id} aria-live="off">
      <strong>{title}</strong>
      {page !== null && <span className="hint">{r.citedPage(page)}</span>}
      {isDeleted && <span>{r.citedDeleted}</span>}
      {snippet === null && <span>{r.citedClosed}</span>}
      {snippet && <span className="citation-text">{snippet}</span>}
    </span>
  );
}
