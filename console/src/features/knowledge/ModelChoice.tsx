import { useLoad } from "../../kit/use-load";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { LoadState } from "../../ui/LoadState";
import { SelectField, TextField } from "../../ui/TextField";
import { listProviders, type Provider } from "../llm_providers/api";
import type { Embedding, Reranker } from "./api";
import type { BaseValues } from "./base-values";

interface ModelChoiceProps {
  values: BaseValues;
  onChange: (part: Partial<BaseValues>) => void;
}

const EMBEDDINGS = ["server", "embedded", "none", "provider"] as const satisfies Embedding["mode"][];
const RERANKERS = ["server", "none", "provider"] as const satisfies Reranker["mode"][];

/** Which models make a base searchable by meaning, and sort what was found. */
export function ModelChoice({ values, onChange }: ModelChoiceProps) {
  const k = useKnowledgeTexts();
  const needsServices = values.embeddingMode === "provider" || values.rerankerMode === "provider";
  const services = useLoad(
    () => (needsServices ? listProviders() : Promise.resolve<Provider[]>([])),
    String(needsServices),
  );
  return (
    <>
      {needsServices && <LoadState of={services} />}
      <SelectField
        label={k.embedding}
        value={values.embeddingMode}
        options={EMBEDDINGS.map((mode) => ({ value: mode, label: k[`embedding_${mode}`] }))}
        onChange={(mode) => onChange({ embeddingMode: mode as Embedding["mode"] })}
      />
      {values.embeddingMode === "provider" && (
        <div className="field-row">
          <ServiceField
            services={services.data ?? []}
            value={values.embeddingProvider}
            onChange={(embeddingProvider) => onChange({ embeddingProvider })}
          />
          <TextField
            label={k.embeddingModel}
            hint={k.embeddingModelHint}
            required
            maxLength={200}
            value={values.embeddingModel}
            onChange={(embeddingModel) => onChange({ embeddingModel })}
          />
          <TextField
            label={k.dims}
            hint={k.dimsHint}
            type="number"
            min={32}
            max={4096}
            value={values.dims}
            onChange={(dims) => onChange({ dims })}
          />
        </div>
      )}
      <SelectField
        label={k.reranker}
        value={values.rerankerMode}
        options={RERANKERS.map((mode) => ({ value: mode, label: k[`reranker_${mode}`] }))}
        onChange={(mode) => onChange({ rerankerMode: mode as Reranker["mode"] })}
      />
      {values.rerankerMode === "provider" && (
        <div className="field-row">
          <ServiceField
            services={services.data ?? []}
            value={values.rerankerProvider}
            onChange={(rerankerProvider) => onChange({ rerankerProvider })}
          />
          <TextField
            label={k.rerankerModel}
            required
            maxLength={200}
            value={values.rerankerModel}
            onChange={(rerankerModel) => onChange({ rerankerModel })}
          />
        </div>
      )}
    </>
  );
}

interface ServiceFieldProps {
  services: Provider[];
  value: string;
  onChange: (id: string) => void;
}

function ServiceField({ services, value, onChange }: ServiceFieldProps) {
  const k = useKnowledgeTexts();
  const isLost = value !== "" && !services.some(({ id }) => id === value);
  return (
    <SelectField
      label={k.service}
      required
      value={value}
      options={[
        { value: "", label: k.chooseService },
        ...services.map(({ id, name }) => ({ value: id, label: name })),
        ...(isLost ? [{ value, label: value }] : []),
      ]}
      onChange={onChange}
    />
  );
}
