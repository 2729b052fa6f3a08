import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { piecesOf, type Span } from "../../kit/code-points";
import { ApiError } from "../../kit/http";
import { currentLocaleTag } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Badge } from "../../ui/Rows";
import { TextField } from "../../ui/TextField";
import { sizeText } from "../workspaces/folders";
import { getBase } from "./api";
import { type Block, blocksOf, WINDOW, windowFor } from "./content-blocks";
import { hasText, isUnderway, refusalText, remarksOf, stateText } from "./doc-facts";
import { type Content, type DocInfo, downloadUrl, getContent, getDocument } from "./documents-api";

interface DocumentPageProps {
  docId: string;
  start: number | null;
  end: number | null;
}

const READING_PAUSE_MS = 2_000;

/** What was read out of a document; a passage of the address is marked and in sight. */
export function DocumentPage({ docId, start, end }: DocumentPageProps) {
  const k = useKnowledgeTexts();
  // The answer for a document that is gone is null, which is not the same as no answer.
  const asked = useLoad(async () => ({ info: await getDocument(docId) }), docId);
  const info = asked.data?.info ?? null;
  useRepeated(asked.reload, info !== null && isUnderway(info) ? READING_PAUSE_MS : null);
  return (
    <div className="page">
      <BackLink kdbId={info?.kdb_id ?? null} />
      <LoadState of={asked} />
      {info === null && <h1 className="visually-hidden">{k.documents}</h1>}
      {asked.data !== null && info === null && <Notice kind="warning">{k.documentMissing}</Notice>}
      {info !== null && <DocumentHead info={info} />}
      {info !== null && hasText(info) && (
        <DocumentText
          // A text that was read anew has other places.
          key={[start, end, info.update_time].join()}
          info={info}
          span={start === null ? null : [start, Math.max(end ?? start, start)]}
        />
      )}
    </div>
  );
}

function BackLink({ kdbId }: { kdbId: string | null }) {
  const k = useKnowledgeTexts();
  const base = useLoad(() => (kdbId === null ? Promise.resolve(null) : getBase(kdbId)), kdbId ?? "");
  return (
    <a className="back-link" href={hrefOf({ page: "knowledge", kdbId })}>
      ← {base.data?.name ?? k.allBases}
    </a>
  );
}

function DocumentHead({ info }: { info: DocInfo }) {
  const k = useKnowledgeTexts();
  const facts = [
    sizeText(info.size),
    info.pages !== null && info.pages > 0 && k.pageCount(info.pages),
    info.passages > 0 && k.passageCount(info.passages),
    momentText(info.createTime, currentLocaleTag()),
  ];
  const refusal = refusalText(info, k);
  return (
    <>
      <header className="page-head">
        <div>
          <h1 className="breaking">
            {info.dataName}
            {info.status !== 2 && (
              <Badge kind={info.status === 3 ? "bad" : "usual"}>{stateText(info, k)}</Badge>
            )}
          </h1>
          <p className="muted">{facts.filter(Boolean).join(" · ")}</p>
        </div>
        <div className="page-actions">
          <a className="button" href={downloadUrl(info.id)} download>
            <Icon name="save" size={16} />
            {k.original}
          </a>
        </div>
      </header>
      {refusal !== null && <Notice kind="warning">{refusal}</Notice>}
      {remarksOf(info, k).map((remark) => (
        <p className="hint" key={remark}>
          {remark}
        </p>
      ))}
    </>
  );
}

interface DocumentTextProps {
  info: DocInfo;
  span: Span | null;
}

function DocumentText({ info, span }: DocumentTextProps) {
  const k = useKnowledgeTexts();
  const [from, setFrom] = useState(() => windowFor(span?.[0] ?? null));
  const [target, setTarget] = useState<number | null>(span?.[0] ?? null);
  const content = useLoad(() => getContent(info.id, from, from + WINDOW), String(from));
  const { data } = content;
  const text = useRef<HTMLElement>(null);
  useShowTarget(text, data, target);
  const jump = (place: number) => {
    setTarget(place);
    const isShown = data !== null && place >= data.start && place < data.end;
    if (!isShown) setFrom(windowFor(place));
  };
  const turn = (place: number) => {
    setTarget(place);
    setFrom(Math.max(0, place));
  };
  if (content.error instanceof ApiError && content.error.slug === "doc_not_found")
    return <Notice kind="warning">{k.documentMissing}</Notice>;
  return (
    <>
      <LoadState of={content} />
      {data !== null && data.total_chars === 0 && <p className="muted">{k.noText}</p>}
      {data !== null && data.total_chars > 0 && (
        <>
          <Ways content={data} onJump={jump} />
          <Turning content={data} onTurn={turn} />
          <article className="doc-content" ref={text} aria-label={k.textOf(info.dataName)}>
            <Blocks content={data} span={span} />
          </article>
          <Turning content={data} onTurn={turn} />
        </>
      )}
    </>
  );
}

