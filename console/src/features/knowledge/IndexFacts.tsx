import { wordOf } from "../../kit/i18n";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { useWorkshopTexts } from "../../texts/workshop";
import { Notice } from "../../ui/Notice";
import { sizeText } from "../workspaces/folders";
import type { BaseInfo } from "./api";
import { isBuilding, isInUse, modelText, percentOf } from "./base-facts";

/** How much there is, and how far the index is. */
export function IndexFacts({ base }: { base: BaseInfo }) {
  const k = useKnowledgeTexts();
  const w = useWorkshopTexts();
  const { counts, index } = base;
  const left = counts.pending + counts.processing;
  const embedding = modelText(index.embedding, (mode) => wordOf(k, "embedding", mode));
  const isOff = !isInUse(index.embedding);
  const facts: [name: string, value: string][] = [
    [k.documents, base.docNum.toLocaleString()],
    [k.passages, base.passages.toLocaleString()],
    [w.size, sizeText(base.size_bytes)],
    [k.indexVersion, String(index.version)],
    [
      k.meaning,
      isOff
        ? k.vectors_none
        : `${embedding}, ${index.vectors === "none" ? k.vectors_waiting : k[`vectors_${index.vectors}`]}`,
    ],
  ];
  if (isInUse(index.reranker))
    facts.push([k.sorting, modelText(index.reranker, (mode) => wordOf(k, "reranker", mode))]);
  return (
    <>
      <dl className="facts base-facts">
        {facts.map(([name, value]) => (
          <div key={name} className={name === k.meaning ? "span-two" : undefined}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {left > 0 && (
        <Meter text={k.stillReading(left, base.docNum)} value={base.docNum - left} max={base.docNum} />
      )}
      {isBuilding(index) && <Meter text={k.indexBuilding(index.progress)} value={index.progress} max={100} />}
      {index.error && <Notice kind="warning">{k.indexFailed(index.error.message)}</Notice>}
      {index.warning && (
        <Notice kind="warning">
          {k.recallFell(percentOf(index.warning.recall), percentOf(index.warning.previous))}
        </Notice>
      )}
    </>
  );
}

export function Meter({ text, value, max }: { text: string; value: number; max: number }) {
  return (
    <div className="upload">
      <span>{text}</span>
      <progress value={value} max={max} aria-label={text} />
    </div>
  );
}
