import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocale, useTexts, wordOf } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { AreaField } from "../../ui/AreaField";
import { FormSection, unfoldInvalid } from "../../ui/FormSection";
import { Notice } from "../../ui/Notice";
import { SelectField, TextField } from "../../ui/TextField";
import { addBase, type BaseInfo, updateBase } from "./api";
import { isQa, KINDS } from "./base-facts";
import { type BaseValues, toDraft, toValues } from "./base-values";
import { ModelChoice } from "./ModelChoice";
import { RetrievalFields } from "./RetrievalFields";

interface BaseFormProps {
  /** Null for a new one. */
  base: BaseInfo | null;
  onSaved?: () => Promise<void>;
}

const LANGUAGES = ["zh-cn", "en-us"];

/** A new base, or the settings of one. What was typed stays when the server refuses it. */
export function BaseForm({ base, onSaved }: BaseFormProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const [language] = useState(() => (currentLocale() === "zh" ? "zh-cn" : "en-us"));
  const [values, setValues] = useState(() => toValues(base, language));
  const [error, setError] = useState<unknown>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setSaid(null);
    try {
      const draft = toDraft(values, base, language);
      if (base === null) {
        const { kdb_id } = await addBase(draft);
        goTo({ page: "knowledge", kdbId: kdb_id }, { replace: true });
        return;
      }
      const { reindex_task_id } = await updateBase(base.kdbId, draft);
      await onSaved?.();
      setSaid(reindex_task_id ? k.savedReindexing : k.savedBase);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <form className={base === null ? "page" : "stack"} onSubmit={save} onInvalidCapture={unfoldInvalid}>
      {base === null ? <h1>{k.newBase}</h1> : <h2 className="visually-hidden">{k.editBase}</h2>}
      <BaseFields
        values={values}
        isNew={base === null}
        onChange={(part) => setValues((old) => ({ ...old, ...part }))}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {said !== null && <Notice kind="success">{said}</Notice>}
      <div className="form-actions">
        {base === null && (
          <button type="button" className="button" onClick={() => goTo({ page: "knowledge", kdbId: null })}>
            {t.cancel}
          </button>
        )}
        <button type="submit" className="button primary" disabled={isBusy}>
          {base === null ? k.createBase : t.save}
        </button>
      </div>
    </form>
  );
}

interface FieldsProps {
  values: BaseValues;
  isNew: boolean;
  onChange: (part: Partial<BaseValues>) => void;
}

function BaseFields({ values, isNew, onChange }: FieldsProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const languages = LANGUAGES.includes(values.language) ? LANGUAGES : [...LANGUAGES, values.language];
  return (
    <>
      <TextField
        label={t.name}
        required
        maxLength={128}
        value={values.name}
        onChange={(name) => onChange({ name })}
      />
      <div className="field-row">
        {isNew && (
          <SelectField
            label={k.kind}
            hint={isQa(values.type) ? k.kindHint_qa : k.kindHint_document}
            value={values.type}
            options={KINDS.map((kind) => ({ value: kind, label: k[`kind_${kind}`] }))}
            onChange={(type) => onChange({ type })}
          />
        )}
        <SelectField
          label={k.language}
          value={values.language}
          options={languages.map((each) => ({
            value: each,
            label: wordOf(k, "language", each.split("-")[0] ?? each),
          }))}
          onChange={(language) => onChange({ language })}
        />
      </div>
      <AreaField
        label={k.intro}
        hint={k.introHint}
        maxLength={1024}
        value={values.intro}
        onChange={(intro) => onChange({ intro })}
      />
      <div>
        <FormSection title={k.advanced} state={k.advancedState}>
          {!isNew && <p className="hint">{k.reindexHint}</p>}
          <ModelChoice values={values} onChange={onChange} />
          {!isQa(values.type) && <ChunkFields values={values} isNew={isNew} onChange={onChange} />}
        </FormSection>
        <FormSection title={k.defaultsOfSearch}>
          <RetrievalFields values={values} onChange={onChange} />
        </FormSection>
      </div>
    </>
  );
}

/** A row of a table is one passage whatever its length, so these sizes are for documents. */
function ChunkFields({ values, onChange }: FieldsProps) {
  const k = useKnowledgeTexts();
  return (
    <div className="field-row">
      <TextField
        label={k.chunkSize}
        type="number"
        required
        min={200}
        max={4000}
        value={values.chunkSize}
        onChange={(chunkSize) => onChange({ chunkSize })}
      />
      <TextField
        label={k.chunkOverlap}
        type="number"
        required
        min={0}
        max={500}
        value={values.chunkOverlap}
        onChange={(chunkOverlap) => onChange({ chunkOverlap })}
      />
    </div>
  );
}