/** Brings the place one wanted to see into sight, and the keyboard with it. */
function useShowTarget(
  text: React.RefObject<HTMLElement | null>,
  content: Content | null,
  target: number | null,
): void {
  useEffect(() => {
    if (content === null || target === null) return;
    const places = [...(text.current?.querySelectorAll<HTMLElement>("[data-at]") ?? [])];
    const reached = places.filter(({ dataset }) => Number(dataset.at) <= target);
    const place = places.find(({ dataset }) => Number(dataset.at) === target) ?? reached.at(-1);
    place?.scrollIntoView?.({ block: "center" });
    place?.focus({ preventScroll: true });
  }, [text, content, target]);
}

/** Headings and pages, to go to. */
function Ways({ content, onJump }: { content: Content; onJump: (place: number) => void }) {
  const k = useKnowledgeTexts();
  const { headings, pages } = content;
  const [page, setPage] = useState("");
  const last = pages.at(-1)?.page ?? 0;
  const go = (event: FormEvent) => {
    event.preventDefault();
    const wanted = pages.find((each) => each.page >= Number(page));
    if (wanted !== undefined) onJump(wanted.start);
  };
  return (
    <>
      {headings.length > 0 && (
        <details className="more-fields">
          <summary>
            {k.outline} ({headings.length.toLocaleString()})
          </summary>
          <nav className="outline" aria-label={k.outline}>
            {headings.slice(0, MAX_HEADINGS).map((heading) => (
              <button
                key={heading.start}
                type="button"
                className={`level-${Math.min(Math.max(heading.level, 1), 4)}`}
                onClick={() => onJump(heading.start)}
              >
                {heading.title}
              </button>
            ))}
          </nav>
        </details>
      )}
      {pages.length > 1 && (
        <form className="field-with-action go-to-page" onSubmit={go}>
          <TextField
            label={k.goToPage}
            type="number"
            required
            min={pages[0]?.page ?? 1}
            max={last}
            placeholder={`${pages[0]?.page ?? 1}–${last}`}
            value={page}
            onChange={setPage}
          />
          <button type="submit" className="button">
            {k.go}
          </button>
        </form>
      )}
    </>
  );
}

const MAX_HEADINGS = 1_000;

/** Which part of a long text is shown, and the way to the others. */
function Turning({ content, onTurn }: { content: Content; onTurn: (place: number) => void }) {
  const k = useKnowledgeTexts();
  const { start, end, total_chars } = content;
  if (start === 0 && end >= total_chars) return null;
  return (
    <div className="turning">
      <button
        type="button"
        className="button small"
        disabled={start === 0}
        onClick={() => onTurn(start - WINDOW)}
      >
        {k.earlierText}
      </button>
      <span className="hint">
        {k.partOf((start + 1).toLocaleString(), end.toLocaleString(), total_chars.toLocaleString())}
      </span>
      <button
        type="button"
        className="button small"
        disabled={end >= total_chars}
        onClick={() => onTurn(end)}
      >
        {k.laterText}
      </button>
    </div>
  );
}

function Blocks({ content, span }: { content: Content; span: Span | null }) {
  const blocks = useMemo(() => blocksOf(content), [content]);
  return blocks.map((block) => <BlockView key={`${block.kind}${block.start}`} block={block} span={span} />);
}

function BlockView({ block, span }: { block: Block; span: Span | null }) {
  const k = useKnowledgeTexts();
  if (block.kind === "page")
    return (
      <p className="page-mark" data-at={block.start} tabIndex={-1}>
        {k.pageNumber(block.page ?? 0)}
      </p>
    );
  const pieces = piecesOf(block.text, span === null ? [] : [span], block.textStart).map((piece) =>
    piece.isMarked ? (
      <mark key={piece.start} data-at={piece.start} tabIndex={-1}>
        {piece.text}
      </mark>
    ) : (
      piece.text
    ),
  );
  if (block.kind === "text")
    return (
      <p className="doc-text" data-at={block.start} tabIndex={-1}>
        {pieces}
      </p>
    );
  const Heading = `h${block.level ?? 2}` as "h2";
  return (
    <Heading data-at={block.start} tabIndex={-1}>
      {pieces}
    </Heading>
  );
}
