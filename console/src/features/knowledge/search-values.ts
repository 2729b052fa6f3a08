/** What the form for trying the search holds, and the question it makes. */
import { toLines } from "../../kit/lines";
import type { BaseInfo, Question } from "./api";
import { isInUse } from "./base-facts";
import type { RetrievalValues } from "./RetrievalFields";

export interface SearchValues extends RetrievalValues {
  query: string;
  otherBases: string[];
  types: string;
  names: string;
  isReranked: boolean;
  isJoined: boolean;
}

export function startValues(base: BaseInfo): SearchValues {
  const { retrieval } = base.kdbSetting;
  return {
    query: "",
    topK: String(retrieval?.top_k ?? 10),
    mode: retrieval?.mode ?? "hybrid",
    minScore: String(retrieval?.min_score ?? 0),
    otherBases: [],
    types: "",
    names: "",
    isReranked: isInUse(base.index.reranker),
    isJoined: true,
  };
}

export function toQuestion(kdbId: string, values: SearchValues): Question {
  const types = values.types.split(/[\s,，;；]+/).filter(Boolean);
  const names = toLines(values.names);
  const filters = {
    ...(types.length > 0 && { types }),
    ...(names.length > 0 && { doc_names: names }),
  };
  return {
    ...(values.otherBases.length > 0 ? { kdb_ids: [kdbId, ...values.otherBases] } : { kdb_id: kdbId }),
    query: values.query,
    top_k: Number(values.topK),
    mode: values.mode,
    min_score: Number(values.minScore),
    rerank: values.isReranked,
    merge: values.isJoined,
    ...(Object.keys(filters).length > 0 && { filters }),
    highlight: true,
    explain: true,
  };
}
