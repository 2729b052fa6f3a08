/** What the form of a base holds, and its way from and to the wire. */
import type { BaseDraft, BaseInfo, BaseSetting, Embedding, Mode, Reranker } from "./api";

export interface BaseValues {
  name: string;
  type: string;
  intro: string;
  language: string;
  embeddingMode: Embedding["mode"];
  embeddingProvider: string;
  embeddingModel: string;
  dims: string;
  rerankerMode: Reranker["mode"];
  rerankerProvider: string;
  rerankerModel: string;
  chunkSize: string;
  chunkOverlap: string;
  topK: string;
  mode: Mode;
  minScore: string;
}

export const CHUNK = { size: 800, overlap: 100 };

export function toValues(base: BaseInfo | null, language: string): BaseValues {
  const { kdbAttach, embedding, reranker, chunk, retrieval } = base?.kdbSetting ?? {};
  return {
    name: base?.name ?? "",
    type: base?.type ?? "document",
    intro: base?.intro ?? "",
    language: kdbAttach?.language ?? language,
    embeddingMode: embedding?.mode ?? "server",
    embeddingProvider: embedding?.provider_id ?? "",
    embeddingModel: embedding?.model ?? "",
    dims: textOf(embedding?.dims),
    rerankerMode: reranker?.mode ?? "server",
    rerankerProvider: reranker?.provider_id ?? "",
    rerankerModel: reranker?.model ?? "",
    chunkSize: String(chunk?.target_chars ?? CHUNK.size),
    chunkOverlap: String(chunk?.overlap_chars ?? CHUNK.overlap),
    topK: String(retrieval?.top_k ?? 10),
    mode: retrieval?.mode ?? "hybrid",
    minScore: String(retrieval?.min_score ?? 0),
  };
}

const textOf = (value: number | null | undefined): string => (value == null ? "" : String(value));

/**
 * What has to be sent for the values to hold; of the settings only the parts that are not as they were, so that nothing
 * is tested or built anew that nobody has touched.
 */
export function toDraft(values: BaseValues, base: BaseInfo | null, language: string): BaseDraft {
  const before = toValues(base, language);
  const isNew = (...keys: (keyof BaseValues)[]) => keys.some((key) => values[key] !== before[key]);
  const setting: BaseSetting = {};
  if (isNew("embeddingMode", "embeddingProvider", "embeddingModel", "dims"))
    setting.embedding = embeddingOf(values);
  if (isNew("rerankerMode", "rerankerProvider", "rerankerModel")) setting.reranker = rerankerOf(values);
  if (isNew("chunkSize", "chunkOverlap"))
    setting.chunk = { target_chars: Number(values.chunkSize), overlap_chars: Number(values.chunkOverlap) };
  if (isNew("topK", "mode", "minScore"))
    setting.retrieval = {
      ...base?.kdbSetting.retrieval,
      top_k: Number(values.topK),
      mode: values.mode,
      min_score: Number(values.minScore),
    };
  if (base !== null && isNew("language"))
    setting.kdbAttach = { ...base.kdbSetting.kdbAttach, language: values.language };
  const settings = Object.keys(setting).length > 0 ? { kdb_setting: setting } : {};
  const draft = { name: values.name.trim(), intro: values.intro.trim(), ...settings };
  return base === null ? { ...draft, type: values.type, language: values.language } : draft;
}

function embeddingOf(values: BaseValues): Embedding {
  if (values.embeddingMode !== "provider") return { mode: values.embeddingMode };
  return {
    mode: "provider",
    provider_id: values.embeddingProvider,
    model: values.embeddingModel.trim(),
    ...(values.dims !== "" && { dims: Number(values.dims) }),
  };
}

function rerankerOf(values: BaseValues): Reranker {
  if (values.rerankerMode !== "provider") return { mode: values.rerankerMode };
  return { mode: "provider", provider_id: values.rerankerProvider, model: values.rerankerModel.trim() };
}
