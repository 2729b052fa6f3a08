import { piecesOf } from "../../kit/code-points";
import { hrefOf } from "../../kit/route";
import { useKnowledgeTexts } from "../../texts/knowledge";
import type { Hit, Scores } from "./api";

const scoreText = (score: number): string => score.toFixed(3);

/** A passage that was found: where it stands, what of it fits, and why it stands here.
 *  `elsewhere`: what the other base is called that it is from. */
export function HitView({ hit, elsewhere }: { hit: Hit; elsewhere?: string }) {
  const k = useKnowledgeTexts();
  const place = [
    elsewhere,
    hit.path !== hit.title && hit.path,
    hit.page != null && k.pageNumber(hit.page),
    (hit.heading_path ?? []).join(" › "),
  ];
  const others = Array.isArray(hit.metadata.also_in) ? hit.metadata.also_in.length : 0;
  return (
    <li className="hit">
      <p className="hit-head">
        <a href={hrefOf({ page: "document", docId: hit.doc_id, start: hit.start, end: hit.end })}>
          {hit.title}
        </a>
        <span className="badge">{k.scoreShort(scoreText(hit.score))}</span>
      </p>
      {place.some(Boolean) && <p className="hint">{place.filter(Boolean).join(" · ")}</p>}
      <p className="hit-text">
        {piecesOf(hit.doc_content, hit.highlights ?? []).map((piece) =>
          piece.isMarked ? <mark key={piece.start}>{piece.text}</mark> : piece.text,
        )}
      </p>
      {others > 0 && <p className="hint">{k.sameTextIn(others)}</p>}
      {hit.scores && <Why scores={hit.scores} />}
    </li>
  );
}

function Why({ scores }: { scores: Scores }) {
  const k = useKnowledgeTexts();
  const rows = [
    { name: k.by_lexical, score: scores.lexical, rank: scores.lexical_rank },
    { name: k.by_vector, score: scores.vector, rank: scores.vector_rank },
    { name: k.by_fused, score: scores.fused, rank: null },
    // A hit that was not sorted again was not left out by that.
    ...(scores.rerank == null ? [] : [{ name: k.by_rerank, score: scores.rerank, rank: null }]),
  ];
  return (
    <details className="more-fields">
      <summary>{k.howFound}</summary>
      <dl className="facts">
        {rows.map(({ name, score, rank }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {score == null ? k.notFoundBy : scoreText(score)}
              {rank != null && ` (${k.rank(rank)})`}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
